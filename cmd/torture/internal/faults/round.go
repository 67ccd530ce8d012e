// Package faults are the ways to harm the bank, and the rounds in which a seed
// lets them strike. It knows the bank that it harms; the run knows it.
package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"passbook.example/passbook/cmd/torture/internal/bank"
	"passbook.example/passbook/cmd/torture/internal/history"
)

// Kind is one way to harm the bank.
type Kind struct {
	// Name is what flags and reports call it.
	Name string
	// weight is how often it is chosen, compared with the others.
	weight int
	// alone says that nothing else strikes at the same time, and that the bank
	// is whole before: what it takes away, the others must have.
	alone bool
	// plan chooses whom to harm, and returns what does it: that strikes, waits,
	// and undoes it. It returns nil when nobody is left to harm.
	plan func(r *Round) func(context.Context) error
}

// Kinds are all there are.
var Kinds = []*Kind{
	{Name: "kill -9", weight: 8, plan: planKill(1)},
	{Name: "kill -9 of several", weight: 4, plan: planKill(3)},
	{Name: "kill -9 of all", weight: 3, plan: planKill(5)},
	{Name: "SIGTERM", weight: 3, plan: planStop},
	{Name: "SIGSTOP", weight: 8, plan: planFreeze},
	{Name: "one way cut", weight: 6, plan: planCut(true)},
	{Name: "both ways cut", weight: 5, plan: planCut(false)},
	{Name: "partition", weight: 6, plan: planSplit(false)},
	{Name: "one-way partition", weight: 5, plan: planSplit(true)},
	{Name: "slow links", weight: 5, plan: planSlow},
	{Name: "dripping links", weight: 4, plan: planDrip},
	{Name: "reset mid-message", weight: 6, plan: planReset},
	{Name: "full disk", weight: 6, plan: planFull},
	{Name: "wiped disk", weight: 7, alone: true, plan: planWipe},
	{Name: "old disk", weight: 7, alone: true, plan: planOld},
}

// KindOf returns the kind of fault of that name, or nil.
func KindOf(name string) *Kind {
	for _, k := range Kinds {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// KindNames lists the names of all kinds.
func KindNames() string {
	var names []string
	for _, k := range Kinds {
		names = append(names, `"`+k.Name+`"`)
	}
	return strings.Join(names, ", ")
}

// Round is the faults that strike at about the same time. It is planned by one
// goroutine, from one seed; after that rng is not used.
type Round struct {
	// number and rng decide what strikes.
	number int
	// bank is the one that is harmed.
	bank *bank.Bank
	rng  *rand.Rand
	// taken are the branches whose process is somebody's already.
	taken []uint32
	// Faults are the kinds that strike.
	Faults []*Kind
	// acts strike, wait, and undo it.
	acts []func(context.Context) error
	// Alone says that the bank is to be whole before.
	Alone bool
}

// Plan chooses the faults of a round: one to three, or those that are
// given by name.
func Plan(b *bank.Bank, seed uint64, number int, names ...string) *Round {
	r := &Round{number: number, bank: b, rng: rand.New(rand.NewPCG(seed, uint64(number)))}
	if len(names) > 0 {
		for _, name := range names {
			r.add(KindOf(name))
		}
		return r
	}
	r.add(r.choose())
	for n := r.rng.IntN(3); n > 0 && !r.Alone; n-- {
		if k := r.choose(); !k.alone && !slices.Contains(r.Faults, k) {
			r.add(k)
		}
	}
	return r
}

func (r *Round) add(k *Kind) {
	if act := k.plan(r); act != nil {
		r.Faults, r.acts, r.Alone = append(r.Faults, k), append(r.acts, act), r.Alone || k.alone
	}
}

func (r *Round) choose() *Kind {
	total := 0
	for _, k := range Kinds {
		total += k.weight
	}
	n := r.rng.IntN(total)
	for _, k := range Kinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	return Kinds[0]
}

// take reserves n branches, or fewer when fewer are free.
func (r *Round) take(n int) []*bank.Node {
	var free []uint32
	for _, id := range history.BranchIDs {
		if !slices.Contains(r.taken, id) {
			free = append(free, id)
		}
	}
	var nodes []*bank.Node
	for _, id := range pickSome(r.rng, free, min(n, len(free))) {
		r.taken = append(r.taken, id)
		nodes = append(nodes, r.bank.Nodes[id])
	}
	return nodes
}

// between chooses a time.
func (r *Round) between(from, to time.Duration) time.Duration {
	return from + time.Duration(r.rng.Int64N(int64(to-from)))
}

// chance is true once in n times.
func (r *Round) chance(n int) bool { return r.rng.IntN(n) == 0 }

// String says which faults the round has.
func (r *Round) String() string {
	var names []string
	for _, k := range r.Faults {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

// Strike makes all faults of the round strike at once, and waits for them.
func (r *Round) Strike(ctx context.Context) error {
	errs := make([]error, len(r.acts))
	var all sync.WaitGroup
	for i, act := range r.acts {
		all.Go(func() { errs[i] = act(ctx) })
	}
	all.Wait()
	errs = append(errs, r.bank.History.Accused())
	return errors.Join(errs...)
}

// pickSome chooses n of s.
func pickSome[T any](rng *rand.Rand, s []T, n int) []T {
	s = slices.Clone(s)
	rng.Shuffle(len(s), func(i, k int) { s[i], s[k] = s[k], s[i] })
	return s[:n]
}
