package ledger

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Ledger is the sum of the entries of all journals at one branch. It is
// deterministic and does no I/O. Its owner calls it from one goroutine.
//
// Invariants: no escrow is negative, the escrows of an account sum to its
// balance, and no balance overflows. Every method that returns an error leaves
// the ledger unchanged.
type Ledger struct {
	branches []BranchID       // ascending
	index    map[BranchID]int // into branches
	heads    []Head           // by index
	// genesis is the hash that the first batch of every journal follows.
	genesis  Hash
	accounts *accounts  // every account that has been paid into
	first    firstNames // answers FirstAccounts
	// touched are the accounts changed since TakeTouched, in order of their
	// first change.
	touched []*account
	// taken is memory for their states.
	taken taken
	// clock is the largest Lamport time of any entry posted.
	clock uint64
	undo  []undo // the entries posted so far of one batch, in their order
	// changed is memory for undo.
	changed []before
	// tallied is memory that tallies uses again.
	tallied []tally
	// balances is memory for the balances of bulks, posted for the results of batches.
	balances []Amount
	posted   []Posted
}

// Head is how far a journal is applied.
type Head struct {
	// Sequence is the sequence of the last applied entry; 0 before the first.
	Sequence uint64
	// Hash is the hash of the last applied batch; before the first, the bank's
	// genesis, and zero as long as the bank is not founded.
	Hash Hash
	// Epoch is the epoch of the last applied batch.
	Epoch uint64
}

// account is one account. There may be millions: its size matters.
type account struct {
	name    string // empty in the place of an account that was removed
	balance Amount // the sum of all escrows
	// at is the place of the account's shares, in the order of their indexes, and
	// count is their number: one for each branch that has used the account. Most
	// accounts are used at few branches, however many the bank has.
	at      uint32
	count   uint16
	touched bool // it is in Ledger.touched
}

// share is one branch's part of an account.
type share struct {
	// index is the index of the branch.
	index int
	// escrow is the part of the balance that only this branch may spend. Invariant:
	// it is not negative, and the escrows of all branches sum to the balance.
	escrow Amount
	// paid is the sum of the branch's own entries, and of its share of the opening
	// balance. Invariant: over all branches it sums to the balance, and none is above
	// its share of MaxAmount, as Spread divides it.
	paid Amount
	// last is the sequence of the branch's last entry that changed the balance.
	last uint64
}

// share returns the i-th branch's part of an account.
func (l *Ledger) share(a *account, i int) share {
	shares := l.accounts.parts.of(a)
	if k, ok := findShare(shares, i); ok {
		return shares[k]
	}
	return share{index: i}
}

// findShare returns the place of the i-th branch's part, or the place where it
// would be.
func findShare(shares []share, i int) (int, bool) {
	if i < len(shares) && shares[i].index == i { // for instance when all have one
		return i, true
	}
	k := 0
	for k < len(shares) && shares[k].index < i {
		k++
	}
	return k, k < len(shares) && shares[k].index == i
}

// part returns the i-th branch's part of an account to change it. It lasts
// until the next call.
func (l *Ledger) part(a *account, i int) *share {
	parts := &l.accounts.parts
	shares := parts.of(a)
	k, ok := findShare(shares, i)
	if !ok {
		before, was := shares, *a
		shares = parts.take(a, len(before)+1)
		copy(shares, before[:k])
		shares[k] = share{index: i}
		copy(shares[k+1:], before[k:])
		parts.free(&was)
	}
	return &shares[k]
}

// undo takes back one posted entry.
type undo struct {
	entry             *Entry // the posted one
	head, clockBefore uint64 // the journal's sequence and the ledger's clock before it
	// from and to are its accounts before it, changed those of a bulk.
	from, to before
	changed  []before
}

// before is an account as it was before an entry.
type before struct {
	balance Amount // over all branches
	last    uint64 // share.last of the entry's writer
	// opened says that the account did not exist.
	opened bool
}

// New returns the ledger before any entry: the opening balance, spread over the
// branches as the shared account's escrow, and nothing else. It returns an error if
// there are no branches or more than 65,535, if one is repeated or 0, or if opening
// is negative.
func New(branches []BranchID, opening Amount) (*Ledger, error) {
	l := &Ledger{branches: slices.Sorted(slices.Values(branches)), index: map[BranchID]int{}, accounts: newAccounts()}
	if len(branches) == 0 {
		return nil, errors.New("a bank needs at least one branch")
	}
	if len(branches) > math.MaxUint16 {
		return nil, fmt.Errorf("a bank has at most %d branches, not %d", math.MaxUint16, len(branches))
	}
	if opening < 0 {
		return nil, fmt.Errorf("opening balance %d is negative", opening)
	}
	for i, b := range l.branches {
		if b == 0 {
			return nil, errors.New("a branch id must be at least 1")
		}
		if _, ok := l.index[b]; ok {
			return nil, fmt.Errorf("branch %d is there twice", b)
		}
		l.index[b] = i
	}
	l.heads = make([]Head, len(l.branches))
	if opening > 0 {
		a := l.open(SharedAccount)
		for i, part := range Spread(opening, len(l.branches)) {
			l.pay(a, i, part)
		}
	}
	return l, nil
}

// Spread divides an opening balance over n branches, in the order of their
// ids: equal parts, and the remainder to the lowest ids.
func Spread(opening Amount, n int) []Amount {
	parts := make([]Amount, n)
	each, rest := opening/Amount(n), opening%Amount(n)
	for i := range parts {
		parts[i] = each
		if Amount(i) < rest {
			parts[i]++
		}
	}
	return parts
}

// Branches returns the ids of all branches, ascending. The caller must not
// change it.
func (l *Ledger) Branches() []BranchID { return l.branches }

// Index returns the place of a branch in Branches, or false.
func (l *Ledger) Index(b BranchID) (int, bool) {
	i, ok := l.index[b]
	return i, ok
}

// Clock returns the largest Lamport time of any entry posted.
func (l *Ledger) Clock() uint64 { return l.clock }

// Head returns how far the journal of the i-th branch is applied.
func (l *Ledger) Head(i int) Head { return l.heads[i] }

// Balance returns the balance of an account in this view; 0 for one that
// nobody has paid into.
func (l *Ledger) Balance(name string) Amount {
	if a := l.accounts.find(name); a != nil {
		return a.balance
	}
	return 0
}

// Escrow returns how much of an account only the i-th branch may spend.
func (l *Ledger) Escrow(name string, i int) Amount {
	if a := l.accounts.find(name); a != nil {
		return l.share(a, i).escrow
	}
	return 0
}

// Last returns the sequence of the i-th branch's last entry that changed the
// balance of an account, or 0.
func (l *Ledger) Last(name string, i int) uint64 {
	if a := l.accounts.find(name); a != nil {
		return l.share(a, i).last
	}
	return 0
}

// Paid returns the sum of the i-th branch's own entries about an account, and of its
// share of the opening balance. Over all branches it sums to the balance.
func (l *Ledger) Paid(name string, i int) Amount {
	if a := l.accounts.find(name); a != nil {
		return l.share(a, i).paid
	}
	return 0
}

// Accounts returns the names of all accounts, ascending.
func (l *Ledger) Accounts() []string {
	names := make([]string, 0, len(l.accounts.byName))
	for a := range l.accounts.all() {
		names = append(names, a.name)
	}
	slices.Sort(names)
	return names
}

// Count returns how many accounts there are.
func (l *Ledger) Count() int { return len(l.accounts.byName) }

// Opens returns how many accounts an entry would open, and the first of them.
func (l *Ledger) Opens(e *Entry) (count int, first string) {
	open := func(name string) {
		if l.accounts.find(name) == nil {
			if count++; count == 1 {
				first = name
			}
		}
	}
	if e.Kind == Bulk {
		for k, touched := range e.Operations.Touched() {
			if touched {
				open(e.Operations.Accounts[k])
			}
		}
		return count, first
	}
	e.EachAccount(open)
	return count, first
}

// Limit returns the most that one branch may have paid into an account.
func (l *Ledger) Limit() Amount { return MaxAmount / Amount(len(l.branches)) }

func (l *Ledger) open(name string) *account {
	a, isNew := l.accounts.open(name)
	if isNew {
		l.first.add(a.name)
	}
	return a
}

// close forgets an account that was opened by mistake.
func (l *Ledger) close(name string) {
	l.accounts.remove(name)
	l.first = firstNames{}
}

func (l *Ledger) touch(a *account) {
	if !a.touched {
		a.touched = true
		l.touched = append(l.touched, a)
	}
}

// CheckInvariants reports the first invariant that does not hold. It is for
// tests and for verifying a data directory.
func (l *Ledger) CheckInvariants() error {
	for _, name := range l.Accounts() {
		a := l.accounts.find(name)
		if err := l.checkAccount(a, l.accounts.parts.of(a)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) checkAccount(a *account, shares []share) error {
	if err := l.checkShares(a, shares); err != nil {
		return fmt.Errorf("account %q: %w", a.name, err)
	}
	return nil
}

func (l *Ledger) checkShares(a *account, shares []share) error {
	var escrow, paid Amount
	for _, s := range shares {
		if s.escrow < 0 {
			return fmt.Errorf("escrow %d of branch %d is negative", s.escrow, l.branches[s.index])
		}
		if s.escrow > MaxAmount-escrow {
			return fmt.Errorf("escrow sums to more than %d", MaxAmount)
		}
		if s.paid-1 > l.Limit() { // the remainder of the opening balance
			return fmt.Errorf("payments %d of branch %d are over the limit of %d", s.paid, l.branches[s.index], l.Limit())
		}
		escrow += s.escrow
		paid += s.paid
	}
	if escrow != a.balance || paid != a.balance {
		return fmt.Errorf("balance %d, escrow sums to %d, payments to %d", a.balance, escrow, paid)
	}
	return nil
}
