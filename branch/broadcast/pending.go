package broadcast

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// pending are batches that count and can't be posted yet. When a fork of a journal was
// mended here, they followed the ends of journals, and depend on what does not count any
// more: they spend escrow that was granted in it, or come after entries of which there are
// not as many. Customers were told that they are recorded, so the writer of such a batch
// writes nothing else in its place: it waits until it can post them, and claims the escrow
// that they lack. Each branch that had them keeps them, and tells their writer, which may
// lose its disk meanwhile.
type pending struct {
	// batches are those of this branch's own journal, in their order.
	batches []*ledger.Sealed
	// others are those of other journals, in the order of branches and entries. heldAt is how
	// much was applied when they were last tried.
	others []*ledger.Sealed
	heldAt uint64
	// why is what keeps the first from being posted, tried how much was applied when that
	// was found out.
	why   error
	tried uint64
	// askAgainAt is when the writer of another journal may be asked to fill it up.
	askAgainAt protocol.Millis
}

// newPending returns the batches that were pending when the branch last stopped, and those
// that count by a decision: perhaps no branch has applied these, and this one alone has
// them, with the fork.
func newPending(c *Core) (pending, error) {
	p := pending{}
	dropped := ledger.DroppedBy(c.Config.Forks)
	for _, s := range c.Config.Pending {
		p.hold(c, s, dropped)
	}
	for k := range c.Config.Forks {
		s, err := c.Config.Forks[k].Opened()
		if err != nil {
			return p, err
		}
		if i, ok := c.Ledger.Index(c.Config.Forks[k].Key().Branch); s == nil || !ok || c.Head(i) >= s.Span.Last || p.has(s.Hash) {
			continue
		}
		p.hold(c, s, dropped)
	}
	p.sort()
	return p, nil
}

// hold keeps a batch, unless it does not count.
func (p *pending) hold(c *Core, s *ledger.Sealed, dropped map[ledger.Hash]bool) {
	switch {
	case dropped[s.Hash]:
	case s.Span.Branch == c.Config.ID:
		p.batches = append(p.batches, s)
	default:
		p.others = append(p.others, s)
	}
}

// sort brings the batches into the order of branches and entries.
func (p *pending) sort() {
	for _, all := range [][]*ledger.Sealed{p.batches, p.others} {
		slices.SortStableFunc(all, func(a, b *ledger.Sealed) int {
			return cmp.Or(cmp.Compare(a.Span.Branch, b.Span.Branch), cmp.Compare(a.Span.First, b.Span.First))
		})
	}
}

// drop forgets the batches that don't count any more, and those that follow them.
func (p *pending) drop(dropped map[ledger.Hash]bool) {
	gone := maps.Clone(dropped)
	p.others = slices.DeleteFunc(p.others, func(s *ledger.Sealed) bool {
		if !gone[s.Hash] && !gone[s.Batch.PrevHash] {
			return false
		}
		gone[s.Hash] = true
		return true
	})
}

// has reports whether a batch is one of them.
func (p *pending) has(hash ledger.Hash) bool {
	is := func(s *ledger.Sealed) bool { return s.Hash == hash }
	return slices.ContainsFunc(p.batches, is) || slices.ContainsFunc(p.others, is)
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
	in.postOthers()
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

// postOthers posts what can be posted by now of the batches of other journals.
func (in *intake) postOthers() {
	p := &in.pending
	if len(in.own.entries) > 0 {
		return // they are not sealed, and their batch must not come after what comes after them
	}
	for len(p.others) > 0 && p.heldAt != in.progressed()+1 {
		p.heldAt = in.progressed() + 1
		p.others = slices.DeleteFunc(p.others, func(s *ledger.Sealed) bool {
			i, _ := in.Ledger.Index(s.Span.Branch)
			if in.Head(i) >= s.Span.First { // it has come, or another one
				return true
			}
			if in.stopped[i] {
				return false
			}
			posted, err := in.Ledger.PostNext(s)
			if err == nil {
				in.record(i, s, posted)
			}
			return err == nil
		})
	}
}

// end returns how far this branch has its own journal, with the batches that are pending.
func (in *intake) end() (sequence uint64, hash ledger.Hash) {
	if n := len(in.pending.batches); n > 0 {
		last := in.pending.batches[n-1]
		return last.Span.Last, last.Hash
	}
	head := in.Ledger.Head(in.Self)
	return head.Sequence, head.Hash
}

// takePending keeps a batch of this branch's own journal that a peer holds for it, since
// neither can post it, and reports whether it is one. A branch that serves takes none: it
// does not stop for what may be a lie.
func (in *intake) takePending(from *Peer, s *ledger.Sealed) bool {
	if in.pending.has(s.Hash) {
		return true
	}
	end, hash := in.end()
	if in.State != protocol.Recovering || s.Span.Last > from.holds || s.Span.First != end+1 || s.Batch.PrevHash != hash || !in.mayWait(s) {
		return false
	}
	in.pending.batches, in.pending.why = append(in.pending.batches, s), nil
	in.recovery.lost, in.Recheck = true, true
	in.fetches[in.Self].again = in.fetches[in.Self].from != nil
	in.mayFetch(in.Self)
	return true
}

// mayWait reports whether what a batch of this branch's own journal says is possible, whatever
// it lacks.
func (in *intake) mayWait(s *ledger.Sealed) bool {
	for k := range s.Batch.Entries {
		if s.Batch.Entries[k].Check() != nil {
			return false
		}
	}
	return s.Batch.Epoch >= in.Ledger.Head(in.Self).Epoch && in.Ledger.CheckLead(in.Self, s.Batch) == nil
}

// holds returns how far this branch has the i-th journal with the batches that are pending;
// 0 if that is no further than it has applied it.
func (in *intake) holds(i int) uint64 {
	end, held := in.Head(i), uint64(0)
	for _, s := range in.pending.others {
		if s.Span.Branch == in.Peers[i].Branch && s.Span.First == end+1 {
			end, held = s.Span.Last, s.Span.Last
		}
	}
	return held
}

// heldAfter returns pending batches of the i-th journal that come after a sequence, as many
// as fit into a number of bytes.
func (in *intake) heldAfter(i int, after uint64, bytes int) []*ledger.Outline {
	var out []*ledger.Outline
	for _, s := range in.pending.others {
		if s.Span.Branch != in.Peers[i].Branch || s.Span.First <= after {
			continue
		}
		if len(out) > 0 && len(s.Bytes) > bytes {
			break
		}
		out = append(out, &s.Outline)
		bytes -= len(s.Bytes)
	}
	return out
}
