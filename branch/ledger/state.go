package ledger

import (
	"fmt"
	"slices"
)

// AccountState is one account as it is kept on disk. The slices go by the
// order of [Ledger.Branches].
type AccountState struct {
	Name   string
	Escrow []Amount
	Paid   []Amount
	Last   []uint64
}

// TakeTouched returns the states of the accounts that changed since it was
// last called: what a commit has to write. The states are copies.
func (l *Ledger) TakeTouched() []AccountState {
	if len(l.touched) == 0 {
		return nil
	}
	states := make([]AccountState, 0, len(l.touched))
	for _, a := range l.touched {
		a.touched = false
		states = append(states, AccountState{Name: a.name, Escrow: slices.Clone(a.escrow), Paid: slices.Clone(a.paid), Last: slices.Clone(a.last)})
	}
	l.touched = l.touched[:0]
	return states
}

// Restore sets the ledger to a state that was kept: heads by the order of
// Branches, the accounts, and the clock. It replaces the opening balance, and
// keeps the slices. It errs, and the ledger is unchanged, when the state is not
// of this bank's branches or breaks an invariant.
func (l *Ledger) Restore(heads []Head, accounts []AccountState, clock uint64) error {
	n := len(l.branches)
	if len(heads) != n {
		return fmt.Errorf("state has %d journals where the bank has %d branches", len(heads), n)
	}
	restored := make(map[string]*account, len(accounts))
	for _, s := range accounts {
		if len(s.Escrow) != n || len(s.Paid) != n || len(s.Last) != n {
			return fmt.Errorf("state of account %q does not have %d branches", s.Name, n)
		}
		a := &account{name: s.Name, escrow: s.Escrow, paid: s.Paid, last: s.Last}
		for _, e := range s.Escrow {
			a.balance += e
		}
		if restored[s.Name] != nil {
			return fmt.Errorf("state has account %q twice", s.Name)
		}
		restored[s.Name] = a
	}
	after := Ledger{branches: l.branches, accounts: restored}
	if err := after.CheckInvariants(); err != nil {
		return err
	}
	l.accounts, l.clock, l.touched = restored, clock, nil
	copy(l.heads, heads)
	return nil
}
