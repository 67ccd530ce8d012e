package simulation

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// operator leads a bank out of a fork, as somebody at a console may: one branch after the
// other, while customers call. It decides which of the two processes has written what
// counts, starts the branches again that have to drop the rest, and pays in what the bank
// has paid out twice.
//
// Once it is done, these promises hold:
//
//   - the bank comes to rest, all branches serve, and no fork is open;
//   - all disks have the same journals, and what those add up to is what the ledgers have;
//   - nothing is lost that a branch has acknowledged whose journal has not forked, nor
//     what the process has whose side counts. If its disk is gone, that is what a majority
//     had synced.
//
// Some branch may lose its disk while entries wait to be applied again. Then what no other
// branch had is gone, and nothing else.
type operator struct {
	w      *world
	forked *process // the branch whose journal has forked
	// counts are the batches of the process whose side counts.
	counts map[ledger.Hash]bool
	// short counts how often a branch was seen that lacks escrow, wiped how often one has
	// lost its disk.
	short, wiped int
	// over says that the operator has gone home.
	over bool
}

// acknowledged is a write of which a customer was told.
type acknowledged struct {
	by    *process // that said so
	at    ledger.Position
	entry ledger.Entry // as it was asked for
	level protocol.Level
}

// mendMillis is how long, in virtual time, an operator needs at most.
const mendMillis = 600_000

// mendFork stops one of the two processes for good, and lets an operator mend the bank.
func (w *world) mendFork(p, twin *process) {
	if w.failure != nil {
		return
	}
	kept := p
	if w.chance(0.5) {
		kept = twin
	}
	op := &operator{w: w, forked: p, counts: map[ledger.Hash]bool{}}
	for _, s := range kept.disk.Journal(p.index) {
		op.counts[s.Hash] = true
	}
	w.giveLinks(p, func(int) bool { return true })
	twin.crash()
	w.calm = false
	for _, c := range w.customers {
		if c.home == twin {
			c.home = p
		}
		w.after(w.between(0, 1_000_000), c.act)
	}
	w.after(w.between(0, 1_000_000), op.act)
	for until := w.now + mendMillis*1000; w.now < until && !op.done() && w.failure == nil && w.next(); {
	}
	if !op.done() && w.failure == nil {
		for _, q := range w.processes {
			w.note("branch %d: %+v", q.id, q.replica.Status())
		}
		w.fail("a fork can be mended", "after %d ms", mendMillis)
	}
	w.calm, op.over = true, true
	w.rest("after a fork was mended")
	w.checkMended(p, kept)
}

// act does one thing after the other.
func (o *operator) act() {
	w := o.w
	if o.over {
		return
	}
	for _, q := range w.processes {
		if q.up() && w.chance(0.3) {
			o.lookAt(q)
		}
	}
	o.wipe()
	w.after(w.between(10_000, 500_000), o.act)
}

// lookAt looks at a branch, and does what it asks for.
func (o *operator) lookAt(q *process) {
	w := o.w
	for _, a := range q.replica.Alarms() {
		switch f := a.Fork; {
		case f == nil:
		case f.Decided():
			w.report.Paths["start for a decision"]++
			q.crash()
			q.halted = false
			w.after(w.between(1_000, 300_000), q.start)
			return
		default:
			keep := f.Sides[0].Hash
			if !o.counts[keep] {
				keep = f.Sides[1].Hash
			}
			w.report.Paths["fork decided"]++
			q.feed(func(r *replica.Replica) {
				if found, err := r.ResolveFork(a.ID, keep, ledger.Decision{By: "operator", At: w.now, Note: "simulated"}); !found || err != nil {
					w.fail("a fork can be decided", "branch %d: %v, %v", q.id, found, err)
				}
			})
		}
	}
	lacks, waits := q.replica.Lacks(), q.disk.Holds(q.index) > q.disk.Synced(q.index) && q.replica.State() == protocol.Recovering
	switch {
	case lacks == nil && !waits:
		return
	case lacks != nil:
		w.report.Paths["own entries lack escrow"]++
	default:
		w.report.Paths["own entries come after what does not count"]++
	}
	if lacks == nil && o.wiped > 0 && o.forked.up() && o.forked.replica.State() == protocol.Serving {
		// A writer that has lost its disk knows of no fork, and fills nothing up by itself.
		e := ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1}
		for range 8 {
			w.call(&request{entry: e, level: protocol.Local, done: func(protocol.Reply) {}}, o.forked, 0, 0)
		}
	}
	if o.short++; o.short > 200 {
		w.calm = true // customers spend what is paid in, so they have to stay away
	}
	if lacks != nil && o.short%8 == 0 && o.forked.up() && o.forked.replica.State() == protocol.Serving {
		w.report.Paths["deposit for what was paid twice"]++
		e := ledger.Entry{Kind: ledger.Deposit, Account: lacks.Account, Amount: lacks.Amount - lacks.Escrow}
		w.call(&request{entry: e, level: protocol.Local, done: func(protocol.Reply) {}}, o.forked, 0, 0)
	}
}

// wipe takes a branch's disk away, once, while entries wait that can't be applied yet.
func (o *operator) wipe() {
	w := o.w
	if o.wiped > 0 || !w.chance(0.7) {
		return
	}
	waits := false
	for _, q := range w.processes {
		if !q.up() || slices.ContainsFunc(q.replica.Alarms(), func(a protocol.Alarm) bool { return a.Kind == protocol.AlarmFork }) {
			return
		}
		waits = waits || len(q.disk.Pending()) > 0
	}
	if !waits {
		return
	}
	o.wiped++
	q := w.anyProcess()
	w.report.Faults["disk wiped while entries wait"]++
	left := uint64(0)
	for _, other := range w.processes {
		if other != q {
			left = max(left, other.disk.Holds(q.index))
		}
	}
	// What no other branch had, nobody can keep.
	w.oracle.acknowledged = slices.DeleteFunc(w.oracle.acknowledged, func(a acknowledged) bool { return a.by.id == q.id && a.at.Sequence > left })
	q.crash()
	q.disk.Wipe()
	w.after(w.between(1_000, 300_000), q.start)
}

// done reports whether all branches serve, and no fork is open.
func (o *operator) done() bool {
	for _, q := range o.w.processes {
		if !q.up() || q.replica.State() != protocol.Serving || slices.ContainsFunc(q.replica.Alarms(), func(a protocol.Alarm) bool { return a.Kind == protocol.AlarmFork }) {
			return false
		}
	}
	return true
}

// checkMended checks a bank whose fork was mended.
func (w *world) checkMended(p, kept *process) {
	if w.failure != nil {
		return
	}
	first := w.processes[0]
	for _, q := range w.processes {
		if s := q.replica.State(); s != protocol.Serving {
			w.fail("a mended branch serves", "branch %d: %s", q.id, q.replica.Status().Reason)
		}
		for i, b := range w.branches {
			w.checkChain(q, i)
			if differs(q.disk.Journal(i), first.disk.Journal(i)) || len(q.disk.Journal(i)) != len(first.disk.Journal(i)) {
				w.fail("mended disks are equal", "journal of branch %d at branch %d", b, q.id)
			}
		}
		if err := sameLedger(q.replica.Ledger(), first.replica.Ledger()); err != nil {
			w.fail("mended ledgers are equal", "branch %d: %v", q.id, err)
		}
	}
	w.checkSum(first)
	for _, a := range w.oracle.acknowledged {
		survives := a.by.id != p.id || a.by == p && kept == p || a.by == kept && (a.level == protocol.Majority || a.level == protocol.All)
		if e := first.disk.entry(a.by.index, a.at.Sequence); survives && (e == nil || !e.SameRequest(&a.entry)) {
			w.fail("what counts is not lost", "%+v was acknowledged as %+v, and is %+v", a.entry, a.at, e)
		}
	}
}

// checkSum adds all batches of a disk up again, from nothing.
func (w *world) checkSum(q *process) {
	l, err := ledger.New(w.branches, w.opening)
	if err == nil {
		err = l.Found(q.disk.image.bank.Genesis(w.branches, w.opening))
	}
	if err != nil {
		w.fail("a ledger begins", "%v", err)
		return
	}
	m := ledger.NewMending(l, nil)
	for _, s := range q.disk.applied {
		m.Post(s)
	}
	if err := m.Retry(func(*ledger.Sealed, []ledger.Posted) error { return nil }); err != nil || len(m.Left()) > 0 {
		w.fail("mended journals add up", "%d batches are left, %v", len(m.Left()), err)
	}
	if err := sameLedger(q.replica.Ledger(), l); err != nil {
		w.fail("mended journals add up", "%v", err)
	}
}
