package words_test

import (
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/words"
)

func TestBranches(t *testing.T) {
	for _, tt := range []struct {
		ids  []ledger.BranchID
		want string
	}{
		{[]ledger.BranchID{7}, "branch 7"},
		{[]ledger.BranchID{1, 2}, "branches 1 and 2"},
		{[]ledger.BranchID{1, 2, 4}, "branches 1, 2 and 4"},
		{[]ledger.BranchID{1, 2, 4, 5}, "branches 1, 2 and 2 more"},
	} {
		if got := words.Branches(tt.ids, 2); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.ids, got, tt.want)
		}
	}
	if got := words.IDs([]uint32(nil), 2); got != "" {
		t.Errorf("no ids: %q", got)
	}
}
