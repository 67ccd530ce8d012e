package simulation

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A history is what happens to one account: the writes, at whatever level they
// are acknowledged, the answers to strong queries, and the refusals. It is told
// by the customers, and by the disks only where a customer was told nothing.
type history struct {
	w       *world
	account string
	began   map[uint64]int64 // by call
	ops     []porcupine.Operation
	// writes are the indexes into ops by what was asked for; waiting are those of which
	// no customer was told yet.
	writes  map[*request]int
	waiting map[*request]bool
	asked   map[uint64]*request // by call
	// recordedAt is when a bulk was recorded, by call: what it refuses, it
	// refuses before.
	recordedAt map[uint64]int64
}

// deed is what an operation does: it changes the balance by an amount, or
// finds it to be that, or below.
type deed struct {
	kind   string
	amount ledger.Amount
	// turn is its place among the writes of a flood, from 1; 0 for all others.
	turn int
}

const (
	changes = "changes it by"
	isBelow = "finds it below"
	finds   = "finds it to be"
)

func recordHistory(w *world, account string) *history {
	h := &history{w: w, account: account, began: map[uint64]int64{}, writes: map[*request]int{}, waiting: map[*request]bool{}, asked: map[uint64]*request{}, recordedAt: map[uint64]int64{}}
	w.onCall = func(c *call) { h.began[c.id], h.asked[c.id] = h.moment(), c.req }
	w.onRecord = h.recorded
	w.onAnswer = h.answered
	return h
}

func (h *history) moment() int64 { return int64(h.w.step) }

func (h *history) add(began int64, d deed) {
	h.ops = append(h.ops, porcupine.Operation{ClientId: len(h.ops), Input: d, Call: began, Return: h.moment()})
}

// recorded notes a write. It takes effect before a customer is told of it: a snapshot may
// come before it.
func (h *history) recorded(e *ledger.Entry) {
	if e.Kind == ledger.Bulk {
		h.recordedAt[uint64(e.RecordedAt)] = h.moment()
	}
	h.w.oracle.effect(e, func(account int, amount ledger.Amount) {
		if h.w.accounts[account] == h.account {
			id := uint64(e.RecordedAt)
			h.writes[h.asked[id]], h.waiting[h.asked[id]] = len(h.ops), true
			h.add(h.began[id], deed{kind: changes, amount: amount})
			h.ops[len(h.ops)-1].Return = math.MaxInt64
		}
	})
}

func (h *history) answered(c *call, reply *protocol.Reply) {
	if k, ok := h.writes[c.req]; ok && h.waiting[c.req] && reply.Receipt.Sequence > 0 {
		h.ops[k].Return = h.moment()
		h.waiting[c.req] = false
	}
	var insufficient *protocol.InsufficientError
	switch {
	case errors.As(reply.Err, &insufficient) && insufficient.Account == h.account:
		h.add(h.began[c.id], deed{kind: isBelow, amount: insufficient.Amount})
	case reply.Err == nil && c.req.strong && c.req.entry.Account == h.account:
		h.add(h.began[c.id], deed{kind: finds, amount: reply.Balance})
	case reply.Err == nil && reply.Operations != nil && !reply.Replay:
		h.refusedPart(c, reply.Operations)
	}
}

// refusedPart adds what the operations say that were refused as insufficient:
// the balance was below the least that one of them needed.
func (h *history) refusedPart(c *call, o *ledger.Operations) {
	least, any := ledger.MaxAmount, false
	for _, i := range o.Insufficient {
		if o.Accounts[o.From[i]-1] == h.account {
			least, any = min(least, needed(o, h.account, int(i))), true
		}
	}
	if !any {
		return
	}
	h.add(h.began[c.id], deed{kind: isBelow, amount: least})
	if at, ok := h.recordedAt[c.id]; ok {
		h.ops[len(h.ops)-1].Return = at
	}
}

// known is a balance, and how many writes of the flood are in it.
type known struct {
	balance ledger.Amount
	turn    int
}

// accountModel is one balance that is never negative.
func accountModel(opening ledger.Amount) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return known{balance: opening} },
		Step: func(state, input, _ any) (bool, any) {
			s, d := state.(known), input.(deed)
			switch d.kind {
			case changes:
				if d.turn > 0 && d.turn != s.turn+1 {
					return false, s
				}
				next := known{s.balance + d.amount, max(s.turn, d.turn)}
				return next.balance >= 0, next
			case isBelow:
				return s.balance < d.amount, s
			}
			return s.balance == d.amount, s
		},
	}
}

// inTurn gives the writes of a flood turns: the most that begin together and do the
// same. Where there is an order of all, there is one in which they go by their ends,
// and the search need not try them in all orders.
func inTurn(ops []porcupine.Operation) {
	type group struct {
		call int64
		deed deed
	}
	groups := map[group][]int{}
	var flood []int
	for i, o := range ops {
		if d := o.Input.(deed); d.kind == changes {
			g := group{o.Call, d}
			groups[g] = append(groups[g], i)
			if len(groups[g]) > len(flood) {
				flood = groups[g]
			}
		}
	}
	slices.SortStableFunc(flood, func(a, b int) int { return cmp.Compare(ops[a].Return, ops[b].Return) })
	for turn, i := range flood {
		d := ops[i].Input.(deed)
		d.turn = turn + 1
		ops[i].Input = d
	}
}

// check reports whether there is an order of the operations, each within its
// call, that explains every answer. Not to know is no answer.
func (h *history) check() porcupine.CheckResult {
	opening := ledger.Amount(0)
	if h.account == ledger.SharedAccount {
		opening = h.w.opening
	}
	ops := essential(h.ops)
	inTurn(ops)
	return porcupine.CheckOperationsTimeout(accountModel(opening), ops, time.Minute)
}

// essential leaves out refusals that follow from another one, of no larger an
// amount and within a shorter time: whatever order has that one has a place for
// them beside it. A flood is thousands that begin and end together, and the
// search tries them in all orders.
func essential(ops []porcupine.Operation) []porcupine.Operation {
	var refusals []porcupine.Operation
	for _, o := range ops {
		if o.Input.(deed).kind == isBelow {
			refusals = append(refusals, o)
		}
	}
	// What something follows from comes before it; of two alike, either does.
	slices.SortStableFunc(refusals, func(a, b porcupine.Operation) int {
		return cmp.Or(cmp.Compare(a.Return-a.Call, b.Return-b.Call), cmp.Compare(a.Input.(deed).amount, b.Input.(deed).amount))
	})
	kept := slices.DeleteFunc(slices.Clone(ops), func(o porcupine.Operation) bool { return o.Input.(deed).kind == isBelow })
	others := len(kept)
	for _, o := range refusals {
		if !slices.ContainsFunc(kept[others:], func(k porcupine.Operation) bool {
			return k.Call >= o.Call && k.Return <= o.Return && k.Input.(deed).amount <= o.Input.(deed).amount
		}) {
			kept = append(kept, o)
		}
	}
	return kept
}

// Strong answers, refusals and all writes have one order.
func TestAccountIsLinearizable(t *testing.T) {
	const seeds = 300
	total, longest := 0, 0
	for seed := range uint64(seeds) {
		w := newWorld(Options{Seed: seed + 1, Steps: 3000}, func(w *world) { w.accounts = w.accounts[:min(2, len(w.accounts))] })
		w.pickFaults()
		w.faults.wipesLeft = 0 // or what was recorded may be lost
		h := recordHistory(w, w.accounts[len(w.accounts)-1])
		w.openDoors()
		w.proceed(w.opts.Steps)
		w.heal()
		w.rest("after the faults")
		if w.failure != nil {
			t.Fatal(w.failure)
		}
		if got := h.check(); got != porcupine.Ok {
			t.Fatalf("seed %d, account %q: %d operations: %s", seed+1, h.account, len(h.ops), got)
		}
		total += len(h.ops)
		longest = max(longest, len(h.ops))
	}
	t.Logf("%d operations, up to %d an account", total, longest)
}

// A history with one answer changed is not in any order: the check can fail.
func TestLinearizabilityCanFail(t *testing.T) {
	tests := map[string]struct {
		kind   string
		change func(*deed)
	}{
		"a balance that never was": {finds, func(d *deed) { d.amount += 100_000 }},
		"a refusal of nothing":     {isBelow, func(d *deed) { d.amount = 0 }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(Options{Seed: 3, Steps: 1500, Calm: true}, func(w *world) { w.accounts = w.accounts[:1] })
			w.pickFaults()
			h := recordHistory(w, ledger.SharedAccount)
			w.openDoors()
			w.proceed(w.opts.Steps)
			w.heal()
			w.rest("at the end")
			k := slices.IndexFunc(h.ops, func(o porcupine.Operation) bool { return o.Input.(deed).kind == test.kind })
			if k < 0 || h.check() != porcupine.Ok {
				t.Fatalf("nothing that %s among %d operations, or they have no order", test.kind, len(h.ops))
			}
			d := h.ops[k].Input.(deed)
			test.change(&d)
			h.ops[k].Input = d
			if got := h.check(); got != porcupine.Illegal {
				t.Errorf("got %s, want %s", got, porcupine.Illegal)
			}
		})
	}
}
