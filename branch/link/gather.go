package link

import (
	"cmp"
	"slices"

	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxGathered bounds the content of frames that are sent as one. One frame may
// have more.
const maxGathered = 256 << 10

// gather makes one frame of as many of the first as may go together, and
// returns how many those are. A message costs both ends more than what is in
// it, and the acks of a peer's batch are often due when an own batch is.
func gather(frames []outgoing) (outgoing, int) {
	if len(frames) == 1 || !canJoin(frames[0].frame, frames[1].frame) {
		return frames[0], 1
	}
	all, n, size := &protocol.Frame{}, 0, 0
	var stamps []*bankv1.Stamp
	for _, next := range frames {
		size += contentBytes(next.frame) + stampBytes(next.stamps)
		if !canJoin(all, next.frame) || n > 0 && size > maxGathered {
			break
		}
		join(all, next.frame)
		stamps = append(stamps, next.stamps...)
		n++
	}
	return outgoing{frame: all, stamps: stamps}, n
}

// contentBytes is about the size of what a frame has that may be long: its batches, what
// it says of contested accounts, and certificates.
func contentBytes(f *protocol.Frame) int {
	return batchBytes(f) + contestBytes(f.Contest) + certificateBytes(f)
}

// certificateBytes bounds the size of the certificates in a frame.
func certificateBytes(f *protocol.Frame) int {
	const fields = 8
	size := 0
	for _, c := range f.Certificates {
		size += fields + len(c)
	}
	return size
}

// batchBytes is the size of the batches in a frame.
func batchBytes(f *protocol.Frame) int {
	size := 0
	for _, s := range f.Outlines {
		size += len(s.Bytes)
	}
	return size
}

// canJoin reports whether two frames mean the same as one that has what is in
// both. A hello opens a link, and the receiver takes only the last wants. Certificates
// count before any batch of their frame.
func canJoin(first, next *protocol.Frame) bool {
	return first.Hello == nil && next.Hello == nil && (len(first.Wants) == 0 || len(next.Wants) == 0) &&
		len(first.Certificates)+len(next.Certificates) <= maxCertificates
}

// join adds what is in the next frame: the batches in their order, and the later
// ack, which says all that the earlier one does. A wish for a sync then also
// covers the batches that follow it, and what is said of contested accounts comes
// after all batches.
func join(all, next *protocol.Frame) {
	all.Outlines = append(all.Outlines, next.Outlines...)
	all.Certificates = append(all.Certificates, next.Certificates...)
	all.Wants = append(all.Wants, next.Wants...)
	all.Sync = all.Sync || next.Sync
	all.Ping, all.Pong = cmp.Or(next.Ping, all.Ping), cmp.Or(next.Pong, all.Pong)
	if c := next.Contest; c != nil {
		joined := protocol.Contest{}
		if all.Contest != nil {
			joined = *all.Contest
		}
		// The slices of a frame may be sent to others, too: none is appended to in place.
		all.Contest = &protocol.Contest{
			Summons: slices.Concat(joined.Summons, c.Summons), Looks: slices.Concat(joined.Looks, c.Looks),
			Answers: slices.Concat(joined.Answers, c.Answers), Ends: slices.Concat(joined.Ends, c.Ends),
			Clock: max(joined.Clock, c.Clock),
		}
	}
	if a := next.Ack; a != nil {
		all.Ack = &protocol.Ack{Applied: a.Applied, Synced: a.Synced, Forked: a.Forked || all.Ack != nil && all.Ack.Forked}
	}
}
