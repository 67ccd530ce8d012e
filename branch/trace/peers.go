package trace

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxEarly bounds the stamps of a peer whose entries are not applied yet. An honest peer
// has no more entries on their way.
const maxEarly = 1 << 16

// peer is what has come from a peer, and what it is to be told.
type peer struct {
	// early are the stamps of entries that are not applied yet, by their sequences.
	early map[uint64]*bankv1.Stamp
	// executed are those that are.
	executed map[uint64]executed
	// owed are the answers that go with the next ack.
	owed []*bankv1.Stamp
}

// executed is an entry of a peer that is applied here.
type executed struct {
	trace *trace // which it belongs to
	clock uint64 // of 2020, right after
}

// forget forgets what belongs to a trace.
func (p *peer) forget(gone *trace) {
	for sequence, e := range p.executed {
		if e.trace == gone {
			delete(p.executed, sequence)
		}
	}
}

// peer returns what is known of a peer. The caller holds mu.
func (t *Recorder) peer(id ledger.BranchID) *peer {
	p := t.peers[id]
	if p == nil {
		p = &peer{early: map[uint64]*bankv1.Stamp{}, executed: map[uint64]executed{}}
		t.peers[id] = p
	}
	return p
}

// Sending records that a link takes a frame for a peer, and returns the stamps that go
// with it. An entry that goes to the same peer again has the stamp that it had before.
// The engine's goroutine calls it.
func (t *Recorder) Sending(to ledger.BranchID, f *protocol.Frame) []*bankv1.Stamp {
	if len(f.Outlines) == 0 && f.Ack == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var stamps []*bankv1.Stamp
	for _, b := range f.Outlines {
		if b.Span.Branch != t.self {
			continue // passed on for another branch, which has the clock
		}
		for sequence := b.Span.First; sequence <= b.Span.Last; sequence++ {
			if r := t.own[sequence]; r != nil {
				stamps = append(stamps, t.send(to, sequence, r))
			}
		}
	}
	if p := t.peer(to); f.Ack != nil {
		stamps = append(stamps, p.owed...)
		p.owed = nil
	}
	return stamps
}

// send records that an entry is sent, unless it was before.
func (t *Recorder) send(to ledger.BranchID, sequence uint64, r *request) *bankv1.Stamp {
	s := r.sent[to]
	if s == nil {
		at := r.event(bankv1.TraceEventKind_TRACE_EVENT_KIND_SENT)
		at.peer = to
		s = &sent{clock: r.trace.since2023.tick(0, at)}
		r.sent[to] = s
	}
	return &bankv1.Stamp{
		Branch: uint32(t.self), Sequence: sequence, Request: r.number, Clock: s.clock, Clock_2020: r.executed, Withdrawal: r.withdrawal,
		Trace: r.trace.name,
	}
}

// Received takes the stamps of a frame that has come from a peer. Its entries up to
// applied were applied before. The engine's goroutine calls it, before the step that
// applies the others is committed.
func (t *Recorder) Received(from ledger.BranchID, stamps []*bankv1.Stamp, applied uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range stamps {
		switch ledger.BranchID(s.GetBranch()) {
		case from:
			t.arrived(from, s, applied)
		case t.self:
			t.answered(from, s)
		}
	}
}

// arrived takes the stamp of an entry of a peer's own.
func (t *Recorder) arrived(from ledger.BranchID, s *bankv1.Stamp, applied uint64) {
	p := t.peer(from)
	before, again := p.executed[s.GetSequence()]
	switch {
	case again:
		p.owe(from, s, before.clock) // the peer may not have had the answer
	case s.GetSequence() <= applied:
		t.receive(from, p, s) // another branch had passed it on before
	case len(p.early) < maxEarly:
		p.early[s.GetSequence()] = s
	default:
		t.trace(s.GetTrace()).miss()
	}
}

// applied records the receipt of entries that a peer has sent.
func (t *Recorder) applied(b *ledger.Batch) {
	p := t.peers[b.Branch]
	if p == nil || len(p.early) == 0 {
		return
	}
	for i := range b.Entries {
		if s := p.early[b.Entries[i].Sequence]; s != nil {
			delete(p.early, s.GetSequence())
			t.receive(b.Branch, p, s)
		}
	}
}

// receive records the receipt of an entry.
func (t *Recorder) receive(from ledger.BranchID, p *peer, s *bankv1.Stamp) {
	in := t.trace(s.GetTrace())
	if in.isFull() {
		in.miss()
		return
	}
	at := event{request: s.GetRequest(), peer: from, withdrawal: s.GetWithdrawal(), kind: bankv1.TraceEventKind_TRACE_EVENT_KIND_RECEIVED}
	in.since2023.tick(s.GetClock(), at)
	in.of2020.tick(s.GetClock_2020(), at)
	at.kind = bankv1.TraceEventKind_TRACE_EVENT_KIND_RECEIVED_EXECUTED
	after := in.of2020.tick(0, at)
	p.executed[s.GetSequence()] = executed{in, after}
	p.owe(from, s, after)
}

// owe makes the next ack for a peer have the answer to an entry.
func (p *peer) owe(to ledger.BranchID, s *bankv1.Stamp, after uint64) {
	if len(p.owed) < maxEarly {
		p.owed = append(p.owed, &bankv1.Stamp{Branch: uint32(to), Sequence: s.GetSequence(), Request: s.GetRequest(), Clock_2020: after, Withdrawal: s.GetWithdrawal(), Trace: s.GetTrace()})
	}
}

// answered records that a peer has answered an entry.
func (t *Recorder) answered(from ledger.BranchID, s *bankv1.Stamp) {
	r := t.own[s.GetSequence()]
	if r == nil || r.sent[from] == nil || r.sent[from].answered {
		return
	}
	r.sent[from].answered = true
	at := r.event(bankv1.TraceEventKind_TRACE_EVENT_KIND_ANSWERED)
	at.peer = from
	r.trace.of2020.tick(s.GetClock_2020(), at)
}
