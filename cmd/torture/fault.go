package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// faultKind is one way to harm the bank.
type faultKind struct {
	name string
	// weight is how often it is chosen, compared with the others.
	weight int
	// alone says that nothing else strikes at the same time, and that the bank
	// is whole before: what it takes away, the others must have.
	alone bool
	// plan chooses whom to harm, and returns what does it: that strikes, waits,
	// and undoes it. It returns nil when nobody is left to harm.
	plan func(r *round) func(context.Context) error
}

// faultKinds are all there are.
var faultKinds = []*faultKind{
	{name: "kill -9", weight: 8, plan: planKill(1)},
	{name: "kill -9 of several", weight: 4, plan: planKill(3)},
	{name: "kill -9 of all", weight: 3, plan: planKill(5)},
	{name: "SIGTERM", weight: 3, plan: planStop},
	{name: "SIGSTOP", weight: 8, plan: planFreeze},
	{name: "one way cut", weight: 6, plan: planCut(true)},
	{name: "both ways cut", weight: 5, plan: planCut(false)},
	{name: "partition", weight: 6, plan: planSplit(false)},
	{name: "one-way partition", weight: 5, plan: planSplit(true)},
	{name: "slow links", weight: 5, plan: planSlow},
	{name: "dripping links", weight: 4, plan: planDrip},
	{name: "reset mid-message", weight: 6, plan: planReset},
	{name: "full disk", weight: 6, plan: planFull},
	{name: "wiped disk", weight: 7, alone: true, plan: planWipe},
	{name: "old disk", weight: 7, alone: true, plan: planOld},
}

// kindOf returns the kind of fault of that name, or nil.
func kindOf(name string) *faultKind {
	for _, k := range faultKinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

func kindNames() string {
	var names []string
	for _, k := range faultKinds {
		names = append(names, `"`+k.name+`"`)
	}
	return strings.Join(names, ", ")
}

// round is the faults that strike at about the same time. It is planned by one
// goroutine, from one seed; after that rng is not used.
type round struct {
	number int
	bank   *bank
	rng    *rand.Rand
	// taken are the branches whose process is somebody's already.
	taken  []uint32
	faults []*faultKind
	acts   []func(context.Context) error
	alone  bool
}

// planRound chooses the faults of a round: one to three, or those that are
// given by name.
func planRound(b *bank, seed uint64, number int, names ...string) *round {
	r := &round{number: number, bank: b, rng: rand.New(rand.NewPCG(seed, uint64(number)))}
	if len(names) > 0 {
		for _, name := range names {
			r.add(kindOf(name))
		}
		return r
	}
	r.add(r.choose())
	for n := r.rng.IntN(3); n > 0 && !r.alone; n-- {
		if k := r.choose(); !k.alone && !slices.Contains(r.faults, k) {
			r.add(k)
		}
	}
	return r
}

func (r *round) add(k *faultKind) {
	if act := k.plan(r); act != nil {
		r.faults, r.acts, r.alone = append(r.faults, k), append(r.acts, act), r.alone || k.alone
	}
}

func (r *round) choose() *faultKind {
	total := 0
	for _, k := range faultKinds {
		total += k.weight
	}
	n := r.rng.IntN(total)
	for _, k := range faultKinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	return faultKinds[0]
}

// take reserves n branches, or fewer when fewer are free.
func (r *round) take(n int) []*node {
	var free []uint32
	for _, id := range branchIDs {
		if !slices.Contains(r.taken, id) {
			free = append(free, id)
		}
	}
	var nodes []*node
	for _, id := range pickSome(r.rng, free, min(n, len(free))) {
		r.taken = append(r.taken, id)
		nodes = append(nodes, r.bank.nodes[id])
	}
	return nodes
}

// between chooses a time.
func (r *round) between(from, to time.Duration) time.Duration {
	return from + time.Duration(r.rng.Int64N(int64(to-from)))
}

// chance is true once in n times.
func (r *round) chance(n int) bool { return r.rng.IntN(n) == 0 }

// String says which faults the round has.
func (r *round) String() string {
	var names []string
	for _, k := range r.faults {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}
