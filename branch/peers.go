package branch

import (
	"context"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/bound"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// peer is another branch: where it is, and the link to it.
type peer struct {
	branch  *Branch
	id      ledger.BranchID
	address string
	// link is the one that is up; it belongs to the engine's goroutine.
	link *link
	// links counts the accepted ones, calls runs the claims and looks.
	links bound.Count
	calls peerCalls
}

// letOut sends a message to a peer: frames on the link, the rest as calls.
func (b *Branch) letOut(m replica.Message) {
	p := b.peers[m.To]
	switch {
	case m.Frame != nil:
		if p.link != nil {
			b.story.Sent(m.To, m.Frame)
			p.link.send(b.copies.of(m.Frame))
		}
	case m.Claim != nil:
		p.calls.start(b.spawn, func() { p.claim(b.linksCtx, m.Claim) })
	case m.Collect != nil:
		p.calls.start(b.spawn, func() { p.collect(b.linksCtx, m.Collect) })
	}
}

// claim calls the peer and gives its answer, or that there is none, to the
// loop.
func (p *peer) claim(ctx context.Context, c *replica.Claim) {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	res, err := p.branch.service.Claim(p.call(ctx), &bankv1.ClaimRequest{
		Branch: uint32(p.branch.id), Account: c.Account, Amount: int64(c.Amount),
		Ticket: &bankv1.Ticket{Clock: c.Ticket.Clock, Branch: uint32(c.Ticket.Branch)},
	})
	a := &replica.ClaimAnswer{ID: c.ID, Failed: err != nil}
	if err == nil {
		a.Granted, a.Sequence, a.Escrow = ledger.Amount(res.GetGranted()), res.GetSequence(), ledger.Amount(res.GetEscrow())
	}
	p.receive(replica.Message{ClaimAnswer: a})
}

// collect calls the peer for one look and gives its answer to the engine.
func (p *peer) collect(ctx context.Context, c *replica.Collect) {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	res, err := p.branch.service.Collect(p.call(ctx), &bankv1.CollectRequest{
		Branch: uint32(p.branch.id), Account: c.Account, Collect: c.Collect, Look: c.Look, Hold: c.Freeze,
	})
	a := &replica.CollectAnswer{ID: c.ID, Failed: err != nil}
	if err == nil {
		a.Last, a.Paid, a.Most, a.MostKnown = res.GetLastSequence(), ledger.Amount(res.GetPaid()), ledger.Amount(res.GetMostPaid()), res.GetWatched()
	}
	p.receive(replica.Message{CollectAnswer: a})
}

func (p *peer) receive(m replica.Message) {
	m.From, m.To = p.id, p.branch.id
	p.branch.engine.Post(func(r *replica.Replica) { r.Receive(m) })
}

// call returns a context for calls to the peer.
func (p *peer) call(ctx context.Context) context.Context { return peernet.To(ctx, &p.address) }
