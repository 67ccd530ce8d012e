package simulation

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// runFork runs a bank in which two processes have the same branch id: one is
// started from a copy of the other's disk. Some peers talk to the one, some to
// the other, then all to the first, then all to the second. It returns what
// happened; an error is a *Failure.
//
// Nobody can tell what a forked journal adds up to. These promises must hold:
//
//   - no ledger breaks an invariant, and no balance shown is negative;
//   - a process has on its own disk everything that it acknowledged;
//   - every journal on every disk is a chain, and of every other journal all
//     disks have the same batches as far as they have them;
//   - a process of the forked branch that has met a peer which holds another
//     batch than its own has halted, and writes nothing from then on;
//   - no other branch halts: it has done nothing wrong.
//
// Then an operator decides which side of the fork counts (see operator.go).
func runFork(o Options) (report *Report, err error) {
	w := newWorld(o, func(*world) {})
	defer w.closeJournals()
	defer w.recovered(&report, &err)
	calm := w.opts
	w.opts.Calm = true // no other fault
	w.pickFaults()
	w.opts = calm
	w.openDoors()
	w.proceed(o.Steps / 4)
	p := w.anyProcess()
	twin := w.startTwin(p)
	defer twin.disk.close()
	w.proceed(o.Steps / 2)
	w.calm = true
	for _, one := range []*process{p, twin} {
		w.giveLinks(one, func(int) bool { return true })
		w.pass(forkMillis)
	}
	w.checkForked(p, twin)
	w.mendFork(p, twin)
	w.report.Steps, w.report.Millis = w.step, w.now/1000
	if w.failure != nil {
		return w.report, w.failure
	}
	return w.report, nil
}

// forkMillis is how long, in virtual time, all peers have for meeting a process. Such
// a bank never comes to rest, since a branch sends again what a peer has refused.
const forkMillis = 10_000

// pass makes a span of virtual time pass.
func (w *world) pass(millis int64) {
	for until := w.now + millis*1000; w.now < until && w.failure == nil && w.next(); {
	}
}

// proceed runs a number of events.
func (w *world) proceed(steps int) {
	for until := w.step + steps; w.step < until && w.failure == nil && w.next(); {
	}
}

// startTwin starts a second process of a branch, from a copy of its disk, and
// gives it some of the links and customers.
func (w *world) startTwin(p *process) *process {
	w.report.Faults["two processes with one branch id"]++
	w.oracle.forked = true
	twin := &process{w: w, index: p.index, id: p.id, disk: p.backUp(), rate: p.rate, links: make([]int, len(w.processes))}
	some := make([]bool, len(w.processes))
	for i := range some {
		some[i] = w.chance(0.5)
	}
	twin.start()
	w.giveLinks(twin, func(i int) bool { return some[i] })
	for _, c := range w.customers {
		if c.home == p && w.chance(0.5) {
			c.home = twin
		}
	}
	w.customers[0].home, w.customers[1].home = p, twin
	return twin
}

// giveLinks makes some of a branch's links end at one of its processes.
func (w *world) giveLinks(p *process, some func(i int) bool) {
	for i, l := range w.net.links[p.index] {
		if l != nil && some(i) && !l.joins(p) {
			w.rehome(l, p)
			w.connectSoon(l, 1_000, 20_000)
		}
	}
}

// lookForked checks what a process shows in a bank with a fork.
func (o *oracle) lookForked(p *process) {
	l := p.replica.Ledger()
	if err := l.CheckInvariants(); err != nil {
		o.w.fail("the ledger's invariants hold", "branch %d: %v", p.id, err)
	}
	for _, name := range o.w.accounts {
		if b := l.Balance(name); b < 0 {
			o.w.fail("no negative balance is shown", "branch %d shows %d of account %q", p.id, b, name)
		}
	}
	head := l.Head(p.index).Sequence
	if p.halted && head > p.haltedAt {
		o.w.fail("a halted branch writes nothing", "branch %d had %d entries, has %d: %v", p.id, p.haltedAt, head, p.replica.Status().Alarms)
	}
	if !p.halted && p.replica.State() == protocol.Halted {
		p.halted, p.haltedAt = true, head
		o.w.report.Paths["branch halted"]++
	}
}

// verifyForked checks that what is acknowledged is on the disk of the process
// that has recorded it.
func (w *world) verifyForked(c *call, reply *protocol.Reply) {
	w.report.Operations[kindOf(c.req)+", with a fork"]++
	at := reply.Receipt
	if reply.Err != nil || reply.Forward != 0 || !c.req.write() || at.Branch != c.at.id {
		return
	}
	if c.at.disk.Synced(c.at.index) < at.Sequence {
		w.fail("LOCAL is synced at its writer", "%+v", at)
	}
	w.oracle.acknowledged = append(w.oracle.acknowledged, acknowledged{c.at, at, c.req.entry, c.req.level})
}

// checkForked checks a bank in which every peer has met both processes. A peer
// need not raise an alarm of its own: it may hold less of the journal than it
// takes to compare.
func (w *world) checkForked(p, twin *process) {
	if w.failure != nil {
		return
	}
	all := append([]*process{twin}, w.processes...)
	for _, q := range all {
		for i := range w.branches {
			w.checkChain(q, i)
			if i != p.index && differs(q.disk.Journal(i), w.processes[i].disk.Journal(i)) {
				w.fail("only the forked journal forks", "journal of branch %d at branch %d", w.branches[i], q.id)
			}
		}
	}
	for _, q := range w.processes {
		if q.index != p.index && q.replica.State() != protocol.Serving {
			w.fail("only the forked branch halts", "branch %d: %v", q.id, q.replica.Status().Alarms)
		}
	}
	for _, one := range []*process{p, twin} {
		for _, q := range w.processes {
			if q.index == p.index || !differs(one.disk.Journal(p.index), q.disk.Journal(p.index)) {
				continue
			}
			if !one.halted {
				w.fail("a branch whose journal has forked halts", "branch %d goes on, branch %d has other entries of its", one.id, q.id)
			}
			w.report.Paths["fork found"]++
			if len(q.replica.Status().Alarms) > 0 {
				w.report.Paths["fork alarm at a peer"]++
			}
		}
	}
}

// checkChain checks that each batch follows the one before it.
func (w *world) checkChain(q *process, i int) {
	before := w.processes[0].disk.image.bank.Genesis(w.branches, w.opening)
	for _, s := range q.disk.Journal(i) {
		if _, err := ledger.OpenSealed(s.Bytes, s.Hash); err != nil || s.Batch.PrevHash != before {
			w.fail("a journal is a chain", "branch %d, journal of branch %d, entry %d: %v", q.id, w.branches[i], s.Batch.FirstSequence, err)
		}
		before = s.Hash
	}
}

// differs reports whether two copies of a journal have different batches in
// one place.
func differs(a, b []*ledger.Sealed) bool {
	for k := range min(len(a), len(b)) {
		if a[k].Hash != b[k].Hash {
			return true
		}
	}
	return false
}
