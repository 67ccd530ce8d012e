package words

import "testing"

func TestWords(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Count(1, "branch"), "1 branch"},
		{Count(2, "branch"), "2 branches"},
		{Count(0, "entry"), "0 entries"},
		{Count(3, "event"), "3 events"},
		{Branches([]uint32{7}), "branch 7"},
		{Branches([]uint32{4, 2, 1}), "branches 1, 2 and 4"},
		{IDs([]uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
