package replica

import (
	"math/bits"

	"passbook.example/passbook/branch/ledger"
)

// A look may hold an account still, and nothing proves who asks for it. So this
// branch lets its accounts be held for maxStill of any stillWindow at most, all
// accounts and all who ask taken together: a list, or a transfer, may need any of
// them. A look that comes when that is used up is answered without a hold; a
// collect that gets none goes on, and ends by its deadline at the latest.
const (
	// stillWindow is a little more than a second, as a ring of whole words.
	stillWindow Millis = 1024
	maxStill    Millis = 250
	// leastStill is what must be left for a hold to be worth it: with less, it
	// would end before the look that it is for.
	leastStill Millis = 50
)

// still follows when anything was held.
type still struct {
	// passed has a bit for each of the last stillWindow milliseconds, by the time
	// modulo that: whether anything was held in a part of it.
	passed [stillWindow / 64]uint64
	// at is up to when, and including which, passed is right.
	at Millis
	// accounts counts those that are held; until is when the last of them is free.
	accounts int
	until    Millis
}

// pass has time go on. It must be called before anything is begun or ended.
func (s *still) pass(now Millis) {
	if now-s.at > stillWindow {
		s.at = now - stillWindow // what was before is forgotten anyway
		if s.accounts == 0 || s.until < s.at {
			clear(s.passed[:])
			s.at = now
			return
		}
	}
	for s.at < now {
		s.at++
		s.mark(s.at, s.accounts > 0 && s.at <= s.until)
	}
}

func (s *still) mark(at Millis, held bool) {
	k := at & (stillWindow - 1)
	if held {
		s.passed[k/64] |= 1 << (k % 64)
	} else {
		s.passed[k/64] &^= 1 << (k % 64)
	}
}

// left is how long anything may still be held from now on.
func (s *still) left() Millis {
	used := 0
	for _, w := range s.passed {
		used += bits.OnesCount64(w)
	}
	return max(0, maxStill-Millis(used))
}

func (s *still) begin(until Millis) {
	s.accounts++
	s.until = max(s.until, until)
	s.mark(s.at, true)
}

func (s *still) end() {
	if s.accounts--; s.accounts == 0 {
		s.until = 0
	}
}

// holdStill lets nothing change an account's balance until a branch's next look,
// for half the peer time-out or what is left of maxStill at most.
func (es *escrow) holdStill(account string, by ledger.BranchID) {
	left := es.still.left()
	if left < leastStill {
		return
	}
	q := es.queueOf(account)
	q.heldBy, q.heldUntil = by, es.now+min(es.cfg.PeerTimeout/2, left)
	es.still.begin(q.heldUntil)
}

// release lets an account's balance change again.
func (es *escrow) release(q *queue) {
	if q.heldUntil > 0 {
		q.heldUntil = 0
		es.still.end()
		es.recheck = true // transfers into the account may wait in any queue
	}
}

// StillUntil returns until when some account is held; 0 for none. It is for
// tests.
func (r *Replica) StillUntil() Millis { return r.escrow.still.until }
