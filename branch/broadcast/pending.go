package broadcast

import (
	"errors"
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// pending are batches of this branch's own journal that can't be posted, in their order.
// When a fork of another journal was mended here, they followed its end, and depend on what
// does not count any more: they spend escrow that was granted in it, or come after entries
// of which there are not as many. Customers were told that they are recorded, so the branch
// writes nothing else in their place. It waits until they can be posted, and claims the
// escrow that they lack.
type pending struct {
	// batches are they.
	batches []*ledger.Sealed
	// counted are batches of other journals that count, by a decision about a fork, and are
	// not applied yet. Perhaps no branch has applied them, and this one alone has them, with
	// the fork.
	counted []*ledger.Sealed
	// why is what keeps the first from being posted, tried how much was applied when that
	// was found out.
	why   error
	tried uint64
	// askAgainAt is when the writer of another journal may be asked to fill it up.
	askAgainAt protocol.Millis
}

// newPending returns the batches that were pending when the branch last stopped, and those
// that count by a decision.
func newPending(c *Core) (pending, error) {
	p := pending{batches: counting(c.Config.Pending, c.Config.Forks)}
	for k := range c.Config.Forks {
		f := &c.Config.Forks[k]
		if !f.Decided() {
			continue
		}
		kept := f.Counts()
		i, ok := c.Ledger.Index(kept.Span.Branch)
		if !ok || c.Head(i) >= kept.Span.Last || p.has(kept.Hash) {
			continue
		}
		s, err := ledger.OpenSealed(kept.Bytes, kept.Hash)
		if err != nil {
			return p, fmt.Errorf("the fork of branch %d at entry %d: %w", kept.Span.Branch, kept.Span.First, err)
		}
		if s.Signature = kept.Signature; i == c.Self {
			p.batches = append([]*ledger.Sealed{s}, p.batches...)
		} else {
			p.counted = append(p.counted, s)
		}
	}
	return p, nil
}

// counting returns the pending batches before the first that does not count by a decision.
func counting(batches []*ledger.Sealed, forks []ledger.Fork) []*ledger.Sealed {
	dropped := ledger.DroppedBy(forks)
	for k, s := range batches {
		if dropped[s.Hash] {
			return batches[:k]
		}
	}
	return batches
}

// has reports whether a batch is one of them.
func (p *pending) has(hash ledger.Hash) bool {
	for _, s := range p.batches {
		if s.Hash == hash {
			return true
		}
	}
	return false
}

// rival returns the pending batch in the place of another one that differs from it: this
// branch has written both. It returns nil if there is none.
func (p *pending) rival(s *ledger.Sealed) *ledger.Outline {
	if len(p.batches) == 0 || p.batches[0].Span.First != s.Span.First || p.batches[0].Hash == s.Hash {
		return nil
	}
	return &p.batches[0].Outline
}

// String says what they wait for.
func (p *pending) String() string {
	first := p.batches[0]
	text := fmt.Sprintf("a fork was mended on which entries of this branch depend, from entry %d on: they can't be applied yet", first.Span.First)
	if lacks := p.lacks(); lacks != nil {
		return fmt.Sprintf("%s, since they spend %d of account %q and this branch owns %d; it claims the rest: if the other branches have none left, the bank has paid out more than there was, and somebody has to deposit it", text, lacks.Amount, lacks.Account, lacks.Escrow)
	}
	if p.why != nil {
		return fmt.Sprintf("%s (%v)", text, p.why)
	}
	return text
}

// lacks returns the escrow that the first of them wants; nil if it waits for something
// else.
func (p *pending) lacks() *ledger.EscrowError {
	if len(p.batches) == 0 { // as nearly always: nothing may be allocated for this
		return nil
	}
	var lacks *ledger.EscrowError
	if !errors.As(p.why, &lacks) {
		return nil
	}
	return lacks
}

// Lacks returns the escrow that this branch needs before it can serve; nil for none.
func (j *Journals) Lacks() *ledger.EscrowError { return j.intake.pending.lacks() }

// postPending posts what can be posted by now of the pending batches.
func (in *intake) postPending() {
	in.postCounted()
	p := &in.pending
	for len(p.batches) > 0 && in.State != protocol.Halted && (p.why == nil || p.tried != in.progressed()) {
		s := p.batches[0]
		if in.isHere(in.Self, s) { // a peer had it, too
			p.batches, p.why = p.batches[1:], nil
			continue
		}
		posted, err := in.Ledger.PostNext(s)
		if err != nil {
			p.why, p.tried = err, in.progressed()
			return
		}
		p.batches, p.why = p.batches[1:], nil
		in.record(in.Self, s, posted)
		in.own.keep(&s.Outline)
		in.backOwn(s.Span.First - 1)
		in.recovery.agree()
	}
}

// postCounted posts what can be posted by now of the batches that count by a decision.
func (in *intake) postCounted() {
	in.pending.counted = slices.DeleteFunc(in.pending.counted, func(s *ledger.Sealed) bool {
		i, _ := in.Ledger.Index(s.Span.Branch)
		if in.Head(i) >= s.Span.Last {
			return true
		}
		posted, err := in.Ledger.PostNext(s)
		if err == nil {
			in.record(i, s, posted)
		}
		return err == nil
	})
}
