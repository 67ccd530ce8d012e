package ledger

import (
	"fmt"
	"iter"
)

// AccountState is one account as it is stored on disk. The slices are in the order
// of [Ledger.Branches].
type AccountState struct {
	Name   string   // the account's name
	Escrow []Amount // what each branch alone may spend
	Paid   []Amount // the sum of each branch's own entries and its share of the opening balance
	Last   []uint64 // the sequence of each branch's last entry that changed the balance; 0 for none
}

// TakeTouched returns the states of the accounts that changed since it was
// last called: what a commit has to write. The states are copies, and last until
// it is called again: in a large bank they would be a quarter of all garbage.
func (l *Ledger) TakeTouched() []AccountState {
	if len(l.touched) == 0 {
		return nil
	}
	n := len(l.branches)
	states, amounts, lasts := l.taken.of(len(l.touched), n)
	for k, a := range l.touched {
		a.touched = false
		s := AccountState{Name: a.name, Escrow: amounts[:n:n], Paid: amounts[n : 2*n : 2*n], Last: lasts[:n:n]}
		amounts, lasts = amounts[2*n:], lasts[n:]
		for _, part := range l.accounts.parts.of(a) {
			s.Escrow[part.index], s.Paid[part.index], s.Last[part.index] = part.escrow, part.paid, part.last
		}
		states[k] = s
	}
	l.touched = l.touched[:0]
	return states
}

// maxTaken bounds the states whose memory is used again.
const maxTaken = 64

// taken is memory for the states of accounts.
type taken struct {
	states  []AccountState // what TakeTouched returns
	amounts []Amount       // their Escrow and Paid
	lasts   []uint64       // their Last
}

// of returns zeroed memory for k accounts of n branches.
func (t *taken) of(k, n int) ([]AccountState, []Amount, []uint64) {
	if k > maxTaken {
		return make([]AccountState, k), make([]Amount, 2*n*k), make([]uint64, n*k)
	}
	if len(t.states) < k {
		t.states, t.amounts, t.lasts = make([]AccountState, k), make([]Amount, 2*n*k), make([]uint64, n*k)
	} else {
		clear(t.amounts[:2*n*k])
		clear(t.lasts[:n*k])
	}
	return t.states[:k:k], t.amounts, t.lasts
}

// Restore sets the ledger to a state that was stored: heads in the order of Branches,
// the states of the accounts, each of which lasts until the next, and the clock. It
// replaces the opening balance. It returns an error, and the ledger is unchanged, when
// an account comes with an error, or when the state is not of this bank's branches or
// breaks an invariant.
func (l *Ledger) Restore(heads []Head, states iter.Seq2[*AccountState, error], clock uint64) error {
	if n := len(l.branches); len(heads) != n {
		return fmt.Errorf("state has %d journals where the bank has %d branches", len(heads), n)
	}
	restored := newAccounts()
	for s, err := range states {
		if err != nil {
			return err
		}
		a, isNew := restored.open(s.Name)
		if !isNew {
			return fmt.Errorf("state has account %q twice", s.Name)
		}
		if err := l.restoreAccount(a, s, &restored.parts); err != nil {
			return err
		}
	}
	l.accounts, l.first, l.clock, l.touched = restored, firstNames{}, clock, nil
	copy(l.heads, heads)
	return l.Found(l.genesis)
}

// restoreAccount sets an account to its state.
func (l *Ledger) restoreAccount(a *account, s *AccountState, memory *parts) error {
	n := len(l.branches)
	if len(s.Escrow) != n || len(s.Paid) != n || len(s.Last) != n {
		return fmt.Errorf("state of account %q does not have %d branches", s.Name, n)
	}
	used := func(i int) bool { return s.Escrow[i] != 0 || s.Paid[i] != 0 || s.Last[i] != 0 }
	parts := 0
	for i := range n {
		if used(i) {
			parts++
		}
	}
	shares := memory.take(a, parts)
	k := 0
	for i := range n {
		if used(i) {
			shares[k] = share{index: i, escrow: s.Escrow[i], paid: s.Paid[i], last: s.Last[i]}
			a.balance += s.Escrow[i]
			k++
		}
	}
	return l.checkAccount(a, shares)
}
