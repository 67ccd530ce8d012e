package replica

import (
	"passbook.example/passbook/branch/ledger"
)

// sayHello tells a peer how far each journal is applied here. That must be
// synced first: a peer that has lost its own journal counts on getting back
// what it is told of.
func (pr *progress) sayHello(p *peer) {
	hello := pr.founding.introduction(p.branch)
	p.helloAt, p.told = pr.now, hello.Identity
	for k, q := range pr.peers {
		if h := pr.ledger.Head(k); h.Sequence > 0 {
			hello.Applied = append(hello.Applied, ledger.MarkedPosition{Position: ledger.Position{Branch: q.branch, Sequence: h.Sequence}, Hash: h.Hash})
		}
	}
	pr.frameTo(p).Hello = hello
	pr.syncApplied()
}

// receiveHello learns how far the peer has applied every journal, and compares
// the hashes.
func (pr *progress) receiveHello(p *peer, h *Hello) {
	if h.Branch != p.branch || h.To != pr.cfg.ID || !p.linked {
		return
	}
	if pr.founding.stranger(p, h, true) != "" {
		return
	}
	pr.founding.hearBank(p, h.Identity)
	if p.advertised == nil {
		p.advertised = make([]uint64, pr.n)
	}
	for _, m := range h.Applied {
		i, ok := pr.ledger.Index(m.Branch)
		if !ok {
			continue
		}
		p.advertised[i] = max(p.advertised[i], m.Sequence)
		if i == pr.self {
			p.has = m
		}
	}
	p.forkedDue = pr.intake.proofs[p.index] != nil
	own := p.advertised[pr.self]
	pr.recovery.hear(p, own)
	defer pr.compare(p, h.Applied)
	if p.heard {
		if pr.now-p.helloAt >= pr.cfg.PeerTimeout {
			pr.sayHello(p) // it may not have heard the first
		}
		return
	}
	pr.confirm(p, 0)
	p.heard, p.synced = true, 0
	p.next, p.target, p.inflight, p.inflightBytes = own+1, pr.head(pr.self), nil, 0
	p.progressAt, p.probing, p.syncAsked = pr.now, false, 0
	pr.recheck = true
	pr.confirmHello(p)
}

// confirmHello counts what a peer has said in its hello that it has of this
// branch's journal, once that is here, and the same.
func (pr *progress) confirmHello(p *peer) {
	own := p.has.Sequence
	if !p.heard || own > pr.head(pr.self) || own > 0 && !pr.intake.has(pr.self, own, p.has.Hash) {
		return
	}
	p.synced = max(p.synced, own)
	pr.confirm(p, max(p.acked, own))
	p.next = min(max(p.next, p.acked+1), pr.head(pr.self)+1)
}

// compare holds the hashes of a hello against what is here.
func (pr *progress) compare(p *peer, applied []ledger.MarkedPosition) {
	for _, m := range applied {
		i, _ := pr.ledger.Index(m.Branch)
		if m.Sequence == 0 || m.Sequence > pr.head(i) || pr.intake.stopped[i] || i == pr.self && pr.state == Halted {
			continue
		}
		if !pr.intake.has(i, m.Sequence, m.Hash) {
			pr.intake.doubt(p, i, m.Sequence, BadPosition, "it has another entry %d of branch %d than is here", m.Sequence, m.Branch)
		}
	}
	if own := p.advertised[pr.self]; own > pr.head(pr.self) && pr.state == Serving {
		pr.intake.doubtEnd(p, own)
	}
}

// doubtEnd has a peer show the entries of this branch's own journal that it names
// and that are not here.
func (in *intake) doubtEnd(p *peer, end uint64) {
	head := in.head(in.self)
	in.doubt(p, in.self, head+1, BadPosition, "it has entry %d of this branch's journal, which ends at %d here", end, head)
}
