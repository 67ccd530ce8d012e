package simulation

import "container/heap"

// event is something that happens at a virtual time, in microseconds.
type event struct {
	at  int64
	seq uint64 // the order of events at the same time
	do  func()
}

type eventHeap []event

// Len implements heap.Interface.
func (h eventHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}

// Swap implements heap.Interface.
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }

// Pop implements heap.Interface.
func (h *eventHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return x
}

// after makes something happen in a number of microseconds.
func (w *world) after(micros int64, do func()) {
	w.sequence++
	heap.Push(&w.events, event{at: w.now + micros, seq: w.sequence, do: do})
}

// next runs the next event. It returns false when there is none.
func (w *world) next() bool {
	if len(w.events) == 0 {
		return false
	}
	e := heap.Pop(&w.events).(event)
	w.now = e.at
	w.step++
	e.do()
	return true
}

// between returns a random number of microseconds from lo to hi.
func (w *world) between(lo, hi int64) int64 { return lo + w.rng.Int64N(hi-lo+1) }

// chance returns true with a probability.
func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }
