package replica

import (
	"maps"
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// This is how a branch takes part in the snapshots of others.

// mark is what a branch remembers of a snapshot, from its mark until it has confirmed
// that.
type mark struct {
	// by is the branch whose snapshot it is, id the snapshot, at its time.
	by     ledger.BranchID
	id, at uint64
	// answer is what was said of what this branch had paid then.
	answer protocol.CollectAnswer
	// early is how often this branch had not waited for another one by then (see
	// [broadcast.Core]), broken says that it has told of a later write what is not
	// proven.
	early  uint64
	broken bool
	// until is when the mark is forgotten.
	until protocol.Millis
}

// receiveMark answers a peer that takes a snapshot.
func (ss *snapshots) receiveMark(p *broadcast.Peer, c *protocol.Collect) {
	a := protocol.CollectAnswer{Failed: true}
	if ss.State == protocol.Serving {
		a = ss.mark(p.Branch, c)
	}
	a.ID = c.ID
	ss.Send(p, protocol.Message{CollectAnswer: &a})
}

// mark marks this branch, or confirms that a mark has held and forgets it. A mark may
// come again.
func (ss *snapshots) mark(by ledger.BranchID, c *protocol.Collect) protocol.CollectAnswer {
	old := ss.markOf(by, c)
	switch {
	case c.Look > 1:
		ss.unmark(by, c.Account, c.Collect)
		return protocol.CollectAnswer{Clock: ss.Clock(), Intact: old != nil && !old.broken && old.early == ss.Early()}
	case old != nil:
		return old.answer
	}
	ss.unmark(by, c.Account, c.Collect) // that of an earlier try
	followed := ss.Follow(c.Mark)
	past, known := ss.at(c.Account, c.Mark)
	switch {
	case ss.LastClock() >= c.Mark && !known:
		return protocol.CollectAnswer{Clock: ss.Clock()}
	case !followed, !ss.AllReachable(), ss.marked >= maxMarks:
		return protocol.CollectAnswer{}
	}
	m := &mark{by: by, id: c.Collect, at: c.Mark, early: ss.Early(), until: ss.Now + 4*ss.Config.PeerTimeout}
	if ss.LastClock() < c.Mark {
		past = trailStep{last: ss.Ledger.Last(c.Account, ss.Self), paid: ss.Ledger.Paid(c.Account, ss.Self)}
	}
	m.answer = protocol.CollectAnswer{Last: past.last, Paid: past.paid, Marked: true, Clock: ss.Clock()}
	ss.beginTrail(c.Account)
	ss.marks[c.Account] = append(ss.marks[c.Account], m)
	ss.marked++
	return m.answer
}

// markOf returns the mark of a try of a snapshot; nil if there is none.
func (ss *snapshots) markOf(by ledger.BranchID, c *protocol.Collect) *mark {
	for _, m := range ss.marks[c.Account] {
		if m.by == by && m.id == c.Collect && m.at == c.Mark {
			return m
		}
	}
	return nil
}

func (ss *snapshots) unmark(by ledger.BranchID, account string, id uint64) {
	ss.deleteMarks(account, func(m *mark) bool { return m.by == by && m.id == id })
}

func (ss *snapshots) deleteMarks(account string, unwanted func(*mark) bool) {
	all := ss.marks[account]
	if len(all) == 0 {
		return
	}
	kept := slices.DeleteFunc(all, unwanted)
	ss.marked -= len(all) - len(kept)
	if len(kept) == 0 {
		delete(ss.marks, account)
	} else {
		ss.marks[account] = kept
	}
}

// isMarked reports whether a write must be applied at all branches before it is
// acknowledged: it comes after a mark of one of its accounts.
func (ss *snapshots) isMarked(e *ledger.Entry) (marked bool) {
	ss.marksBefore(e, func(*mark) { marked = true })
	return marked
}

// spoil makes the marks before a write useless: this branch tells of the write, and does
// not know who has it. Nor may a mark that comes later be of a time before the write.
func (ss *snapshots) spoil(e *ledger.Entry) {
	ss.CountAsOwn(e.Clock)
	ss.unsafe(e)
	ss.marksBefore(e, func(m *mark) { m.broken = true })
}

// marksBefore visits the marks of a write's accounts in whose snapshots the write is not.
func (ss *snapshots) marksBefore(e *ledger.Entry, visit func(*mark)) {
	if ss.marked == 0 {
		return
	}
	e.EachAccount(func(name string) {
		for _, m := range ss.marks[name] {
			if m.at < e.Clock {
				visit(m)
			}
		}
	})
}

func (ss *snapshots) expireMarks() {
	for name, t := range ss.trails { // in any order: they are only forgotten
		if ss.Now >= t.until {
			ss.forgetTrail(name)
		}
	}
	if ss.marked == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(ss.marks)) {
		ss.deleteMarks(name, func(m *mark) bool { return ss.Now >= m.until })
	}
}
