package simulation

// faults say what goes wrong in a run, and how often.
type faults struct {
	// latency is about how long a message takes, in microseconds.
	latency int64
	// drop, duplicate, reorder and delay are the chances that a message suffers this.
	drop, duplicate, reorder, delay float64
	// lie is the chance that a message lies, in a run with a liar.
	lie float64
	// every is the mean time between two of actions, in microseconds.
	every   int64
	actions []func(*world)
	// wipesLeft bounds the disks that are lost: a minority.
	wipesLeft int
}

// pickFaults lets the seed decide what can go wrong.
func (w *world) pickFaults() {
	f := &w.faults
	f.latency = []int64{100, 1_000, 10_000}[w.rng.IntN(3)]
	if w.opts.Calm {
		return
	}
	rate := func(most float64) float64 {
		if w.chance(0.5) {
			return 0
		}
		return w.rng.Float64() * most
	}
	if w.opts.Liar {
		f.lie = []float64{0.002, 0.02, 0.2}[w.rng.IntN(3)]
	}
	f.drop, f.duplicate, f.reorder, f.delay = rate(0.05), rate(0.05), rate(0.1), rate(0.05)
	f.every = w.between(20_000, 800_000)
	for _, action := range []func(*world){
		crashOne, crashOne, crashAll, wipeOne, restoreOne, flipBit, flipBit, failCommit, fillDisk, slowDisk, slowBranch, jumpClock,
		linkFlap, linkFlap, partition, partition, partitionOneWay, flood, freezeAll,
	} {
		if w.chance(0.4) {
			f.actions = append(f.actions, action)
		}
	}
	f.wipesLeft = (len(w.processes) - 1) / 2
	if w.chance(0.5) {
		w.disturbFounding()
	}
	w.planFault()
}

// planFault makes the next fault happen in a while, until the run calms down.
func (w *world) planFault() {
	if len(w.faults.actions) == 0 {
		return
	}
	w.after(w.between(1, 2*w.faults.every), func() {
		if w.calm {
			return
		}
		if w.sheltered != nil {
			w.planFault()
			return
		}
		w.faults.actions[w.rng.IntN(len(w.faults.actions))](w)
		w.planFault()
	})
}

func (w *world) anyProcess() *process { return w.processes[w.rng.IntN(len(w.processes))] }

func crashOne(w *world) {
	p := w.anyProcess()
	if p.up() {
		w.report.Faults["crash"]++
		p.crash()
		w.after(w.between(1_000, 2_000_000), p.start)
	}
}

func crashAll(w *world) {
	w.report.Faults["crash of all at once"]++
	for _, p := range w.processes {
		p.crash()
		w.after(w.between(1_000, 300_000), p.start)
	}
}

// wipeOne loses a disk. It never loses two at once, nor more than a minority in
// all, because MAJORITY promises to survive that much.
func wipeOne(w *world) {
	p := w.anyProcess()
	if !w.mayLoseDisk(p) {
		return
	}
	w.faults.wipesLeft--
	w.report.Faults["disk wiped"]++
	p.replaceDisk()
}

// mayLoseDisk reports whether the bank can spare a branch's disk now.
func (w *world) mayLoseDisk(p *process) bool {
	for _, o := range w.processes {
		if o.wiped || o.damaged || !o.disk.image.settled {
			return false
		}
	}
	return w.faults.wipesLeft > 0 && p.up()
}

// replaceDisk makes the branch go on with an empty disk.
func (p *process) replaceDisk() {
	w := p.w
	p.crash()
	w.note("branch %d loses its disk", p.id)
	p.disk.Wipe()
	p.wiped, p.damaged = true, false
	w.oracle.wiped(p)
	again := w.between(1_000, 500_000)
	w.after(again, p.start)
	if other := w.anyProcess(); other != p && !w.calm && w.chance(0.5) {
		// What p has just told the other may not be on the other's disk yet.
		w.after(again+w.between(500, 30_000), func() {
			if other.up() && !w.calm && w.sheltered == nil {
				w.report.Faults["crash"]++
				other.crash()
				w.after(w.between(1_000, 300_000), other.start)
			}
		})
	}
}

// backUp copies the disk as it is.
func (p *process) backUp() *Disk {
	c := p.disk.Copy()
	c.Crash(c.Unsynced())
	return c
}

// restoreOne puts an old copy in a disk's place. Most copies are recognised. Then
// it does not matter which branches are up, and what else happens. The snapshot of
// a whole machine is not recognised: a branch can learn only from its peers that
// such a disk is old. So all of them are up, and nothing else happens, until it
// serves. Otherwise the journal would fork, which is another scenario.
func restoreOne(w *world) {
	p := w.anyProcess()
	if p.up() && p.disk.image.settled && !p.damaged {
		old := p.backUp()
		old.Copied = w.chance(0.5)
		w.after(w.between(20_000, 1_000_000), func() { p.restore(old, 100) })
	}
}

// restore tries for a while to put an old copy in the disk's place.
func (p *process) restore(old *Disk, tries int) {
	w := p.w
	if !w.mayLoseDisk(p) || w.sheltered != nil || !old.Copied && !w.whole() {
		if tries > 0 && !w.calm {
			w.after(10_000, func() { p.restore(old, tries-1) })
		}
		return
	}
	w.faults.wipesLeft--
	w.report.Faults["old copy restored"]++
	p.crash()
	if old.Copied {
		w.note("branch %d gets an old disk, which is recognised", p.id)
		p.disk, p.wiped, p.restored = old, true, true
		w.oracle.wiped(p)
		w.after(w.between(1_000, 500_000), p.start)
		return
	}
	w.report.Faults["machine rolled back"]++
	w.note("branch %d gets an old disk", p.id)
	p.disk = old
	p.wiped, p.restored = true, true
	w.sheltered = p
	w.oracle.wiped(p)
	for _, o := range w.processes {
		o.failNext, o.slowUntil, o.fullUntil, o.busyUntil = false, 0, 0, 0
	}
	w.after(w.between(1_000, 500_000), p.start)
}

// whole reports whether all branches are up and not cut off.
func (w *world) whole() bool {
	for i, o := range w.processes {
		for k := range w.processes {
			if !o.up() || w.net.blocked[i][k] > 0 {
				return false
			}
		}
	}
	return true
}

// flipBit changes a bit on a branch's disk. The next read finds it, at the latest
// when the operator verifies the disk in a while. The branch stops, and begins
// again with an empty disk.
func flipBit(w *world) {
	if w.opts.Journal {
		return
	}
	p, i := w.anyProcess(), w.rng.IntN(len(w.processes))
	crash := w.chance(0.5)
	if crash {
		i = p.index // peers may lack its last batch, which is no longer in its memory
	}
	if !w.mayLoseDisk(p) || !p.disk.Flip(i, crash, w.rng) {
		return
	}
	w.faults.wipesLeft--
	w.report.Faults["flipped bit"]++
	w.note("a bit flips on the disk of branch %d", p.id)
	p.damaged = true
	if crash {
		p.crash()
		w.after(w.between(1_000, 50_000), p.start)
	}
	w.after(w.between(100_000, 3_000_000), func() {
		if p.damaged && p.up() && w.sheltered == nil {
			w.report.Faults["flipped bit found by verifying"]++
			p.replaceDisk()
		}
	})
}

// fillDisk leaves a disk without room for a while: every commit fails.
func fillDisk(w *world) { w.anyProcess().fullUntil = w.now + w.between(1_000, 1_000_000) }

func slowBranch(w *world) {
	w.report.Faults["slow branch"]++
	w.anyProcess().busyUntil = w.now + w.between(10_000, 1_000_000)
}

// jumpClock moves a branch's clock forward, as a machine that slept does.
func jumpClock(w *world) {
	p := w.anyProcess()
	w.report.Faults["clock jumped"]++
	p.skew += w.between(1_000, 3_600_000_000)
	p.jumpedAt = w.now
	w.note("the clock of branch %d jumps to %d ms", p.id, p.now())
	if p.up() {
		p.turnSoon()
	}
}

func failCommit(w *world) { w.anyProcess().failNext = true }

func slowDisk(w *world) {
	w.report.Faults["slow disk"]++
	p := w.anyProcess()
	p.slowUntil = w.now + w.between(10_000, 1_000_000)
	w.note("the disk of branch %d is slow", p.id)
}

func linkFlap(w *world) {
	p, q := w.anyProcess(), w.anyProcess()
	if p == q || !w.net.links[p.index][q.index].up {
		return
	}
	w.report.Faults["link broken"]++
	w.breakLink(w.net.links[p.index][q.index], 50_000)
}

// partition cuts the bank in two.
func partition(w *world) {
	w.report.Faults["partition"]++
	side := make([]bool, len(w.processes))
	for i := range side {
		side[i] = w.chance(0.5)
	}
	cut := [][2]int{}
	for i := range side {
		for k := range side {
			if side[i] != side[k] {
				cut = append(cut, [2]int{i, k})
			}
		}
	}
	w.note("partition: %v", side)
	w.block(cut, w.between(10_000, 5*int64(w.peerTimeout)*1000))
}

// partitionOneWay keeps one branch from being heard, or from hearing.
func partitionOneWay(w *world) {
	w.report.Faults["partition one way"]++
	p := w.anyProcess().index
	cut := [][2]int{}
	for k := range w.processes {
		switch {
		case k == p:
		case w.faults.every%2 == 0:
			cut = append(cut, [2]int{p, k})
		default:
			cut = append(cut, [2]int{k, p})
		}
	}
	w.note("partition one way: %v", cut)
	w.block(cut, w.between(10_000, 5*int64(w.peerTimeout)*1000))
}

// block keeps messages from arriving for a while. Links that are cut for
// longer than their keep-alive break.
func (w *world) block(cut [][2]int, micros int64) {
	for _, c := range cut {
		w.net.blocked[c[0]][c[1]]++
		l := w.net.links[c[0]][c[1]]
		inc := l.incarnation
		w.after(w.between(1, 2*int64(w.peerTimeout)*1000), func() {
			if l.incarnation == inc && !w.reachable(l.a, l.b) {
				w.breakLink(l, int64(w.peerTimeout)*1000)
			}
		})
	}
	if w.chance(0.3) {
		w.report.Faults["partition healed by and by"]++
		for _, c := range cut {
			w.after(micros+w.between(0, 1_000_000), func() { w.net.blocked[c[0]][c[1]]-- })
		}
		return
	}
	w.after(micros, func() {
		w.note("heal: %v", cut)
		for _, c := range cut {
			w.net.blocked[c[0]][c[1]]--
		}
	})
}

// heal ends all faults. Branches that are down start again, and branches that are
// cut off are connected again, one after the other.
func (w *world) heal() {
	w.calm = true
	f := &w.faults
	f.drop, f.duplicate, f.reorder, f.delay = 0, 0, 0, 0
	for _, p := range w.processes {
		p.failNext, p.slowUntil, p.fullUntil, p.busyUntil = false, 0, 0, 0
		if !p.up() {
			w.after(w.between(1_000, 100_000), p.start)
		}
	}
}
