package ledger

import (
	"fmt"
	"slices"
)

// Posted is the result of posting an entry.
type Posted struct {
	// Balance is the balance of the entry's account right after it.
	Balance Amount
	// ToBalance is the balance of the account that a transfer paid into.
	ToBalance Amount
	// Balances are the balances of the accounts of a bulk.
	Balances []Amount
}

// Equal reports whether both results are the same.
func (p *Posted) Equal(o *Posted) bool {
	return p.Balance == o.Balance && p.ToBalance == o.ToBalance && slices.Equal(p.Balances, o.Balances)
}

// BalanceOf returns the balance of an account of the entry right after it.
func (p *Posted) BalanceOf(e *Entry, account string) Amount {
	switch {
	case e.Kind == Bulk:
		if k, ok := slices.BinarySearch(e.Operations.Accounts, account); ok {
			return p.Balances[k]
		}
		return 0
	case e.Kind == Transfer && e.ToAccount == account:
		return p.ToBalance
	}
	return p.Balance
}

// Post applies one entry of the i-th branch's journal. It returns an
// *EscrowError when that branch's escrow does not cover the amount, a
// *LimitError when a balance could overflow, one of Check's errors when the
// entry is malformed, and another error when its sequence is not the next one
// or its grant goes to no other branch; the ledger is then unchanged.
func (l *Ledger) Post(i int, e *Entry) (Posted, error) {
	if err := e.Check(); err != nil {
		return Posted{}, err
	}
	return l.post(i, e)
}

// post is Post for an entry that is well formed.
func (l *Ledger) post(i int, e *Entry) (Posted, error) {
	if want := l.heads[i].Sequence + 1; e.Sequence != want {
		return Posted{}, fmt.Errorf("entry has sequence %d where %d is next", e.Sequence, want)
	}
	if e.Kind == Bulk {
		balances, err := l.postOperations(i, e)
		if err != nil {
			return Posted{}, err
		}
		l.heads[i].Sequence = e.Sequence
		l.clock = max(l.clock, e.Clock)
		return Posted{Balances: balances}, nil
	}
	if err := l.allows(i, e); err != nil {
		return Posted{}, err
	}
	p := l.add(i, e, e.Amount)
	a := l.accounts.find(e.Account)
	if e.ChangesBalance() {
		l.part(a, i).last = e.Sequence
		if e.Kind == Transfer {
			l.part(l.accounts.find(e.ToAccount), i).last = e.Sequence
		}
	}
	l.heads[i].Sequence = e.Sequence
	l.clock = max(l.clock, e.Clock)
	return p, nil
}

// CanPay returns an error if the i-th branch can't write the entry: an *EscrowError,
// a *LimitError, or one of Check's errors.
func (l *Ledger) CanPay(i int, e *Entry) error {
	if err := e.Check(); err != nil {
		return err
	}
	return l.allows(i, e)
}

func (l *Ledger) allows(i int, e *Entry) error {
	if e.Kind != Deposit {
		if escrow := l.Escrow(e.Account, i); escrow < e.Amount {
			return &EscrowError{Branch: l.branches[i], Account: e.Account, Escrow: escrow, Amount: e.Amount}
		}
	}
	switch e.Kind {
	case Deposit:
		return l.withinLimit(i, e.Account, e.Amount)
	case Transfer:
		return l.withinLimit(i, e.ToAccount, e.Amount)
	case Grant:
		if to, ok := l.index[e.ToBranch]; !ok || to == i {
			return fmt.Errorf("grant to branch %d: not another branch of this bank", e.ToBranch)
		}
	}
	return nil
}

func (l *Ledger) withinLimit(i int, name string, amount Amount) error {
	var paid Amount
	if a := l.accounts.find(name); a != nil {
		paid = l.share(a, i).paid
	}
	// paid may be negative, down to -Limit: the difference can't overflow
	// because amount is compared only after ruling that out.
	if limit := l.Limit(); amount > limit || paid > limit-amount {
		return &LimitError{Account: name, Amount: amount, Limit: limit}
	}
	return nil
}

// add moves amount as the entry says; a negative amount takes it back.
func (l *Ledger) add(i int, e *Entry, amount Amount) Posted {
	a := l.open(e.Account)
	l.touch(a)
	switch e.Kind {
	case Deposit:
		l.pay(a, i, amount)
	case Withdrawal:
		l.pay(a, i, -amount)
	case Transfer:
		to := l.open(e.ToAccount)
		l.touch(to)
		l.pay(a, i, -amount)
		l.pay(to, i, amount)
		return Posted{Balance: a.balance, ToBalance: to.balance}
	case Grant:
		l.part(a, i).escrow -= amount
		l.part(a, l.index[e.ToBranch]).escrow += amount
	}
	return Posted{Balance: a.balance}
}

func (l *Ledger) pay(a *account, i int, amount Amount) {
	a.balance += amount
	s := l.part(a, i)
	s.escrow += amount
	s.paid += amount
}

// PostBatch applies all entries of a peer's batch or none, and moves the
// journal's head. The caller has checked that the batch is next in its journal
// and that what it depends on is applied. An error, one of Post's, then means
// that the writer broke a rule: the batch must never be applied.
func (l *Ledger) PostBatch(s *Sealed) ([]Posted, error) {
	i, ok := l.index[s.Batch.Branch]
	if !ok {
		return nil, fmt.Errorf("batch of branch %d, which this bank does not have", s.Batch.Branch)
	}
	posted := take(&l.posted, len(s.Batch.Entries), maxPiece)
	l.undo, l.changed = l.undo[:0], l.changed[:0]
	touched := len(l.touched)
	for k := range s.Batch.Entries {
		e := &s.Batch.Entries[k]
		if err := e.Check(); err != nil {
			l.takeBack(i, touched)
			return nil, fmt.Errorf("entry %d of branch %d: %w", e.Sequence, s.Batch.Branch, err)
		}
		u := undo{entry: e, head: l.heads[i].Sequence, clockBefore: l.clock}
		switch e.Kind {
		case Bulk:
			u.changed = l.before(i, e.Operations.Accounts)
		case Transfer:
			u.to = l.beforeOf(i, e.ToAccount)
			fallthrough
		default:
			u.from = l.beforeOf(i, e.Account)
		}
		p, err := l.post(i, e)
		if err != nil {
			l.takeBack(i, touched)
			return nil, fmt.Errorf("entry %d of branch %d: %w", e.Sequence, s.Batch.Branch, err)
		}
		l.undo = append(l.undo, u)
		posted[k] = p
	}
	l.Seal(i, s.Hash, s.Batch.Epoch)
	return posted, nil
}

// takeBack undoes the entries in l.undo, newest first, and what they have
// touched.
func (l *Ledger) takeBack(i, touched int) {
	for k := len(l.undo) - 1; k >= 0; k-- {
		u := l.undo[k]
		l.heads[i].Sequence, l.clock = u.head, u.clockBefore
		if u.entry.Kind == Bulk {
			l.takeBackOperations(i, u)
			continue
		}
		l.add(i, u.entry, -u.entry.Amount)
		l.part(l.accounts.find(u.entry.Account), i).last = u.from.last
		if u.entry.Kind == Transfer {
			l.part(l.accounts.find(u.entry.ToAccount), i).last = u.to.last
		}
		if u.from.opened {
			l.close(u.entry.Account)
		}
		if u.entry.Kind == Transfer && u.to.opened {
			l.close(u.entry.ToAccount)
		}
	}
	for _, a := range l.touched[touched:] {
		a.touched = false
	}
	l.touched = l.touched[:touched]
}

// before returns the accounts that a bulk may change, as they are now. The result
// lasts until the next PostBatch.
func (l *Ledger) before(i int, accounts []string) []before {
	from := len(l.changed)
	for _, name := range accounts {
		l.changed = append(l.changed, l.beforeOf(i, name))
	}
	return l.changed[from:]
}

func (l *Ledger) beforeOf(i int, name string) before {
	a := l.accounts.find(name)
	if a == nil {
		return before{opened: true}
	}
	return before{balance: a.balance, last: l.share(a, i).last}
}

func (l *Ledger) takeBackOperations(i int, u undo) {
	for k, touched := range u.entry.Operations.Touched() {
		if !touched {
			continue
		}
		name, c := u.entry.Operations.Accounts[k], u.changed[k]
		a := l.accounts.find(name)
		l.pay(a, i, c.balance-a.balance)
		l.part(a, i).last = c.last
		if c.opened {
			l.close(name)
		}
	}
}

// Seal records the hash and epoch of the batch that ends at the i-th journal's
// last posted entry.
func (l *Ledger) Seal(i int, hash Hash, epoch uint64) {
	l.heads[i].Hash, l.heads[i].Epoch = hash, epoch
}
