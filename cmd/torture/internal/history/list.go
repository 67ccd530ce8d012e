package history

import (
	"fmt"
	"slices"
)

// Operation is a deposit, a withdrawal or a transfer: alone, or one of a list.
type Operation struct {
	// Kind is a deposit, a withdrawal or a transfer.
	Kind Kind
	// Account and To are as in [Write].
	Account, To string
	// Amount is in the smallest unit of the currency.
	Amount int64
}

// Change is what the operation adds to an account's balance.
func (o *Operation) Change(account string) int64 {
	switch {
	case o.Kind == Deposit && o.Account == account:
		return o.Amount
	case o.Kind != Deposit && o.Account == account:
		return -o.Amount
	case o.Kind == Transfer && o.To == account:
		return o.Amount
	}
	return 0
}

// Effect is what operations do to an account when they are carried out in
// their order and at one moment.
type Effect struct {
	// Net is what they add to the balance, low how deep they take it below
	// where it was on the way. Invariant: low is neither above 0 nor above net.
	Net, Low int64
}

// then is the effect followed by one more change.
func (e Effect) then(change int64) Effect {
	return Effect{Net: e.Net + change, Low: min(e.Low, e.Net+change)}
}

// EffectOf returns what operations do to an account.
func EffectOf(ops []Operation, account string) Effect {
	var e Effect
	for i := range ops {
		e = e.then(ops[i].Change(account))
	}
	return e
}

// EffectsOfSome returns what any of the operations, carried out without the
// others, can do to an account; each effect once.
func EffectsOfSome(ops []Operation, account string) []Effect {
	all := []Effect{{}}
	for i := range ops {
		change := ops[i].Change(account)
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

// Refusals are the operations of a list, counted from 0, that were not carried
// out: the balance was too small, or branches could not be reached.
type Refusals struct {
	Insufficient, Unavailable []uint32
}

func (r *Refusals) has(i int) bool {
	return slices.Contains(r.Insufficient, uint32(i)) || slices.Contains(r.Unavailable, uint32(i))
}

// Count is how many operations were refused.
func (r *Refusals) Count() int { return len(r.Insufficient) + len(r.Unavailable) }

// Same reports whether the same operations were refused for the same reasons.
func (r *Refusals) Same(q *Refusals) bool {
	return slices.Equal(r.Insufficient, q.Insufficient) && slices.Equal(r.Unavailable, q.Unavailable)
}

// String implements fmt.Stringer.
func (r Refusals) String() string {
	return fmt.Sprintf("operations %v insufficient and %v unavailable", r.Insufficient, r.Unavailable)
}

// Done returns the operations that are carried out.
func (r *Refusals) Done(ops []Operation) []Operation {
	if r.Count() == 0 {
		return ops
	}
	var out []Operation
	for i := range ops {
		if !r.has(i) {
			out = append(out, ops[i])
		}
	}
	return out
}

// Check says what can't be refused of a list of the given kind.
func (r *Refusals) Check(k Kind, ops []Operation) error {
	if k == AllOrNone && r.Count() > 0 {
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
		if ops[i].Kind == Deposit || r.needed(ops, int(i)) <= 0 {
			return fmt.Errorf("refused for nothing: operation %d takes nothing but what those before it bring, and is among %v", i, r)
		}
	}
	return nil
}

// needed is what a refused operation takes of its account beyond what those
// before it bring that are carried out.
func (r *Refusals) needed(ops []Operation, i int) int64 {
	return ops[i].Amount - EffectOf(r.Done(ops[:i]), ops[i].Account).Net
}

// Shortfalls returns, for each account of which operations were insufficient,
// the least amount that its balance was below. One verdict decides all of an
// account's operations, so that is all that was said.
func (r *Refusals) Shortfalls(ops []Operation) map[string]int64 {
	least := map[string]int64{}
	for _, i := range r.Insufficient {
		need, account := r.needed(ops, int(i)), ops[i].Account
		if l, ok := least[account]; !ok || need < l {
			least[account] = need
		}
	}
	return least
}
