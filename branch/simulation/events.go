package simulation

import "container/heap"

// event is something that happens at a virtual time, in microseconds.
type event struct {
	at  int64
	seq uint64 // the order of those at one time
	do  func()
}

type eventHeap []event

// Len is heap.Interface's.
func (h eventHeap) Len() int { return len(h) }

// Less is heap.Interface's.
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}

// Swap is heap.Interface's.
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }

// Pop is heap.Interface's.
func (h *eventHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return x
}

// after has something happen in a number of microseconds.
func (w *world) after(micros int64, do func()) {
	w.sequence++
	heap.Push(&w.events, event{at: w.now + micros, seq: w.sequence, do: do})
}

// next lets the next thing happen; false when there is none.
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

// between returns a number of microseconds from lo to hi.
func (w *world) between(lo, hi int64) int64 { return lo + w.rng.Int64N(hi-lo+1) }

// chance is true with a probability.
func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }
