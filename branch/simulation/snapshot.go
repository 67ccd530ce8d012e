package simulation

import (
	"errors"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// told is what customers know of the entries, in steps of the run.
type told struct {
	// began is when the call began that made an entry, by call; knownAt is when a
	// customer first was told that an entry is recorded.
	began   map[uint64]int
	knownAt map[ledger.Position]int
	// recorded is when each entry was, by its writer's index and its own.
	recorded [][]int
	// cuts are the snapshots that customers have got, refused the refusals.
	cuts    []cut
	refused []refusedCall
}

// cut is a snapshot that a customer has got.
type cut struct {
	// in is how many entries of each journal are in it.
	in []int
	// began and ended are when the query did.
	began, ended int
}

// refusedCall is a call that found too little in an account.
type refusedCall struct {
	account      int
	amount       ledger.Amount
	began, ended int
}

func newTold() told {
	return told{began: map[uint64]int{}, knownAt: map[ledger.Position]int{}}
}

// noteTold notes that a customer is told of an entry, if also by the error that its request
// id is used for something else.
func (o *oracle) noteTold(reply *protocol.Reply) {
	at := reply.Receipt
	var misuse *protocol.RequestError
	if errors.As(reply.Err, &misuse) {
		at = misuse.At
	}
	if _, known := o.told.knownAt[at]; !known && at.Sequence > 0 {
		o.told.knownAt[at] = o.w.step
	}
}

// verifySnapshot checks a strong answer: it is the sum of the entries below its time.
// Those are all that had been acknowledged before the call; no write is among them that
// began after another one was acknowledged that is not; and of two snapshots one holds the
// other.
func (w judge) verifySnapshot(c *call, reply *protocol.Reply) {
	o := w.oracle
	if o.mayLose() {
		return
	}
	account := o.index[c.req.entry.Account]
	sum, in := o.histories[account][0], make([]int, len(o.journals))
	left, first := ledger.Position{}, w.step
	for i, journal := range o.journals {
		in[i] = len(journal)
		if k := slices.IndexFunc(journal, func(e ledger.Entry) bool { return e.Clock >= reply.Snapshot }); k >= 0 {
			in[i] = k
		}
		for k := range journal {
			e := &journal[k]
			changes := false
			o.effect(e, func(a int, amount ledger.Amount) {
				if a == account {
					changes = true
					if k < in[i] {
						sum += amount
					}
				}
			})
			at := ledger.Position{Branch: w.branches[i], Sequence: e.Sequence}
			if known, ok := o.told.knownAt[at]; ok && changes && k >= in[i] && known < first {
				left, first = at, known
			}
		}
	}
	if sum != reply.Balance {
		w.fail("a snapshot is the sum of what is in it", "account %q at %d: %d, its entries add up to %d", c.req.entry.Account, reply.Snapshot, reply.Balance, sum)
	}
	if first < o.told.began[c.id] {
		w.fail("a snapshot holds what was acknowledged before", "account %q at %d: not %+v", c.req.entry.Account, reply.Snapshot, left)
	}
	for i, journal := range o.journals {
		for k := range journal[:in[i]] {
			if e := &journal[k]; o.told.began[uint64(e.RecordedAt)] > first && o.concerns(e, account) {
				w.fail("a snapshot holds what came before what it holds", "account %q at %d: %+v of branch %d, and not %+v", c.req.entry.Account, reply.Snapshot, e, w.branches[i], left)
			}
		}
	}
	for _, other := range o.told.cuts {
		if !within(in, other.in) && !within(other.in, in) {
			w.fail("of two snapshots one holds the other", "%v and %v", in, other.in)
		}
	}
	o.told.cuts = append(o.told.cuts, cut{in, o.told.began[c.id], w.step})
}

// mayLose reports whether what was recorded may be lost, or what peers say be a lie.
func (o *oracle) mayLose() bool { return slices.Max(o.wipes) > 0 || o.w.opts.Liar }

// noteRefused notes that a customer is told that an account has too little.
func (o *oracle) noteRefused(c *call, err *protocol.InsufficientError) {
	o.told.refused = append(o.told.refused, refusedCall{o.index[err.Account], err.Amount, o.told.began[c.id], o.w.step})
}

// checkOrder checks that each refusal has a place among the snapshots: before those that
// began after it, after those that ended before it, and at a moment of the call, but for
// writes that the snapshots on both sides put elsewhere.
func (o *oracle) checkOrder() {
	if o.mayLose() {
		return
	}
	slices.SortFunc(o.told.cuts, func(a, b cut) int {
		if within(a.in, b.in) {
			return -1
		}
		return 1
	})
	sums := make([][][]ledger.Amount, len(o.histories)) // by account and journal, what the first entries add up to
	for a := range sums {
		sums[a] = o.sums(a)
	}
	for _, r := range o.told.refused {
		if !o.fits(r, sums[r.account]) {
			o.w.fail("refusals and snapshots have one order", "account %q had %d at least all the time from step %d to %d", o.w.accounts[r.account], r.amount, r.began, r.ended)
		}
	}
}

// sums returns what the first entries of each journal add up to in an account.
func (o *oracle) sums(account int) [][]ledger.Amount {
	all := make([][]ledger.Amount, len(o.journals))
	for i, journal := range o.journals {
		all[i] = []ledger.Amount{0}
		for k := range journal {
			sum := all[i][k]
			o.effect(&journal[k], func(a int, amount ledger.Amount) {
				if a == account {
					sum += amount
				}
			})
			all[i] = append(all[i], sum)
		}
	}
	return all
}

// fits looks for a refusal's place.
func (o *oracle) fits(r refusedCall, sums [][]ledger.Amount) bool {
	from, to := o.at(r.began), o.at(r.ended)
	none, all := make([]int, len(sums)), make([]int, len(sums))
	for i := range all {
		all[i] = len(o.journals[i])
	}
	moments := [][]int{from}
	for i := range from {
		// A branch records several entries in one step, and may refuse between two of them.
		for k := from[i]; k < to[i]; k++ {
			at := o.at(o.told.recorded[i][k])
			at[i] = k + 1
			moments = append(moments, at)
		}
	}
	cuts := slices.Concat([]cut{{none, -1, -1}}, o.told.cuts, []cut{{all, o.w.step + 1, o.w.step + 1}})
	for k := range cuts[1:] {
		before, after := cuts[k], cuts[k+1]
		if before.began > r.ended || after.ended < r.began {
			continue
		}
		for _, at := range moments {
			if o.place(at, from, to, before.in, after.in, r, sums) {
				return true
			}
		}
	}
	return false
}

// place reports whether a refusal may be at a moment, moved between two snapshots.
func (o *oracle) place(at, from, to, before, after []int, r refusedCall, sums [][]ledger.Amount) bool {
	balance := o.histories[r.account][0]
	for i := range at {
		n := min(max(at[i], before[i]), after[i])
		for k := to[i]; k < n; k++ { // no write that began after it
			if e := &o.journals[i][k]; o.told.began[uint64(e.RecordedAt)] > r.ended {
				return false
			}
		}
		for k := n; k < from[i]; k++ { // all that was known before it
			if known, ok := o.told.knownAt[ledger.Position{Branch: o.w.branches[i], Sequence: uint64(k + 1)}]; ok && known < r.began {
				return false
			}
		}
		balance += sums[i][n]
	}
	return balance < r.amount
}

// at returns how many entries each journal had at a step.
func (o *oracle) at(step int) []int {
	at := make([]int, len(o.journals))
	for i := range at {
		at[i], _ = slices.BinarySearch(o.told.recorded[i], step+1)
	}
	return at
}

// concerns reports whether an entry changes an account's balance.
func (o *oracle) concerns(e *ledger.Entry, account int) (yes bool) {
	o.effect(e, func(a int, _ ledger.Amount) { yes = yes || a == account })
	return yes
}

func within(a, b []int) bool {
	for i := range a {
		if a[i] > b[i] {
			return false
		}
	}
	return true
}
