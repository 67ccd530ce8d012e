package faults

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/road"
)

// planCut cuts the ways between one or two pairs of branches.
func planCut(oneWay bool) func(*Round) func(context.Context) error {
	return func(r *Round) func(context.Context) error {
		var ways []road.Pair
		for range 1 + r.rng.IntN(3) {
			ids := pickSome(r.rng, history.BranchIDs, 2)
			ways = append(ways, road.Pair{From: ids[0], To: ids[1]})
			if !oneWay {
				ways = append(ways, road.Pair{From: ids[1], To: ids[0]})
			}
		}
		return r.block(ways)
	}
}

// planSplit cuts the branches into two groups; one way: those of the first
// can't be heard by those of the second.
func planSplit(oneWay bool) func(*Round) func(context.Context) error {
	return func(r *Round) func(context.Context) error {
		group := pickSome(r.rng, history.BranchIDs, 1+r.rng.IntN(2))
		if oneWay && r.chance(2) { // the larger group
			group = slices.DeleteFunc(slices.Clone(history.BranchIDs), func(id uint32) bool { return slices.Contains(group, id) })
		}
		var ways []road.Pair
		for _, a := range history.BranchIDs {
			for _, b := range history.BranchIDs {
				if a == b || !slices.Contains(group, a) || slices.Contains(group, b) {
					continue
				}
				ways = append(ways, road.Pair{From: a, To: b})
				if !oneWay {
					ways = append(ways, road.Pair{From: b, To: a})
				}
			}
		}
		return r.block(ways)
	}
}

// block holds back what goes some ways, for a while. Half the times, the
// connections that were cut are reset in the end, and what they held is lost;
// else it arrives late.
func (r *Round) block(ways []road.Pair) func(context.Context) error {
	before, length, reset := r.between(0, 700*time.Millisecond), r.between(300*time.Millisecond, 2500*time.Millisecond), r.chance(2)
	return func(ctx context.Context) error {
		road.Pause(before, ctx.Done())
		r.bank.Note("cut %v for %v, reset %v", ways, length, reset)
		r.bank.Network.Set(road.Traffic{Blocked: true}, ways...)
		road.Pause(length, ctx.Done())
		if reset {
			for _, k := range ways {
				r.bank.Network.Break(k)
			}
		}
		r.bank.Network.Set(road.Traffic{}, ways...)
		return nil
	}
}

// planSlow delays what goes some ways, each by a time of its own.
func planSlow(r *Round) func(context.Context) error {
	return r.hinder(func() road.Traffic { return road.Traffic{Delay: r.between(5*time.Millisecond, 250*time.Millisecond)} })
}

// planDrip lets little through on some ways.
func planDrip(r *Round) func(context.Context) error {
	return r.hinder(func() road.Traffic { return road.Traffic{Drip: 8 + r.rng.IntN(120)} })
}

// hinder makes some ways worse for a while.
func (r *Round) hinder(how func() road.Traffic) func(context.Context) error {
	ways := map[road.Pair]road.Traffic{}
	for range 2 + r.rng.IntN(8) {
		ids := pickSome(r.rng, history.BranchIDs, 2)
		ways[road.Pair{From: ids[0], To: ids[1]}] = how()
	}
	before, length := r.between(0, 500*time.Millisecond), r.between(500*time.Millisecond, 2500*time.Millisecond)
	return func(ctx context.Context) error {
		road.Pause(before, ctx.Done())
		for k, t := range ways {
			r.bank.Note("from %d to %d: delay %v, drip %d", k.From, k.To, t.Delay, t.Drip)
			r.bank.Network.Set(t, k)
		}
		road.Pause(length, ctx.Done())
		for k := range ways {
			r.bank.Network.Set(road.Traffic{}, k)
		}
		return nil
	}
}

// planReset breaks connections in the middle of a message, again and again.
func planReset(r *Round) func(context.Context) error {
	times, rng := 5+r.rng.IntN(20), rand.New(rand.NewPCG(r.rng.Uint64(), 1))
	return func(ctx context.Context) error {
		for range times {
			ids := pickSome(rng, history.BranchIDs, 2)
			n := r.bank.Network.Reset(ids[0], ids[1], rng)
			r.bank.Note("reset %d connections between %d and %d", n, ids[0], ids[1])
			road.Pause(time.Duration(rng.IntN(120))*time.Millisecond, ctx.Done())
		}
		return nil
	}
}
