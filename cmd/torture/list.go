package main

import (
	"fmt"
	"slices"
)

// operation is a deposit, a withdrawal or a transfer: alone, or one of a list.
type operation struct {
	Kind        kind
	Account, To string
	Amount      int64
}

// change is what the operation adds to an account's balance.
func (o *operation) change(account string) int64 {
	switch {
	case o.Kind == deposit && o.Account == account:
		return o.Amount
	case o.Kind != deposit && o.Account == account:
		return -o.Amount
	case o.Kind == transfer && o.To == account:
		return o.Amount
	}
	return 0
}

// effect is what operations do to an account when they are carried out in
// their order and at one moment.
type effect struct {
	// net is what they add to the balance, low how deep they take it below
	// where it was on the way. Invariant: low is neither above 0 nor above net.
	net, low int64
}

// then is the effect followed by one more change.
func (e effect) then(change int64) effect {
	return effect{e.net + change, min(e.low, e.net+change)}
}

func effectOf(ops []operation, account string) effect {
	var e effect
	for i := range ops {
		e = e.then(ops[i].change(account))
	}
	return e
}

// effectsOfSome returns what any of the operations, carried out without the
// others, can do to an account; each effect once.
func effectsOfSome(ops []operation, account string) []effect {
	all := []effect{{}}
	for i := range ops {
		change := ops[i].change(account)
		if change == 0 {
			continue
		}
		for _, e := range slices.Clone(all) {
			if e = e.then(change); !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	return all
}

// refusals are the operations of a list, counted from 0, that were not carried
// out: the balance was too small, or branches could not be reached.
type refusals struct {
	Insufficient, Unavailable []uint32
}

func (r *refusals) has(i int) bool {
	return slices.Contains(r.Insufficient, uint32(i)) || slices.Contains(r.Unavailable, uint32(i))
}

func (r *refusals) count() int { return len(r.Insufficient) + len(r.Unavailable) }

func (r *refusals) same(q *refusals) bool {
	return slices.Equal(r.Insufficient, q.Insufficient) && slices.Equal(r.Unavailable, q.Unavailable)
}

func (r refusals) String() string {
	return fmt.Sprintf("operations %v insufficient and %v unavailable", r.Insufficient, r.Unavailable)
}

// done returns the operations that are carried out.
func (r *refusals) done(ops []operation) []operation {
	if r.count() == 0 {
		return ops
	}
	var out []operation
	for i := range ops {
		if !r.has(i) {
			out = append(out, ops[i])
		}
	}
	return out
}

// check says what can't be refused of a list of the given kind.
func (r *refusals) check(k kind, ops []operation) error {
	if k == allOrNone && r.count() > 0 {
		return fmt.Errorf("carried out in part though all or none: %v of %d operations", r, len(ops))
	}
	for _, indexes := range [][]uint32{r.Insufficient, r.Unavailable} {
		for n, i := range indexes {
			if int(i) >= len(ops) || n > 0 && i <= indexes[n-1] {
				return fmt.Errorf("refused what is not there: %v of %d", r, len(ops))
			}
		}
	}
	for _, i := range r.Insufficient {
		if slices.Contains(r.Unavailable, i) {
			return fmt.Errorf("refused twice: %v", r)
		}
		if ops[i].Kind == deposit || r.needed(ops, int(i)) <= 0 {
			return fmt.Errorf("refused for nothing: operation %d takes nothing but what those before it bring, and is among %v", i, r)
		}
	}
	return nil
}

// needed is what a refused operation takes of its account beyond what those
// before it bring that are carried out.
func (r *refusals) needed(ops []operation, i int) int64 {
	return ops[i].Amount - effectOf(r.done(ops[:i]), ops[i].Account).net
}

// shortfalls returns, for each account of which operations were insufficient,
// the least amount that its balance was below. One verdict decides all of an
// account's operations, so that is all that was said.
func (r *refusals) shortfalls(ops []operation) map[string]int64 {
	least := map[string]int64{}
	for _, i := range r.Insufficient {
		need, account := r.needed(ops, int(i)), ops[i].Account
		if l, ok := least[account]; !ok || need < l {
			least[account] = need
		}
	}
	return least
}
