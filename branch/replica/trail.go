package replica

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Marks of several branches cross: one comes at a time that this branch has passed, because
// another one had come before, and it has written since. So a branch that was marked keeps
// a trail of what it has paid into the account, and answers for the earlier time from that.
// The later writes are as they have to be if none of them was acknowledged before all
// branches had applied it.

// trail is what this branch has paid into an account since it was first marked.
type trail struct {
	// steps are what it had paid from a time on, the earliest first. The first is from
	// when the trail began.
	steps []trailStep
	// unsafe is the latest time of a write of which a customer may have been told before all
	// branches had it; early is as in mark.
	unsafe, early uint64
	// until is when the trail is forgotten.
	until protocol.Millis
}

// trailStep is what this branch had paid right after an entry.
type trailStep struct {
	clock, last uint64
	paid        ledger.Amount
}

// beginTrail begins the trail of an account, or keeps it for longer.
func (ss *snapshots) beginTrail(account string) {
	t := ss.trails[account]
	if t != nil && t.early != ss.Early() {
		t = nil // of which nothing can be used any more
	}
	if t == nil {
		ss.forgetTrail(account)
		t = &trail{early: ss.Early()}
		ss.steps++
		t.steps = append(t.steps, trailStep{ss.Clock(), ss.Ledger.Last(account, ss.Self), ss.Ledger.Paid(account, ss.Self)})
		ss.trails[account] = t
	}
	t.until = ss.Now + 4*ss.Config.PeerTimeout
}

func (ss *snapshots) forgetTrail(account string) {
	if t := ss.trails[account]; t != nil {
		ss.steps -= len(t.steps)
		delete(ss.trails, account)
	}
}

// made adds an own entry to the trails of its accounts.
func (ss *snapshots) made(e *ledger.Entry) {
	if len(ss.trails) == 0 {
		return
	}
	e.EachAccount(func(name string) {
		t := ss.trails[name]
		switch {
		case t == nil:
			return
		case len(t.steps) >= maxTrail: // what is older is not asked for any more
			ss.steps -= maxTrail / 2
			t.steps = slices.Delete(t.steps, 0, maxTrail/2)
		}
		t.steps = append(t.steps, trailStep{e.Clock, ss.Ledger.Last(name, ss.Self), ss.Ledger.Paid(name, ss.Self)})
		ss.steps++
	})
	if ss.steps >= maxTrails {
		clear(ss.trails) // they begin again with the next marks
		ss.steps = 0
	}
}

// cameBack drops what is remembered of the accounts of an own entry that a peer has shown:
// neither marks nor trails have it.
func (ss *snapshots) cameBack(e *ledger.Entry) {
	if ss.marked == 0 && len(ss.trails) == 0 {
		return
	}
	e.EachAccount(func(name string) {
		ss.forgetTrail(name)
		for _, m := range ss.marks[name] {
			m.broken = true
		}
	})
}

// unsafe notes that a customer may be told of a write before all branches have it.
func (ss *snapshots) unsafe(e *ledger.Entry) {
	if len(ss.trails) == 0 {
		return
	}
	e.EachAccount(func(name string) {
		if t := ss.trails[name]; t != nil {
			t.unsafe = max(t.unsafe, e.Clock)
		}
	})
}

// at returns what this branch had paid into an account by a time that it has passed; false
// if that can't be told any more, or does not count.
func (ss *snapshots) at(account string, clock uint64) (trailStep, bool) {
	t := ss.trails[account]
	if t == nil || t.early != ss.Early() || t.unsafe >= clock || t.steps[0].clock >= clock {
		return trailStep{}, false
	}
	k, _ := slices.BinarySearchFunc(t.steps, clock, func(s trailStep, clock uint64) int {
		if s.clock < clock {
			return -1
		}
		return 1
	})
	return t.steps[k-1], true
}

// isSafe reports whether a write at a level is acknowledged only once all branches have it,
// as long as all can be reached.
func isSafe(l protocol.Level) bool { return l == protocol.Reachable || l == protocol.All }
