package simulation

// faults are what goes wrong in a run, and how often.
type faults struct {
	// latency is how long a message takes, about, in microseconds.
	latency int64
	// drop, duplicate, reorder and delay are the chances of a message.
	drop, duplicate, reorder, delay float64
	// every is the mean time between two of actions, in microseconds.
	every   int64
	actions []func(*world)
	// wipesLeft bounds the disks that are lost: a minority.
	wipesLeft int
}

// pickFaults has the seed decide what can go wrong.
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
	f.drop, f.duplicate, f.reorder, f.delay = rate(0.05), rate(0.05), rate(0.1), rate(0.05)
	f.every = w.between(20_000, 800_000)
	for _, action := range []func(*world){
		crashOne, crashOne, crashAll, wipeOne, failCommit, slowDisk, linkFlap, linkFlap, partition, partition, partitionOneWay,
	} {
		if w.chance(0.4) {
			f.actions = append(f.actions, action)
		}
	}
	f.wipesLeft = (len(w.processes) - 1) / 2
	w.planFault()
}

// planFault has the next fault happen in a while, until the run calms down.
func (w *world) planFault() {
	if len(w.faults.actions) == 0 {
		return
	}
	w.after(w.between(1, 2*w.faults.every), func() {
		if w.calm {
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

// wipeOne loses a disk. Never two at once, and never more than a minority:
// that is what MAJORITY promises to survive.
func wipeOne(w *world) {
	p := w.anyProcess()
	for _, o := range w.processes {
		if o.wiped || !o.disk.image.settled {
			return
		}
	}
	if w.faults.wipesLeft == 0 || !p.up() {
		return
	}
	w.faults.wipesLeft--
	w.report.Faults["disk wiped"]++
	p.crash()
	w.note("branch %d loses its disk", p.id)
	p.disk.Wipe()
	p.wiped = true
	w.oracle.wiped(p)
	w.after(w.between(1_000, 500_000), p.start)
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
	w.after(micros, func() {
		w.note("heal: %v", cut)
		for _, c := range cut {
			w.net.blocked[c[0]][c[1]]--
		}
	})
}

// heal ends all faults. What is down starts again, what is cut off is
// connected again, by and by.
func (w *world) heal() {
	w.calm = true
	f := &w.faults
	f.drop, f.duplicate, f.reorder, f.delay = 0, 0, 0, 0
	for _, p := range w.processes {
		p.failNext, p.slowUntil = false, 0
		if !p.up() {
			w.after(w.between(1_000, 100_000), p.start)
		}
	}
}
