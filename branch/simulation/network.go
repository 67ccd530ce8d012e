package simulation

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// network is the links and calls between branches.
type network struct {
	// links are by the lower and the higher index of their ends.
	links [][]*link
	// blocked counts, by sender and receiver, the faults that keep messages from
	// arriving.
	blocked [][]int
}

// link carries frames between two branches, in order. Each time it comes up, it has
// another incarnation.
type link struct {
	a, b        *process // the ends; a has the lower index
	up          bool     // it carries frames, though its ends may not know yet
	incarnation int      // counts how often it came up
	connecting  bool     // a try to connect is planned
	// arrived is when the last frame from a and the last one from b arrive, in the
	// run's microseconds.
	arrived [2]int64
}

func (w *world) newNetwork() {
	n := len(w.processes)
	w.net.blocked = make([][]int, n)
	w.net.links = make([][]*link, n)
	for i := range n {
		w.net.blocked[i] = make([]int, n)
		w.net.links[i] = make([]*link, n)
	}
	for i := range n {
		for k := i + 1; k < n; k++ {
			l := &link{a: w.processes[i], b: w.processes[k]}
			w.net.links[i][k], w.net.links[k][i] = l, l
			w.connectSoon(l, 0, 3_000)
		}
	}
}

func (w *world) reachable(a, b *process) bool {
	return w.net.blocked[a.index][b.index] == 0 && w.net.blocked[b.index][a.index] == 0
}

// connectSoon makes the branches try to connect a link, in lo to hi microseconds.
func (w *world) connectSoon(l *link, lo, hi int64) {
	if l.connecting {
		return
	}
	l.connecting = true
	w.after(w.between(lo, hi), func() {
		l.connecting = false
		w.connect(l)
	})
}

func (w *world) connect(l *link) {
	switch {
	case l.up:
	case l.a.up() && l.b.up() && w.reachable(l.a, l.b):
		l.up = true
		l.incarnation++
		inc := l.incarnation
		l.arrived = [2]int64{}
		w.note("link %d-%d is up", l.a.id, l.b.id)
		w.after(w.delay(), func() { w.linkUp(l, l.a, inc) })
		w.after(w.delay(), func() { w.linkUp(l, l.b, inc) })
	default:
		for _, p := range []*process{l.a, l.b} {
			if p.up() && p.links[l.other(p).index] == 0 && w.chance(0.5) {
				peer := l.other(p).id
				p.feed(func(r *replica.Replica) { r.LinkDown(peer) }) // it could not be made
			}
		}
		w.connectSoon(l, 10_000, 200_000)
	}
}

func (l *link) other(p *process) *process {
	if p == l.a {
		return l.b
	}
	return l.a
}

// joins reports whether a process is one of the link's ends.
func (l *link) joins(p *process) bool { return l != nil && (l.a == p || l.b == p) }

// end returns the link's end at the i-th branch.
func (l *link) end(i int) *process {
	if l.a.index == i {
		return l.a
	}
	return l.b
}

// rehome makes another process of the same branch the link's end.
func (w *world) rehome(l *link, p *process) {
	w.breakLink(l, 1_000)
	if l.a.index == p.index {
		l.a = p
	} else {
		l.b = p
	}
}

// linkUp tells one end that its link is up. Either end may hear of it first.
func (w *world) linkUp(l *link, p *process, incarnation int) {
	peer := l.other(p)
	if !l.up || l.incarnation != incarnation || !p.up() || p.links[peer.index] == incarnation {
		return
	}
	p.links[peer.index] = incarnation
	p.feed(func(r *replica.Replica) { r.LinkUp(peer.id) })
}

// breakLink ends a link. Its ends hear of that within a number of microseconds.
func (w *world) breakLink(l *link, within int64) {
	if !l.up {
		return
	}
	l.up = false
	inc := l.incarnation
	w.note("link %d-%d is down", l.a.id, l.b.id)
	for _, p := range []*process{l.a, l.b} {
		peer := l.other(p)
		w.after(w.between(0, within), func() {
			if p.up() && p.links[peer.index] == inc {
				p.links[peer.index] = 0
				p.feed(func(r *replica.Replica) { r.LinkDown(peer.id) })
			}
		})
	}
	w.connectSoon(l, 1_000, 100_000)
}

// refused ends the links on which a branch has refused a message.
func (w *world) refused(p *process, refusals []protocol.Refusal) {
	for _, f := range refusals {
		w.note("branch %d refuses %+v", p.id, f)
		w.oracle.refused(p, f)
		if l := w.net.links[p.index][w.processOf(f.Peer).index]; f.Close && l.joins(p) {
			w.breakLink(l, 1_000)
		}
	}
}

// delay is how long a message takes.
func (w *world) delay() int64 {
	f := &w.faults
	if w.sheltered == nil && w.chance(f.delay) {
		w.report.Faults["message delayed"]++
		return w.between(f.latency, 200_000)
	}
	return f.latency/2 + w.rng.Int64N(f.latency)
}

// Transmit returns a message as its receiver would get it from the wire: with the
// batches in a frame opened.
func Transmit(m protocol.Message) (protocol.Message, error) {
	if m.Frame == nil {
		return m, nil
	}
	f := *m.Frame
	f.Outlines, f.Batches = nil, make([]*ledger.Sealed, len(m.Frame.Outlines))
	for k, o := range m.Frame.Outlines {
		var err error
		if f.Batches[k], err = ledger.OpenSealed(o.Bytes, o.Hash); err != nil {
			return m, err
		}
		f.Batches[k].Signature = o.Signature
	}
	m.Frame = &f
	return m, nil
}

// send takes a message that a branch lets out.
func (w *world) send(p *process, m protocol.Message) {
	m, err := Transmit(m)
	if err != nil {
		w.fail("a branch sends what can be opened", "branch %d to %d: %v", m.From, m.To, err)
		return
	}
	to := w.net.links[p.index][w.processOf(m.To).index].end(w.processOf(m.To).index)
	w.paths.countMessage(&m)
	if m.Frame != nil {
		w.sendFrame(p, to, m)
		if w.chance(w.faults.duplicate) {
			w.report.Faults["frame duplicated"]++
			w.sendFrame(p, to, m)
		}
		return
	}
	w.sendCall(p, to, m)
}

func (w *world) sendFrame(p, to *process, m protocol.Message) {
	l := w.net.links[p.index][to.index]
	inc := p.links[to.index]
	if inc == 0 || !l.up || l.incarnation != inc || !l.joins(p) {
		return
	}
	if w.net.blocked[p.index][to.index] > 0 {
		return
	}
	if w.sheltered == nil && w.chance(w.faults.drop) {
		w.report.Faults["frame lost"]++
		return
	}
	at := w.now + w.delay()
	side := &l.arrived[0]
	if p == l.b {
		side = &l.arrived[1]
	}
	if w.chance(w.faults.reorder) {
		w.report.Faults["frame out of order"]++
	} else {
		at = max(at, *side)
		*side = at
	}
	w.after(at-w.now, func() { w.arrive(l, to, inc, m) })
}

// arrive delivers a frame, unless its link has another incarnation by now. The
// receiver may hear of the link by that frame.
func (w *world) arrive(l *link, to *process, inc int, m protocol.Message) {
	if !to.up() || l.incarnation != inc {
		return
	}
	if to.links[l.other(to).index] != inc {
		if !l.up {
			return
		}
		w.linkUp(l, to, inc)
	}
	w.note("branch %d gets %v", to.id, messageText{&m})
	to.feed(func(r *replica.Replica) {
		m := w.liar.lie(r, m)
		if !w.checkSigned(l, to, r, &m) {
			return
		}
		r.Receive(m)
		w.paths.countEarly(r, m.Frame)
	})
}

// sendCall delivers a claim, a look, or the answer to one. Each is a call on a
// connection of its own: there is no order between them and frames.
func (w *world) sendCall(p, to *process, m protocol.Message) {
	request := m.Claim != nil || m.Collect != nil
	key := callKey{to.index, callID(&m)}
	from := caller{p, p.boot}
	if !request {
		// The answer goes back on the connection that the request came on.
		from = p.served[key]
		if from.process == nil {
			return
		}
		to, key = from.process, callKey{p.index, callID(&m)}
	}
	cut := !w.reachable(p, to) || !to.up() || !w.net.links[p.index][to.index].joins(p)
	if cut || w.chance(w.faults.drop) {
		w.report.Faults["call lost"]++
		if w.chance(0.5) {
			return // silently: the caller finds out by its time-out
		}
		if request && !cut && w.chance(0.5) {
			w.deliverCall(to, to.boot, m) // only the connection broke
		}
		w.failCall(from, key, m)
		return
	}
	w.deliver(from, to, m, request)
	if w.chance(w.faults.duplicate) {
		w.report.Faults["call duplicated"]++
		w.deliver(from, to, m, request)
	}
}

// caller is the process that made a call.
type caller struct {
	*process
	boot int // the process's then; a later boot gets no answer
}

func (w *world) deliver(from caller, to *process, m protocol.Message, request bool) {
	if request {
		toBoot := to.boot
		w.after(w.delay(), func() {
			if to.up() && to.boot == toBoot {
				to.served[callKey{from.index, callID(&m)}] = from
				if m.Claim != nil {
					to.claims[callKey{from.index, callID(&m)}] = false
				}
				w.deliverCall(to, toBoot, m)
			}
		})
		return
	}
	w.after(w.delay(), func() { w.deliverCall(to, from.boot, m) })
}

func (w *world) deliverCall(to *process, boot int, m protocol.Message) {
	if to.up() && to.boot == boot {
		w.note("branch %d gets %v", to.id, messageText{&m})
		to.feed(func(r *replica.Replica) { r.Receive(w.liar.lie(r, m)) })
	}
}

// failCall tells a caller that its call could not be made.
func (w *world) failCall(from caller, key callKey, m protocol.Message) {
	peer := w.processes[key.peer].id
	w.report.Paths["peer suspected after a call that failed"]++
	failed := protocol.Message{From: peer, To: from.id}
	if m.Claim != nil || m.ClaimAnswer != nil {
		failed.ClaimAnswer = &protocol.ClaimAnswer{ID: key.id, Failed: true}
	} else {
		failed.CollectAnswer = &protocol.CollectAnswer{ID: key.id, Failed: true}
	}
	w.after(w.delay(), func() { w.deliverCall(from.process, from.boot, failed) })
}

// callKey names a call by its other end.
type callKey struct {
	peer int    // the index of the other end
	id   uint64 // as the caller has numbered the call
}

func callID(m *protocol.Message) uint64 {
	switch {
	case m.Claim != nil:
		return m.Claim.ID
	case m.ClaimAnswer != nil:
		return m.ClaimAnswer.ID
	case m.Collect != nil:
		return m.Collect.ID
	case m.CollectAnswer != nil:
		return m.CollectAnswer.ID
	}
	return 0
}
