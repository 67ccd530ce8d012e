package replica

import (
	"passbook.example/passbook/branch/ledger"
)

// sayHello tells a peer how far each journal is applied here. That must be
// synced first: a peer that has lost its own journal counts on getting back
// what it is told of.
func (r *Replica) sayHello(p *peer) {
	hello := r.Introduction(p.branch)
	p.helloAt, p.told = r.now, hello.Identity
	for k, q := range r.peers {
		if h := r.ledger.Head(k); h.Sequence > 0 {
			hello.Applied = append(hello.Applied, ledger.MarkedPosition{Position: ledger.Position{Branch: q.branch, Sequence: h.Sequence}, Hash: h.Hash})
		}
	}
	r.frameTo(p).Hello = hello
	r.syncApplied()
}

// receiveHello learns how far the peer has applied every journal, and compares
// the hashes.
func (r *Replica) receiveHello(p *peer, h *Hello) {
	if h.Branch != p.branch || h.To != r.cfg.ID || !p.linked {
		return
	}
	if r.stranger(p, h, true) != "" {
		return
	}
	r.hearBank(p, h.Identity)
	if p.advertised == nil {
		p.advertised = make([]uint64, r.n)
	}
	for _, m := range h.Applied {
		i, ok := r.ledger.Index(m.Branch)
		if !ok {
			continue
		}
		p.advertised[i] = max(p.advertised[i], m.Sequence)
		if i == r.self {
			p.has = m
		}
	}
	p.forkedDue = r.proofs[p.index] != nil
	own := p.advertised[r.self]
	r.recovery.hear(r, p, own)
	defer r.compare(p, h.Applied)
	if p.heard {
		if r.now-p.helloAt >= r.cfg.PeerTimeout {
			r.sayHello(p) // it may not have heard the first
		}
		return
	}
	r.confirm(p, 0)
	p.heard, p.synced = true, 0
	p.next, p.target, p.inflight, p.inflightBytes = own+1, r.head(r.self), nil, 0
	p.progressAt, p.probing, p.syncAsked = r.now, false, 0
	r.recheck = true
	r.confirmHello(p)
}

// confirmHello counts what a peer has said in its hello that it has of this
// branch's journal, once that is here, and the same.
func (r *Replica) confirmHello(p *peer) {
	own := p.has.Sequence
	if !p.heard || own > r.head(r.self) || own > 0 && !r.has(r.self, own, p.has.Hash) {
		return
	}
	p.synced = max(p.synced, own)
	r.confirm(p, max(p.acked, own))
	p.next = min(max(p.next, p.acked+1), r.head(r.self)+1)
}

// compare holds the hashes of a hello against what is here.
func (r *Replica) compare(p *peer, applied []ledger.MarkedPosition) {
	for _, m := range applied {
		i, _ := r.ledger.Index(m.Branch)
		if m.Sequence == 0 || m.Sequence > r.head(i) || r.stopped[i] || i == r.self && r.recovery.state == Halted {
			continue
		}
		if !r.has(i, m.Sequence, m.Hash) {
			r.doubt(p, i, m.Sequence, BadPosition, "it has another entry %d of branch %d than is here", m.Sequence, m.Branch)
		}
	}
	if own := p.advertised[r.self]; own > r.head(r.self) && r.recovery.state == Serving {
		r.doubtEnd(p, own)
	}
}

// doubtEnd has a peer show the entries of this branch's own journal that it names
// and that are not here.
func (r *Replica) doubtEnd(p *peer, end uint64) {
	head := r.head(r.self)
	r.doubt(p, r.self, head+1, BadPosition, "it has entry %d of this branch's journal, which ends at %d here", end, head)
}
