package ledger_test

import (
	"testing"

	"passbook.example/passbook/branch/ledger"
)

// However much customers have paid into an account, a journal can be filled up: the entry
// changes no balance, and its ledger never refuses it.
func TestAJournalCanAlwaysBeFilledUp(t *testing.T) {
	l := newLedger(t, 90, 1, 2, 3)
	full := deposit(1, ledger.FillAccount, l.Limit())
	full.Clock = 1
	if _, err := l.Post(0, &full); err != nil {
		t.Fatal(err)
	}
	for sequence := uint64(2); sequence < 5; sequence++ {
		e, ok := l.Fill(0)
		if !ok {
			t.Fatal("there is no such entry")
		}
		if e.Sequence, e.Clock = sequence, sequence; e.Check() != nil {
			t.Fatal(e.Check())
		}
		if _, err := l.Post(0, &e); err != nil {
			t.Fatal(err)
		}
	}
	for account, want := range map[string]ledger.Amount{"shared": 90, ledger.FillAccount: l.Limit()} {
		if got := l.Balance(account); got != want {
			t.Errorf("account %q has %d, want %d", account, got, want)
		}
	}
}
