package replica

import (
	"fmt"
	"math/bits"
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// This is how a branch answers the looks of others.

// tally follows what this branch has paid into an account, for one branch that
// collects.
type tally struct {
	// by is that branch, collect its double collect, look the look answered last.
	by            ledger.BranchID
	collect, look uint64
	// most is the most paid since the look was first answered, mostBefore the most
	// paid between the look before and this one, if that is known.
	most, mostBefore ledger.Amount
	known            bool
	// until is when the tally is forgotten.
	until protocol.Millis
}

// receiveCollect answers one look of a peer. A branch that does not know its
// own journal yet can't.
func (cs *collects) receiveCollect(p *broadcast.Peer, c *protocol.Collect) {
	if lie, problem := cs.checkCollect(c); lie != 0 {
		cs.alarms.Reject(p, lie, false, "a look: %s", problem)
		cs.Send(p, protocol.Message{CollectAnswer: &protocol.CollectAnswer{ID: c.ID, Failed: true, Refused: problem}})
		return
	}
	if c.Mark > 0 {
		cs.snapshots.receiveMark(p, c)
		return
	}
	if cs.State != protocol.Serving || !cs.Follow(c.Clock) {
		cs.Send(p, protocol.Message{CollectAnswer: &protocol.CollectAnswer{ID: c.ID, Failed: true}})
		return
	}
	a := cs.look(p.Branch, c)
	cs.Send(p, protocol.Message{CollectAnswer: &a})
}

// checkCollect reports what a look may not say.
func (cs *collects) checkCollect(c *protocol.Collect) (protocol.Lie, string) {
	switch {
	case c.Account == "":
		return protocol.BadForm, "it names no account"
	case c.Look == 0 || c.Look > maxLook || c.Mark > 0 && c.Look > 2:
		return protocol.BadForm, fmt.Sprintf("look %d: must be 1 to %d, for a snapshot 1 or 2", c.Look, uint64(maxLook))
	case cs.isAhead(c.Clock) || cs.isAhead(c.Mark):
		return protocol.BadClock, fmt.Sprintf("clock %d, mark %d: this branch is at %d", c.Clock, c.Mark, cs.Ledger.Clock())
	}
	return 0, ""
}

// isAhead reports whether a Lamport time runs ahead by more than a peer's can.
func (cs *collects) isAhead(clock uint64) bool {
	view := cs.Ledger.Clock()
	return clock > view && clock-view > ledger.MaxClockLead
}

// look answers one look, and tallies from now on what this branch pays. A look may
// come again, and late: whichever answer the asker used, the tally covers the time
// from then on.
func (cs *collects) look(by ledger.BranchID, c *protocol.Collect) protocol.CollectAnswer {
	paid := cs.Ledger.Paid(c.Account, cs.Self)
	a := protocol.CollectAnswer{ID: c.ID, Last: cs.Ledger.Last(c.Account, cs.Self), Paid: paid, Clock: cs.Clock()}
	w := cs.tallyOf(by, c.Account)
	switch {
	case w == nil:
		return a // there are too many tallies: this answer proves only what it shows
	case w.collect == c.Collect && w.look > c.Look:
		return a
	case w.collect == c.Collect && w.look == c.Look:
		a.Most, a.MostKnown = max(w.mostBefore, w.most), w.known
		return a
	}
	w.known = w.collect == c.Collect && w.look+1 == c.Look
	w.mostBefore = w.most
	if w.known {
		a.Most, a.MostKnown = w.most, true
	}
	w.collect, w.look, w.most, w.until = c.Collect, c.Look, paid, cs.Now+4*cs.Config.PeerTimeout
	cs.freezeFor(by, c)
	return a
}

// freezeFor freezes an account for a look that asks for it, as far as freezes allow,
// and thaws it for the look after that. Only one branch at a time can have an
// account frozen.
func (cs *collects) freezeFor(by ledger.BranchID, c *protocol.Collect) {
	q := cs.escrow.queues[c.Account]
	if q != nil && cs.Now >= q.frozenUntil {
		cs.escrow.thaw(q) // its time has passed since the last Ready
	}
	frozen := q != nil && q.frozenUntil > 0
	switch {
	case frozen && q.frozenFor != by:
	case frozen:
		cs.escrow.thaw(q) // the look after one that freezes thaws
	case c.Freeze:
		cs.escrow.freeze(c.Account, by)
	}
}

// tallyOf returns the tally of an account for a branch, or nil when there are too
// many to make one.
func (cs *collects) tallyOf(by ledger.BranchID, account string) *tally {
	for _, w := range cs.tallies[account] {
		if w.by == by {
			return w
		}
	}
	if cs.tallied >= maxTallies {
		return nil
	}
	cs.tallied++
	w := &tally{by: by}
	cs.tallies[account] = append(cs.tallies[account], w)
	return w
}

// tallyPaid adds what an own entry has paid to the tallies of its accounts.
func (cs *collects) tallyPaid(e *ledger.Entry) {
	if len(cs.tallies) == 0 {
		return
	}
	e.EachAccount(func(name string) {
		for _, w := range cs.tallies[name] {
			w.most = max(w.most, cs.Ledger.Paid(name, cs.Self))
		}
	})
}

// A look may freeze an account, and nothing proves who asks for it. So accounts of
// this branch are frozen for maxFrozen of any freezeWindow at most: all accounts and
// all askers together, since a list or a transfer may need any of them. A look that
// comes when that is used up freezes nothing; its collect goes on, and ends by its
// deadline at the latest.
const (
	// freezeWindow is a little more than a second, as a ring of whole words.
	freezeWindow protocol.Millis = 1024
	maxFrozen    protocol.Millis = 250
	// leastFreeze is the shortest freeze worth beginning: a shorter one would end
	// before the look that it is for.
	leastFreeze protocol.Millis = 50
)

// freezes follow when any account was frozen.
type freezes struct {
	// passed has a bit for each of the last freezeWindow milliseconds, by the time
	// modulo that: whether any account was frozen in a part of it.
	passed [freezeWindow / 64]uint64
	// at is the last millisecond that passed covers.
	at protocol.Millis
	// accounts counts those that are frozen.
	accounts int
	// until is when the last of them thaws.
	until protocol.Millis
}

// pass lets time go on. It must be called before a freeze begins or ends.
func (s *freezes) pass(now protocol.Millis) {
	if now-s.at > freezeWindow {
		s.at = now - freezeWindow // what was before is forgotten anyway
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

func (s *freezes) mark(at protocol.Millis, held bool) {
	k := at & (freezeWindow - 1)
	if held {
		s.passed[k/64] |= 1 << (k % 64)
	} else {
		s.passed[k/64] &^= 1 << (k % 64)
	}
}

// left is how long accounts may be frozen from now on.
func (s *freezes) left() protocol.Millis {
	used := 0
	for _, w := range s.passed {
		used += bits.OnesCount64(w)
	}
	return max(0, maxFrozen-protocol.Millis(used))
}

func (s *freezes) begin(until protocol.Millis) {
	s.accounts++
	s.until = max(s.until, until)
	s.mark(s.at, true)
}

func (s *freezes) end() {
	if s.accounts--; s.accounts == 0 {
		s.until = 0
	}
}

// tick lets time go on.
func (es *escrow) tick() { es.freezes.pass(es.Now) }

// freeze lets nothing change an account's balance until a branch's next look,
// for half the peer time-out or what is left of maxFrozen at most.
func (es *escrow) freeze(account string, by ledger.BranchID) {
	left := es.freezes.left()
	if left < leastFreeze {
		return
	}
	q := es.queueOf(account)
	q.frozenFor, q.frozenUntil = by, es.Now+min(es.Config.PeerTimeout/2, left)
	es.freezes.begin(q.frozenUntil)
}

// thaw lets an account's balance change again.
func (es *escrow) thaw(q *queue) {
	if q.frozenUntil > 0 {
		q.frozenUntil = 0
		es.freezes.end()
		es.Recheck = true // transfers into the account may wait in any queue
	}
}

// expireTallies forgets the tallies for branches that have stopped asking.
func (cs *collects) expireTallies() {
	for _, name := range sorted(cs.tallies) {
		all := cs.tallies[name]
		kept := slices.DeleteFunc(all, func(w *tally) bool { return cs.Now >= w.until })
		cs.tallied -= len(all) - len(kept)
		if len(kept) == 0 {
			delete(cs.tallies, name)
		} else {
			cs.tallies[name] = kept
		}
	}
}
