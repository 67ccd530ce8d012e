package branch

import (
	"slices"

	"passbook/branch/replica"
)

// maxGathered bounds the batches of frames that are sent as one. One frame may
// have more.
const maxGathered = 256 << 10

// gather makes one frame of as many of the first as may go together, and
// returns how many those are. A message costs both ends more than what is in
// it, and the acks of a peer's batch are often due when an own batch is.
func gather(frames []*replica.Frame) (*replica.Frame, int) {
	first, n := frames[0], 1
	size := batchBytes(first)
	for n < len(frames) && canJoin(first, frames[n]) {
		next := frames[n]
		if size += batchBytes(next); size > maxGathered {
			break
		}
		first = join(first, next)
		n++
	}
	return first, n
}

// batchBytes is the size of the batches in a frame.
func batchBytes(f *replica.Frame) int {
	size := 0
	for _, s := range f.Batches {
		size += len(s.Bytes)
	}
	return size
}

// canJoin reports whether two frames mean the same as one that has what is in
// both. A hello opens a link, and the receiver takes only the last wants.
func canJoin(first, next *replica.Frame) bool {
	return first.Hello == nil && next.Hello == nil && (len(first.Wants) == 0 || len(next.Wants) == 0)
}

// join returns a frame with what is in two: the batches in their order, and
// the later ack, which says all that the earlier one does. A wish for a sync
// then also covers the batches that follow it.
func join(first, next *replica.Frame) *replica.Frame {
	f := &replica.Frame{
		Batches: slices.Concat(first.Batches, next.Batches),
		Ack:     first.Ack,
		Wants:   slices.Concat(first.Wants, next.Wants),
		Sync:    first.Sync || next.Sync,
	}
	if a := next.Ack; a != nil {
		f.Ack = &replica.Ack{Applied: a.Applied, Synced: a.Synced, Forked: a.Forked || first.Ack != nil && first.Ack.Forked}
	}
	return f
}
