package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// planCut cuts the ways between one or two pairs of branches.
func planCut(oneWay bool) func(*round) func(context.Context) error {
	return func(r *round) func(context.Context) error {
		var ways []pair
		for range 1 + r.rng.IntN(3) {
			ids := pickSome(r.rng, branchIDs, 2)
			ways = append(ways, pair{ids[0], ids[1]})
			if !oneWay {
				ways = append(ways, pair{ids[1], ids[0]})
			}
		}
		return r.block(ways)
	}
}

// planSplit cuts the branches into two groups; one way: those of the first
// can't be heard by those of the second.
func planSplit(oneWay bool) func(*round) func(context.Context) error {
	return func(r *round) func(context.Context) error {
		group := pickSome(r.rng, branchIDs, 1+r.rng.IntN(2))
		if oneWay && r.chance(2) { // the larger group
			group = slices.DeleteFunc(slices.Clone(branchIDs), func(id uint32) bool { return slices.Contains(group, id) })
		}
		var ways []pair
		for _, a := range branchIDs {
			for _, b := range branchIDs {
				if a == b || !slices.Contains(group, a) || slices.Contains(group, b) {
					continue
				}
				ways = append(ways, pair{a, b})
				if !oneWay {
					ways = append(ways, pair{b, a})
				}
			}
		}
		return r.block(ways)
	}
}

// block holds back what goes some ways, for a while. Half the times, the
// connections that were cut are reset in the end, and what they held is lost;
// else it arrives late.
func (r *round) block(ways []pair) func(context.Context) error {
	before, length, reset := r.between(0, 700*time.Millisecond), r.between(300*time.Millisecond, 2500*time.Millisecond), r.chance(2)
	return func(ctx context.Context) error {
		pause(before, ctx.Done())
		r.bank.note("cut %v for %v, reset %v", ways, length, reset)
		r.bank.network.set(traffic{blocked: true}, ways...)
		pause(length, ctx.Done())
		if reset {
			for _, k := range ways {
				r.bank.network.roads[k].dropAll()
				r.bank.network.roads[pair{k.to, k.from}].dropAll()
			}
		}
		r.bank.network.set(traffic{}, ways...)
		return nil
	}
}

// planSlow delays what goes some ways, each by a time of its own.
func planSlow(r *round) func(context.Context) error {
	return r.hinder(func() traffic { return traffic{delay: r.between(5*time.Millisecond, 250*time.Millisecond)} })
}

// planDrip lets little through on some ways.
func planDrip(r *round) func(context.Context) error {
	return r.hinder(func() traffic { return traffic{drip: 8 + r.rng.IntN(120)} })
}

// hinder makes some ways worse for a while.
func (r *round) hinder(how func() traffic) func(context.Context) error {
	ways := map[pair]traffic{}
	for range 2 + r.rng.IntN(8) {
		ids := pickSome(r.rng, branchIDs, 2)
		ways[pair{ids[0], ids[1]}] = how()
	}
	before, length := r.between(0, 500*time.Millisecond), r.between(500*time.Millisecond, 2500*time.Millisecond)
	return func(ctx context.Context) error {
		pause(before, ctx.Done())
		for k, t := range ways {
			r.bank.note("from %d to %d: delay %v, drip %d", k.from, k.to, t.delay, t.drip)
			r.bank.network.set(t, k)
		}
		pause(length, ctx.Done())
		for k := range ways {
			r.bank.network.set(traffic{}, k)
		}
		return nil
	}
}

// planReset breaks connections in the middle of a message, again and again.
func planReset(r *round) func(context.Context) error {
	times, rng := 5+r.rng.IntN(20), rand.New(rand.NewPCG(r.rng.Uint64(), 1))
	return func(ctx context.Context) error {
		for range times {
			ids := pickSome(rng, branchIDs, 2)
			n := r.bank.network.reset(ids[0], ids[1], rng)
			r.bank.note("reset %d connections between %d and %d", n, ids[0], ids[1])
			pause(time.Duration(rng.IntN(120))*time.Millisecond, ctx.Done())
		}
		return nil
	}
}
