package link

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

const (
	// maxStampClock bounds the clocks of a stamp, so none can overflow.
	maxStampClock = 1 << 62
	// maxStampName bounds the name of a stamp's trace, in bytes.
	maxStampName = 64
	// eachStamp bounds the bytes of a stamp in a message.
	eachStamp = 64 + maxStampName
)

// stampBytes bounds the size of stamps in a message.
func stampBytes(stamps []*bankv1.Stamp) int { return eachStamp * len(stamps) }

// appendStamps appends stamps to a frame's message. Protobuf merges messages that are
// written one after the other: so the bytes of the frame can be those that all peers get,
// though each gets stamps of its own.
func appendStamps(out []byte, stamps []*bankv1.Stamp) []byte {
	if len(stamps) == 0 {
		return out
	}
	out, err := proto.MarshalOptions{}.MarshalAppend(out, &bankv1.PropagateRequest{Frame: &bankv1.Frame{Stamps: stamps}})
	if err != nil {
		panic("stamps can't be encoded: " + err.Error()) // they are numbers, and a name that is checked
	}
	return out
}

// checkStamps returns what is wrong with stamps that have come.
func checkStamps(stamps []*bankv1.Stamp) error {
	for _, s := range stamps {
		if s.GetClock() > maxStampClock || s.GetClock_2020() > maxStampClock {
			return fmt.Errorf("a stamp has the clock %d, at most %d is allowed", max(s.GetClock(), s.GetClock_2020()), uint64(maxStampClock))
		}
		if n := len(s.GetTrace()); n > maxStampName {
			return fmt.Errorf("a stamp names a trace in %d bytes, at most %d are allowed", n, maxStampName)
		}
	}
	return nil
}

// applied returns how far the journal of a peer is applied here.
func applied(r *replica.Replica, peer ledger.BranchID) uint64 {
	view := r.Ledger()
	i, _ := view.Index(peer) // every peer is a branch of the bank
	return view.Head(i).Sequence
}
