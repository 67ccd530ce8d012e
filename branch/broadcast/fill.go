package broadcast

import (
	"errors"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Bounds of what a branch adds to its journal because peers say that their entries come
// after more than there is.
const (
	// maxFillAtOnce bounds what one message may ask for, maxFill all that is added in one
	// run.
	maxFillAtOnce = ledger.MaxBatchEntries / 2
	maxFill       = 1 << 20
)

// askToFill asks the writer of a journal that has forked for as many entries as this
// branch's pending batches come after: it fills the journal up. A want beyond the end of a
// journal means that.
func (in *intake) askToFill() {
	p := &in.pending
	if len(p.batches) == 0 || in.Now < p.askAgainAt {
		return
	}
	var missing *ledger.MissingError
	if !errors.As(p.why, &missing) {
		return
	}
	i, ok := in.Ledger.Index(missing.At.Branch)
	if !ok || i == in.Self || !in.forks.of(missing.At.Branch) || in.stopped[i] {
		return
	}
	p.askAgainAt = in.Now + fetchRetry
	if writer := in.Peers[i]; writer.Usable() && writer.advertised[i] <= in.Head(i) && writer.doubts[i] == nil {
		in.want(writer, i, missing.At.Sequence-1)
	}
}

// fillUp adds entries that change nothing, if a peer wants more of this branch's journal than
// there is, and the journal has forked.
func (in *intake) fillUp(wants []ledger.Position) {
	for _, w := range wants {
		if w.Branch != in.Config.ID || w.Sequence < in.Head(in.Self) || in.State != protocol.Serving || !in.forks.of(w.Branch) {
			continue
		}
		for n := 0; n < maxFillAtOnce && in.filled < maxFill && in.Head(in.Self) <= w.Sequence; n++ {
			e, ok := in.Ledger.Fill(in.Self)
			if !ok {
				return
			}
			in.own.Post(e)
			in.filled++
		}
	}
}
