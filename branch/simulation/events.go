package simulation

import (
	"container/heap"
	"math/rand/v2"
)

// event is something that happens at a virtual time, in microseconds.
type event struct {
	at  int64  // the virtual time
	seq uint64 // the order of events at the same time
	do  func() // makes it happen, and may plan more events
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

// schedule decides what happens next, and when. All that is left to chance comes
// from one random number generator, so a seed repeats a run exactly.
type schedule struct {
	rng *rand.Rand // seeded by Options.Seed
	// now is the virtual time in microseconds.
	now int64
	// step counts the events that have happened, sequence those that were planned.
	step     int
	sequence uint64
	events   eventHeap
}

// after makes something happen in a number of microseconds.
func (s *schedule) after(micros int64, do func()) {
	s.sequence++
	heap.Push(&s.events, event{at: s.now + micros, seq: s.sequence, do: do})
}

// next runs the next event. It returns false when there is none.
func (s *schedule) next() bool {
	if len(s.events) == 0 {
		return false
	}
	e := heap.Pop(&s.events).(event)
	s.now = e.at
	s.step++
	e.do()
	return true
}

// between returns a random number of microseconds from lo to hi.
func (s *schedule) between(lo, hi int64) int64 { return lo + s.rng.Int64N(hi-lo+1) }

// chance returns true with a probability.
func (s *schedule) chance(p float64) bool { return p > 0 && s.rng.Float64() < p }
