package host

import "testing"

func TestConnectionsLeaveFilesToTheJournals(t *testing.T) {
	for _, c := range []struct{ files, branches, want int }{
		{0, 50, 0},
		{1 << 20, 50, 0},
		{20_000, 50, 200},
		{1024, 1, 512},
		{1024, 50, 16},
	} {
		if got := connectionsEach(c.files, c.branches); got != c.want {
			t.Errorf("%d files, %d branches: got %d connections each, want %d", c.files, c.branches, got, c.want)
		}
	}
	if openFiles() < 64 {
		t.Errorf("%d files may be open here", openFiles())
	}
}
