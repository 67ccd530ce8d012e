package broadcast

import (
	"fmt"
	"maps"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A peer may lie when it says something about a journal that does not agree with what
// is here. So this branch believes nothing yet: it asks that peer for its batches of
// the journal, and searches for the first that differs. It finds a proof, or else it
// ends the link. Meanwhile the bank goes on.

// doubt is the search for the place where a peer's copy of a journal differs.
type doubt struct {
	// Up to lo the peer's batches are the same as here, and at hi they are not.
	// Invariant: lo < hi, or the peer contradicts itself.
	lo, hi uint64
	// askedAt is when batches were last asked for; heard says that some have come
	// since. tries counts the requests after which none came, steps those after which
	// some did.
	askedAt      protocol.Millis
	heard        bool
	tries, steps int
	// lie and text say why the peer is refused if it shows nothing.
	lie  protocol.Lie
	text string
}

// doubt makes a peer show its batches of the i-th journal, in which something differs
// at the sequence hi or before.
func (in *intake) doubt(p *Peer, i int, hi uint64, lie protocol.Lie, format string, args ...any) {
	if p.closing || p.doubts[i] != nil || p.aside[i] {
		return
	}
	if !p.Usable() { // a call by hand, or a frame that overtook its link's hello
		in.alarms.Reject(p, lie, true, format, args...)
		return
	}
	if p.doubts == nil {
		p.doubts = map[int]*doubt{}
	}
	d := &doubt{hi: hi, lie: lie, text: fmt.Sprintf(format, args...)}
	p.doubts[i] = d
	in.doubting.add(p.Index)
	in.askOf(p, i, d, hi-1)
}

// askOf asks for the batches of a doubted journal, beginning with the one that has
// the entry after a sequence.
func (in *intake) askOf(p *Peer, i int, d *doubt, after uint64) {
	d.askedAt, d.heard = in.Now, false
	in.want(p, i, after)
}

// want has this Ready ask a peer for a journal: once, since the peer serves the
// wants of a frame together.
func (in *intake) want(p *Peer, i int, after uint64) {
	f := in.progress.frameTo(p)
	at := ledger.Position{Branch: in.Peers[i].Branch, Sequence: after}
	for k := range f.Wants {
		if f.Wants[k].Branch == at.Branch {
			f.Wants[k] = at
			return
		}
	}
	f.Wants = append(f.Wants, at)
}

// judge compares a batch that a doubted peer shows with what is here.
func (in *intake) judge(p *Peer, i int, s *ledger.Sealed) {
	d := p.doubts[i]
	first, last := s.Batch.FirstSequence, s.Batch.LastSequence()
	if d == nil || first > d.hi {
		return
	}
	d.heard = true
	switch {
	case !in.follows(i, s):
		d.hi = min(d.hi, first-1)
	case first > in.Head(i):
		d.lo = max(d.lo, first-1)
	case in.isHere(i, s):
		d.lo = max(d.lo, last)
	default:
		in.prove(p, i, s)
	}
}

// askFurther goes on with the searches in which batches have come.
func (in *intake) askFurther(p *Peer) {
	for _, i := range slices.Sorted(maps.Keys(p.doubts)) {
		switch d := p.doubts[i]; {
		case p.closing || !d.heard:
		case d.hi <= d.lo || d.steps >= doubtSteps:
			in.alarms.Reject(p, d.lie, true, "%s: what it shows does not differ from what is here", d.text)
		default:
			d.steps++
			in.askOf(p, i, d, (d.lo+d.hi)/2)
		}
	}
}

// expire gives up the searches that have come to nothing in time, and asks
// again where no answer has come.
func (in *intake) expire() {
	for k := in.doubting.next(0); k >= 0; k = in.doubting.next(k + 1) {
		p := in.Peers[k]
		for _, i := range slices.Sorted(maps.Keys(p.doubts)) {
			switch d := p.doubts[i]; {
			case p.closing:
			case in.Now-d.askedAt < in.retry(p):
			case d.tries >= doubtTries:
				in.alarms.Reject(p, d.lie, true, "%s: it shows no batch that proves it", d.text)
			default:
				d.tries++
				in.askOf(p, i, d, (d.lo+d.hi)/2)
			}
		}
		if len(p.doubts) == 0 {
			in.doubting.remove(k)
		}
	}
}

// dropDoubts gives up the searches in this branch's own journal beyond a sequence:
// their entries are applied by now, or Recovery waits for them.
func (in *intake) dropDoubts(beyond uint64) {
	for k := in.doubting.next(0); k >= 0; k = in.doubting.next(k + 1) {
		if d := in.Peers[k].doubts[in.Self]; d != nil && d.hi > beyond {
			delete(in.Peers[k].doubts, in.Self)
		}
	}
}

// wait is a wait for more of a journal, during which none may come.
type wait struct {
	// at is when the current span began, head is where the journal ended then.
	at   protocol.Millis
	head uint64
	// tries counts the spans of fetchRetry that have passed.
	tries int
}

// inVain reports whether a journal that ends at head has not grown for as long as a
// peer that has more of it may need.
func (w *wait) inVain(now protocol.Millis, head uint64) bool {
	switch {
	case head != w.head:
		*w = wait{at: now, head: head}
	case now-w.at >= fetchRetry:
		w.at, w.tries = now, w.tries+1
	}
	return w.tries >= showTries
}

// hashUpTo returns the hash that a batch of the i-th journal must name as that of the
// batch before it, if it begins after sequence.
func (in *intake) hashUpTo(i int, sequence uint64) (ledger.Hash, bool) {
	switch {
	case sequence == 0:
		return in.founding.genesis(), true
	case sequence > in.Head(i):
		return ledger.Hash{}, false
	}
	return in.hashAt(i, sequence)
}

// has reports whether the batch of the i-th journal that ends at a sequence here
// has a hash.
func (in *intake) has(i int, sequence uint64, hash ledger.Hash) bool {
	here, ok := in.hashUpTo(i, sequence)
	return ok && here == hash
}

// isHere reports whether a batch is the one that is applied here in its place.
func (in *intake) isHere(i int, s *ledger.Sealed) bool {
	return in.has(i, s.Batch.LastSequence(), s.Hash)
}

// follows reports whether a batch follows what is applied here of its journal,
// at the end or before it.
func (in *intake) follows(i int, s *ledger.Sealed) bool {
	return in.has(i, s.Batch.FirstSequence-1, s.Batch.PrevHash)
}
