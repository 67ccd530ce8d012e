package simulation

import (
	"maps"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// process is one branch: the replica, its disk, and the loop around them. It has more
// than 20 fields because it is the whole of what a simulated branch is: its loop, clock
// and faults, and what the oracle and the counters remember of it.
type process struct {
	w     *world          // the run
	index int             // of id in world.branches
	id    ledger.BranchID // with a fork, two processes have the same
	disk  *Disk           // outlasts crashes
	// replica is nil while the branch is down.
	replica *replica.Replica
	// boot counts the starts and crashes. Events that belong to another boot are
	// void.
	boot int
	// rate is how fast the branch's clock runs; 1 is as fast as the run's.
	rate float64
	// links are the incarnations of the links that the replica knows to be up, by
	// peer; 0 for a link that is down.
	links []int
	// committing is the commit on its way to disk. Meanwhile, inputs wait in inbox.
	committing *protocol.Ready
	inbox      []func(*replica.Replica)
	turning    bool  // a turn is planned
	wakeAt     int64 // the run's time of the next wake-up, in microseconds; 0 for none
	idleTurns  int   // since the last input, turns in a row that want another one at once
	// served are the callers of the calls being answered.
	served map[callKey]caller
	calls  map[uint64]*call // of customers, not answered yet, by id
	troubles
	// found is how far the branch's own journal went when it booted.
	found uint64
	// halted says that it has halted, with haltedAt entries of its own.
	halted   bool
	haltedAt uint64
	// claims are the peers' claims that are not answered yet; true for those that
	// are counted as deferred.
	claims map[callKey]bool
	// sent are the last own entries sent on each link.
	sent  []sentOn
	still still // how long its accounts were frozen
}

// troubles are the faults that a process suffers from. Times are those of the run, in
// microseconds.
type troubles struct {
	// failNext makes the next commit fail, slowUntil makes all of them slow.
	failNext  bool
	slowUntil int64
	// fullUntil is until when the disk has no room, busyUntil until when the
	// machine has little time for the branch.
	fullUntil, busyUntil int64
	// skew is how far the branch's clock has jumped, jumpedAt when it last did.
	skew, jumpedAt int64
	// wiped says that the disk was lost and the branch has not served since;
	// restored, that an old copy is in its place.
	wiped, restored bool
	// damaged says that a bit has flipped on the disk and nobody knows yet.
	damaged bool
}

// sentOn is the last own entry sent on one incarnation of a link.
type sentOn struct {
	incarnation int    // of the link
	last        uint64 // the entry's sequence
}

func (p *process) up() bool { return p.replica != nil }

// now is the time on the branch's own clock.
func (p *process) now() protocol.Millis {
	return protocol.Millis((float64(p.w.now)*p.rate + float64(p.skew)) / 1000)
}

// start boots the branch from its disk.
func (p *process) start() {
	w := p.w
	if p.up() {
		return
	}
	c, err := p.disk.Boot()
	if err != nil {
		w.fail("a disk can be read back", "branch %d: %v", p.id, err)
		return
	}
	c.ID, c.PeerTimeout, c.Now, c.Proposal = p.id, w.peerTimeout, p.now(), Proposal(p.id, p.boot)
	c.Signed = w.opts.Signed
	l := c.Ledger
	r, err := replica.New(c)
	if err != nil {
		w.fail("a replica starts", "branch %d: %v", p.id, err)
		return
	}
	w.note("branch %d starts, boot %d", p.id, c.Epoch)
	if p.disk.mirror != nil {
		w.report.Paths["boot from the production journal"]++
	}
	p.boot++
	p.replica, p.links, p.inbox = r, make([]int, len(w.processes)), nil
	p.served, p.calls = map[callKey]caller{}, map[uint64]*call{}
	p.still = still{}
	p.claims, p.sent, p.found = map[callKey]bool{}, make([]sentOn, len(w.processes)), l.Head(p.index).Sequence
	p.committing, p.turning, p.wakeAt, p.idleTurns = nil, false, 0, 0
	w.oracle.booted(p)
	for _, l := range w.net.links[p.index] {
		switch {
		case l.joins(p) && w.sheltered == p:
			w.connect(l) // its peers are up
		case l.joins(p):
			w.connectSoon(l, 500, 20_000)
		}
	}
	p.turnSoon()
}

// crash stops the branch at once. Of the commits that were not synced, the first
// few survive.
func (p *process) crash() {
	w := p.w
	if !p.up() {
		return
	}
	if c := p.committing; c != nil && c.Commit != nil {
		switch w.rng.IntN(4) {
		case 0, 1:
			// The last commit may have reached the disk, though nobody knows.
			unsynced := *c.Commit
			unsynced.Sync = false
			p.disk.Commit(&unsynced)
		case 2:
			w.report.Faults["torn write"]++
			p.disk.Tear(c.Commit, w.rng)
		}
	}
	p.disk.Crash(w.rng.IntN(p.disk.Unsynced() + 1))
	w.note("branch %d crashes", p.id)
	p.boot++
	p.replica, p.committing, p.inbox = nil, nil, nil
	for _, l := range w.net.links[p.index] {
		if l.joins(p) {
			w.breakLink(l, int64(w.peerTimeout)*1000)
		}
	}
	calls := p.calls
	p.calls = nil
	for _, id := range slices.Sorted(maps.Keys(calls)) {
		c := calls[id]
		w.after(w.delay(), func() { w.lost(c) })
	}
}

// feed gives the replica an input, as soon as no commit is under way.
func (p *process) feed(f func(*replica.Replica)) {
	if !p.up() {
		return
	}
	p.idleTurns = 0
	if p.committing != nil {
		p.inbox = append(p.inbox, f)
		return
	}
	p.replica.Tick(p.now())
	f(p.replica)
	p.checkStill()
	p.turnSoon()
}

// turnSoon makes the replica decide, after a moment in which more may come in.
func (p *process) turnSoon() {
	if p.turning || p.committing != nil {
		return
	}
	p.turning = true
	boot := p.boot
	soon := p.w.rng.Int64N(200)
	if p.w.now < p.busyUntil {
		soon *= 500
	}
	p.w.after(soon, func() {
		if p.boot == boot {
			p.turning = false
			p.turn()
		}
	})
}

// turn is one round of a branch's loop: decide, commit, then let out.
func (p *process) turn() {
	w := p.w
	p.replica.Tick(p.now())
	ready := p.replica.Ready()
	p.checkStill()
	p.checkFreezes()
	if err := p.replica.Err(); err != nil {
		if p.damaged {
			w.report.Faults["flipped bit read"]++
			p.replaceDisk()
			return
		}
		w.fail("reads from disk work", "branch %d: %v", p.id, err)
		return
	}
	p.committing = &ready
	p.sign(ready.Commit)
	if ready.Commit == nil {
		p.release()
		return
	}
	took := w.between(10, 50)
	if ready.Commit.Sync {
		took = w.between(50, 400)
	}
	if w.now < p.slowUntil {
		took *= 300
	}
	boot := p.boot
	w.after(took, func() {
		if p.boot == boot {
			p.committed()
		}
	})
}

// committed goes on after a commit has come back from the disk.
func (p *process) committed() {
	w := p.w
	if p.failNext || w.now < p.fullUntil {
		if p.failNext {
			w.report.Faults["commit failed"]++
		} else {
			w.report.Faults["disk full"]++
		}
		p.failNext = false
		w.note("a commit of branch %d fails, it stops", p.id)
		p.crash()
		w.after(w.between(1_000, 300_000), p.start)
		return
	}
	p.disk.Commit(p.committing.Commit)
	p.countAhead(p.committing)
	w.oracle.committed(p, p.committing.Commit)
	if w.struck(p, p.committing.Commit) {
		return
	}
	p.release()
}

// release lets out the messages and replies that waited for the commit.
func (p *process) release() {
	w := p.w
	ready := p.committing
	p.committing = nil
	p.replica.Advance()
	w.oracle.look(p)
	p.checkSeats()
	for _, m := range ready.Messages {
		p.countSent(&m)
		w.send(p, m)
	}
	p.countDeferred()
	w.refused(p, ready.Refusals)
	for i := range ready.Replies {
		w.answered(p, ready.Replies[i])
	}
	inbox := p.inbox
	p.inbox = nil
	for _, f := range inbox {
		p.feed(f)
	}
	p.sleep()
}

// sleep wakes the replica when it wants to be woken.
func (p *process) sleep() {
	w := p.w
	next, ok := p.replica.NextTick()
	if !ok || p.turning {
		return
	}
	if next <= p.now() {
		if p.idleTurns++; p.idleTurns > 20 {
			w.fail("no branch spins", "branch %d wants to be woken at %d ms, and it is %d ms", p.id, next, p.now())
		}
	} else {
		p.idleTurns = 0
	}
	at := max(int64((float64(next)*1000-float64(p.skew))/p.rate)+1, w.now+100)
	if p.wakeAt > w.now && p.wakeAt <= at {
		return
	}
	p.wakeAt = at
	boot := p.boot
	w.after(at-w.now, func() {
		if p.boot == boot && p.wakeAt == at {
			p.wakeAt = 0
			p.turnSoon()
		}
	})
}
