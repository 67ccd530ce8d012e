package ledger

import (
	"fmt"
	"slices"

	"passbook.example/passbook/branch/code"
)

// MaxOperations bounds the operations of one bulk.
const MaxOperations = 8192

// Operations are the deposits, withdrawals and transfers of a bulk, in their
// order, as columns: operation i pays Amounts[i] from one account to another.
// A thousand of them cost little more than one, and the journal has them as
// one entry under one request id.
type Operations struct {
	// Accounts are the names that From and To point at. Invariant: ascending.
	Accounts []string
	// From and To are places in Accounts, counted from 1; 0 is outside the
	// bank. So a deposit is from 0 and a withdrawal to 0.
	From, To []uint32
	// Amounts are greater than 0.
	Amounts []Amount
	// AllOrNone says that all were to be carried out, or none.
	AllOrNone bool
	// Insufficient and Unavailable are the indexes of the operations that were not
	// carried out, ascending: because there was too little money, or because it could
	// not be reached.
	Insufficient, Unavailable []uint32
}

// Len returns the number of operations.
func (o *Operations) Len() int { return len(o.Amounts) }

// Refused returns the number of operations that are not carried out.
func (o *Operations) Refused() int { return len(o.Insufficient) + len(o.Unavailable) }

// SameAs reports whether two bulks ask for the same.
func (o *Operations) SameAs(p *Operations) bool {
	return o.AllOrNone == p.AllOrNone && slices.Equal(o.Amounts, p.Amounts) && slices.Equal(o.From, p.From) &&
		slices.Equal(o.To, p.To) && slices.Equal(o.Accounts, p.Accounts)
}

// ErrOperations refuses a bulk whose columns don't fit together.
var ErrOperations = code.New(code.InvalidArgument, "malformed list of operations")

func badOperations(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrOperations, fmt.Sprintf(format, args...))
}

// Check returns an error if the operations themselves are malformed, whatever the
// ledger. It wraps ErrOperations, ErrAmount, ErrAccount or ErrSelf.
func (o *Operations) Check() error {
	n := len(o.Amounts)
	if n == 0 || n > MaxOperations || len(o.From) != n || len(o.To) != n || len(o.Accounts) > 2*n {
		return badOperations("it has 1 to %d operations, each with an amount and an account", MaxOperations)
	}
	for k, name := range o.Accounts {
		if !isAccount(name) {
			return ErrAccount
		}
		if k > 0 && name <= o.Accounts[k-1] {
			return badOperations("account %q is not in order", name)
		}
	}
	last := uint32(len(o.Accounts))
	for i, amount := range o.Amounts {
		from, to := o.From[i], o.To[i]
		switch {
		case amount <= 0:
			return fmt.Errorf("operation %d: %w", i, ErrAmount)
		case from > last || to > last:
			return badOperations("operation %d names account %d of %d", i, max(from, to), last)
		case from == to && from == 0:
			return badOperations("operation %d names no account", i)
		case from == to:
			return fmt.Errorf("operation %d: %w", i, ErrSelf)
		}
	}
	return o.checkRefused()
}

func (o *Operations) checkRefused() error {
	refused := o.Refused()
	switch {
	case refused == 0:
		return nil
	case o.AllOrNone:
		return badOperations("all were to be carried out, or none, and %d of them are not", refused)
	case refused >= len(o.Amounts):
		return badOperations("none of them was carried out")
	}
	for which, list := range [][]uint32{o.Insufficient, o.Unavailable} {
		for k, i := range list {
			// Money that comes in is never insufficient.
			if int(i) >= len(o.Amounts) || k > 0 && i <= list[k-1] || which == 0 && o.From[i] == 0 {
				return badOperations("operation %d can't be one that was refused", i)
			}
		}
	}
	for _, i := range o.Unavailable {
		if _, twice := slices.BinarySearch(o.Insufficient, i); twice {
			return badOperations("operation %d is refused twice", i)
		}
	}
	return nil
}

// eachBut visits the operations in order, except those in an ascending list.
func (o *Operations) eachBut(list []uint32, visit func(i int)) {
	for i := range o.Amounts {
		if len(list) > 0 && list[0] == uint32(i) {
			list = list[1:]
			continue
		}
		visit(i)
	}
}

// EachDone visits the operations that are carried out, in order, until visit
// returns false.
func (o *Operations) EachDone(visit func(i int) bool) {
	insufficient, unavailable := o.Insufficient, o.Unavailable
	for i := range o.Amounts {
		switch {
		case len(insufficient) > 0 && insufficient[0] == uint32(i):
			insufficient = insufficient[1:]
		case len(unavailable) > 0 && unavailable[0] == uint32(i):
			unavailable = unavailable[1:]
		case !visit(i):
			return
		}
	}
}

// Touched returns, for each account, whether an operation that is carried out
// changes its balance.
func (o *Operations) Touched() []bool {
	touched := make([]bool, len(o.Accounts)+1)
	o.EachDone(func(i int) bool {
		touched[o.From[i]], touched[o.To[i]] = true, true
		return true
	})
	return touched[1:]
}

// Pays returns, for each account, whether an operation that is carried out takes
// from it.
func (o *Operations) Pays() []bool {
	pays := make([]bool, len(o.Accounts)+1)
	o.EachDone(func(i int) bool {
		pays[o.From[i]] = true
		return true
	})
	return pays[1:]
}

// maxBytes is the most that the operations take in a batch.
func (o *Operations) maxBytes() int {
	n := 32 + 20*len(o.Amounts)
	for _, name := range o.Accounts {
		n += len(name) + 3
	}
	return n + 5*(len(o.Insufficient)+len(o.Unavailable))
}

// tally is one account while operations are run on the side.
type tally struct {
	// escrow and paid are those of the branch before the operations; 0 if nobody has
	// paid into the account.
	escrow, paid Amount
	// net is the sum of the operations so far, low the lowest value that it has had.
	// Invariant: neither is below -MaxAmount.
	net, low Amount
	touched  bool // an operation was carried out on the account
}

// tallies returns the accounts of o as the i-th branch has them, at index 1
// and up. They last until the next call.
func (l *Ledger) tallies(i int, o *Operations) []tally {
	l.tallied = append(l.tallied[:0], tally{})
	for _, name := range o.Accounts {
		t := tally{}
		if a := l.accounts.find(name); a != nil {
			own := l.share(a, i)
			t.escrow, t.paid = own.escrow, own.paid
		}
		l.tallied = append(l.tallied, t)
	}
	return l.tallied
}

// take takes an amount away. It reports whether some balance could cover all that
// is taken.
func (t *tally) take(amount Amount) bool {
	t.touched = true
	if t.net < 0 && amount > MaxAmount+t.net {
		return false
	}
	t.net -= amount
	t.low = min(t.low, t.net)
	return true
}

// put adds an amount, if the branch's payments into the account stay within limit.
func (t *tally) put(amount, limit Amount) bool {
	t.touched = true
	paid := t.net
	// A tally never falls below -MaxAmount, and a branch's payments lie between
	// -limit and limit: only the sum of two can overflow.
	if t.paid < 0 && paid < -MaxAmount-t.paid {
		paid = -MaxAmount
	} else {
		paid += t.paid
	}
	if amount > limit || paid > limit-amount {
		return false
	}
	t.net += amount
	return true
}

// Shortfall is an account of which a branch has too little escrow for some
// operations.
type Shortfall struct {
	Account string // its name
	// Need is how much of the account's escrow the operations take before they give
	// any back.
	Need Amount
}

// Plan runs the operations that are not refused on the side, and returns the
// accounts whose escrow at the i-th branch does not cover them. It returns a
// *LimitError if an operation could overflow a balance, or if they take more from an
// account than any balance can be.
func (l *Ledger) Plan(i int, o *Operations) ([]Shortfall, error) {
	t := l.tallies(i, o)
	if err := l.run(i, o, t); err != nil {
		return nil, err
	}
	var short []Shortfall
	for k := range o.Accounts {
		if t := &t[k+1]; -t.low > t.escrow {
			short = append(short, Shortfall{Account: o.Accounts[k], Need: -t.low})
		}
	}
	return short, nil
}

// Needs returns how much of the i-th branch's escrow of each account the operations
// that are not refused take before they give any back. It returns a *LimitError when
// Plan does.
func (l *Ledger) Needs(i int, o *Operations) ([]Amount, error) {
	t := l.tallies(i, o)
	if err := l.run(i, o, t); err != nil {
		return nil, err
	}
	needs := make([]Amount, len(o.Accounts))
	for k := range needs {
		needs[k] = -t[k+1].low
	}
	return needs, nil
}

// run carries out the operations that are not refused, on tallies.
func (l *Ledger) run(i int, o *Operations, t []tally) (err error) {
	limit := l.Limit()
	o.EachDone(func(k int) bool {
		amount := o.Amounts[k]
		if from := o.From[k]; from != 0 && !t[from].take(amount) {
			err = fmt.Errorf("operation %d: %w", k, &LimitError{Account: o.Accounts[from-1], Amount: amount, Limit: MaxAmount, Taken: true})
			return false
		}
		if to := o.To[k]; to != 0 && !t[to].put(amount, limit) {
			err = fmt.Errorf("operation %d: %w", k, &LimitError{Account: o.Accounts[to-1], Amount: amount, Limit: limit})
		}
		return err == nil
	})
	return err
}

// RefuseBelow decides anew which operations are refused as insufficient: those that
// take more from an account than the operations before them have left of balance,
// which is the account's balance over all branches. It reports whether other
// operations are refused now.
//
// An operation may have been refused earlier because of one before it. If that one
// is refused now, the later one may be carried out after all. The money that it
// brings to another account makes the refusals there void: they are decided again
// when that account's turn comes. So each refusal holds at one moment, after just
// those operations that are carried out.
func (o *Operations) RefuseBelow(name string, balance Amount) bool {
	at, ok := slices.BinarySearch(o.Accounts, name)
	if !ok {
		return false
	}
	place := uint32(at + 1)
	had := o.Insufficient
	before := had
	o.Insufficient = nil
	more := make([]bool, len(o.Accounts)+1) // accounts that get more than they did
	o.eachBut(o.Unavailable, func(i int) {
		from, to, amount := o.From[i], o.To[i], o.Amounts[i]
		was := len(before) > 0 && before[0] == uint32(i)
		if was {
			before = before[1:]
		}
		switch {
		case from == place && amount > balance:
			o.Insufficient = append(o.Insufficient, uint32(i))
			return
		case from == place:
			balance -= amount
		case was && !more[from]:
			o.Insufficient = append(o.Insufficient, uint32(i))
			return
		case to == place:
			balance += min(amount, MaxAmount-balance)
		}
		if was && to != 0 {
			more[to] = true
		}
	})
	return !slices.Equal(had, o.Insufficient)
}

// RefuseUncovered refuses operations as unavailable: those that the i-th branch's
// escrow does not cover after the operations before them, and those that take from
// or pay into an account that is blocked now. If an operation was insufficient only
// after one that is unavailable now, nobody knows whether it still is: it counts as
// unavailable too.
func (l *Ledger) RefuseUncovered(i int, o *Operations, blocked func(account string, pays bool) bool) {
	t := l.tallies(i, o)
	stuckFrom, stuckTo := make([]bool, len(t)), make([]bool, len(t))
	for k, name := range o.Accounts {
		stuckFrom[k+1], stuckTo[k+1] = blocked(name, true), blocked(name, false)
	}
	var insufficient, refused []uint32
	unsure := make([]bool, len(t)) // accounts of which one that pays is refused now
	before := o.Insufficient
	o.eachBut(o.Unavailable, func(k int) {
		from, to, amount := o.From[k], o.To[k], o.Amounts[k]
		if len(before) > 0 && before[0] == uint32(k) {
			before = before[1:]
			if unsure[from] {
				refused = append(refused, uint32(k))
			} else {
				insufficient = append(insufficient, uint32(k))
			}
			return
		}
		if stuckFrom[from] || stuckTo[to] || from != 0 && t[from].net < amount-t[from].escrow {
			unsure[from] = from != 0
			refused = append(refused, uint32(k))
			return
		}
		if from != 0 {
			t[from].take(amount) // the escrow covers it
		}
		if to != 0 {
			t[to].put(amount, l.Limit()) // Plan finds amounts over the limit
		}
	})
	o.Insufficient, o.Unavailable = insufficient, merge(o.Unavailable, refused)
}

// merge returns two ascending lists as one.
func merge(a, b []uint32) []uint32 {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return all
}

// postOperations posts a bulk. The caller has checked it and its sequence.
func (l *Ledger) postOperations(i int, e *Entry) ([]Amount, error) {
	o := e.Operations
	t := l.tallies(i, o)
	if err := l.run(i, o, t); err != nil {
		return nil, err
	}
	for k, name := range o.Accounts {
		if t := &t[k+1]; -t.low > t.escrow {
			return nil, &EscrowError{Branch: l.branches[i], Account: name, Escrow: t.escrow, Amount: -t.low}
		}
	}
	balances := take(&l.balances, len(o.Accounts), maxPiece)
	for k, name := range o.Accounts {
		t := &t[k+1]
		if !t.touched {
			balances[k] = l.Balance(name)
			continue
		}
		a := l.open(name)
		l.touch(a)
		l.pay(a, i, t.net)
		l.part(a, i).last = e.Sequence
		balances[k] = a.balance
	}
	return balances, nil
}
