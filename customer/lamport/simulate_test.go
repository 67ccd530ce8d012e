package lamport_test

import (
	"math/rand/v2"
	"slices"

	"passbook.example/passbook/customer/lamport"
)

// world is a bank and its customers in one goroutine: of all that may happen next,
// chance picks what does. So its traces are those of truly concurrent runs.
type world struct {
	random  *rand.Rand
	trace   *lamport.Trace
	transit []letter
	// left are the requests that a customer is still to make, and waits says how many
	// receipts its last one lacks.
	left, waits []int
	// duties are the propagations that a branch has not sent yet.
	duties  [][]duty
	owner   map[int64]int // the customer of each request
	request int64
}

// letter is a message on its way to a branch.
type letter struct {
	sent lamport.Event
	from lamport.Process
	to   int
}

// duty is what a branch has to propagate.
type duty struct {
	sent  lamport.Event
	peers []int
}

// simulate returns the trace of a run.
func simulate(seed uint64) *lamport.Trace {
	w := &world{random: rand.New(rand.NewPCG(seed, 18)), trace: &lamport.Trace{}, owner: make(map[int64]int)}
	branches := 1 + w.random.IntN(4)
	customers := 1 + w.random.IntN(branches)
	for id := range branches {
		w.trace.Branches = append(w.trace.Branches, lamport.History{Process: lamport.Process{Kind: lamport.Branch, ID: int64(id + 1)}})
	}
	for id := range customers {
		w.left = append(w.left, w.random.IntN(4))
		w.trace.Customers = append(w.trace.Customers, lamport.History{Process: lamport.Process{Kind: lamport.Customer, ID: int64(id + 1)}})
	}
	w.waits, w.duties = make([]int, customers), make([][]duty, branches)
	for {
		acts := slices.Concat(w.asks(), w.receives(), w.propagates())
		if len(acts) == 0 {
			return w.trace
		}
		acts[w.random.IntN(len(acts))]()
	}
}

// tick adds an event to a process, after a message with a clock; 0 for none.
func tick(h *lamport.History, e lamport.Event, message int64) lamport.Event {
	if n := len(h.Events); n > 0 {
		message = max(message, h.Events[n-1].Clock)
	}
	e.Clock = message + 1
	h.Events = append(h.Events, e)
	return e
}

// asks returns the requests that customers may make.
func (w *world) asks() (acts []func()) {
	for id := range w.left {
		if w.left[id] == 0 || w.waits[id] > 0 {
			continue
		}
		acts = append(acts, func() {
			w.left[id]--
			w.waits[id] = 1
			w.request++
			w.owner[w.request] = id
			h := &w.trace.Customers[id]
			operation := []lamport.Operation{lamport.Deposit, lamport.Withdraw}[w.random.IntN(2)]
			e := tick(h, lamport.Event{Request: w.request, Operation: operation, Step: lamport.Sent, Peer: h.Process}, 0)
			w.transit = append(w.transit, letter{e, h.Process, id})
		})
	}
	return acts
}

// receives returns the messages that may arrive: any, as they may overtake each other.
func (w *world) receives() (acts []func()) {
	for i, l := range w.transit {
		acts = append(acts, func() {
			w.transit = slices.Delete(w.transit, i, i+1)
			customer := w.owner[l.sent.Request]
			w.waits[customer]--
			e := l.sent
			e.Step, e.Peer = lamport.Received, l.from
			tick(&w.trace.Branches[l.to], e, l.sent.Clock)
			if l.from.Kind == lamport.Branch || e.Operation == lamport.Withdraw && w.random.IntN(3) == 0 {
				return // refused, or only propagated
			}
			d := duty{sent: e}
			for peer := range w.trace.Branches {
				if peer != l.to {
					d.peers = append(d.peers, peer)
				}
			}
			if len(d.peers) > 0 {
				w.waits[customer] += len(d.peers)
				w.duties[l.to] = append(w.duties[l.to], d)
			}
		})
	}
	return acts
}

// propagates returns the propagations that branches may send next.
func (w *world) propagates() (acts []func()) {
	for b := range w.duties {
		for i := range w.duties[b] {
			acts = append(acts, func() {
				d := &w.duties[b][i]
				peer, h := d.peers[0], &w.trace.Branches[b]
				e := d.sent
				e.Step, e.Peer = lamport.Sent, w.trace.Branches[peer].Process
				w.transit = append(w.transit, letter{tick(h, e, 0), h.Process, peer})
				if d.peers = d.peers[1:]; len(d.peers) == 0 {
					w.duties[b] = slices.Delete(w.duties[b], i, i+1)
				}
			})
		}
	}
	return acts
}
