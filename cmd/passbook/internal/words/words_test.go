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
		{RoundTrip(0), "not measured"},
		{RoundTrip(-1), "not measured"},
		{RoundTrip(99), "< 0.1 ms"},
		{RoundTrip(100), "0.1 ms"},
		{RoundTrip(420), "0.4 ms"},
		{RoundTrip(9_949), "9.9 ms"},
		{RoundTrip(9_950), "10 ms"},
		{RoundTrip(41_260), "41 ms"},
		{RoundTrip(999_499), "999 ms"},
		{RoundTrip(1_240_000), "1.2 s"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
