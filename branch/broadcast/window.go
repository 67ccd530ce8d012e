package broadcast

import (
	"slices"

	"passbook.example/passbook/branch/protocol"
)

// What is on its way to a peer of this branch's own journal is bounded. Near peers ack a
// mebibyte before the next one is ready. Far ones need as much as the road between holds,
// which nobody knows; but a batch whose ack takes longer than a round trip has waited
// somewhere, and behind it waits all else that goes the same way: so the window is made
// larger while that does not happen, and smaller when it does (Brakmo and Peterson, TCP
// Vegas, 1995).

const (
	// leastWindowBytes and mostWindowBytes bound the own batches on their way to a peer in
	// bytes, maxWindowBatches in number.
	leastWindowBytes = 1 << 20
	mostWindowBytes  = 8 << 20
	maxWindowBatches = 4096
	// quickAck is how much longer than a round trip an ack may take before the window
	// grows no more, slowAck before it shrinks.
	quickAck protocol.Millis = 15
	slowAck  protocol.Millis = 40
)

// window is what has been sent to a peer of this branch's own journal, and when the
// peer must have confirmed it.
type window struct {
	// next is the own sequence to send next. Invariant: next > acked.
	next uint64
	// inflight are the own batches sent and not acked.
	inflight      []sentBatch
	inflightBytes int
	// size is how many bytes those may be; 0 stands for the least. filled says that it
	// has been too small since it was changed at changedAt.
	size      int
	filled    bool
	changedAt protocol.Millis
	// probing says that it has not acked in time, and is sent one batch at a time.
	probing bool
	// target is what it must ack to count as reachable again.
	target uint64
	// progressAt is when acked last rose, or the first batch was sent after
	// everything was acked.
	progressAt protocol.Millis
}

// sentBatch is a batch on its way.
type sentBatch struct {
	last   uint64 // its last entry
	bytes  int    // its size
	sentAt protocol.Millis
}

// isOpen reports whether more may be sent.
func (w *window) isOpen() bool {
	if w.probing {
		return len(w.inflight) == 0
	}
	return w.inflightBytes < max(w.size, leastWindowBytes) && len(w.inflight) < maxWindowBatches
}

// send notes that a batch is sent.
func (w *window) send(now protocol.Millis, last uint64, bytes int) {
	if len(w.inflight) == 0 {
		w.progressAt = now
	}
	w.inflight = append(w.inflight, sentBatch{last: last, bytes: bytes, sentAt: now})
	w.inflightBytes += bytes
	w.next = last + 1
}

// ack notes that batches are acked. It returns how long the last of them took.
func (w *window) ack(now protocol.Millis, acked uint64) (took protocol.Millis) {
	k := 0
	for k < len(w.inflight) && w.inflight[k].last <= acked {
		w.inflightBytes -= w.inflight[k].bytes
		took = now - w.inflight[k].sentAt
		k++
	}
	w.inflight = slices.Delete(w.inflight, 0, k)
	w.progressAt, w.probing = now, false
	w.next = max(w.next, acked+1)
	return took
}

// fit changes the window's size by how long an ack took, once in a round trip.
func (w *window) fit(now, took, trip protocol.Millis) {
	size := max(w.size, leastWindowBytes)
	switch {
	case now-w.changedAt < max(trip, 1):
		return
	case took > trip+slowAck:
		size = max(size*3/4, leastWindowBytes)
	case w.filled && took < trip+quickAck:
		size = min(size*3/2, mostWindowBytes)
	default:
		return
	}
	w.size, w.filled, w.changedAt = size, false, now
}
