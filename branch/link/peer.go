package link

import (
	"context"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/bound"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// peer is another branch: where it is, and the link to it.
type peer struct {
	// links are those of this branch.
	links *Links
	// id is the peer.
	id ledger.BranchID
	// way leads to it. It does not change.
	way peernet.Way
	// link is the one that is up, or nil. It belongs to the engine's goroutine.
	link *link
	// accepted counts the links that the peer has dialed and that have not ended.
	accepted bound.Count
	// calls are the claims and looks on their way.
	calls peerCalls
}

// claim calls the peer, and gives the engine the answer or the news that there is
// none.
func (p *peer) claim(ctx context.Context, c *protocol.Claim) {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	res, err := p.links.service.Claim(p.call(ctx), &bankv1.ClaimRequest{
		Branch: uint32(p.links.cfg.ID), Account: c.Account, Amount: int64(c.Amount),
		Ticket: &bankv1.Ticket{Clock: c.Ticket.Clock, Branch: uint32(c.Ticket.Branch)},
	})
	a := &protocol.ClaimAnswer{ID: c.ID, Failed: err != nil}
	if err == nil {
		a.Granted, a.Sequence, a.Escrow = ledger.Amount(res.GetGranted()), res.GetSequence(), ledger.Amount(res.GetEscrow())
	}
	p.receive(protocol.Message{ClaimAnswer: a})
}

// collect calls the peer for one look, and gives the engine the answer or the news
// that there is none.
func (p *peer) collect(ctx context.Context, c *protocol.Collect) {
	ctx, cancel := context.WithTimeout(ctx, api.CallTimeout)
	defer cancel()
	res, err := p.links.service.Collect(p.call(ctx), &bankv1.CollectRequest{
		Branch: uint32(p.links.cfg.ID), Account: c.Account, Collect: c.Collect, Look: c.Look, Hold: c.Freeze,
		Mark: c.Mark, Clock: c.Clock,
	})
	a := &protocol.CollectAnswer{ID: c.ID, Failed: err != nil}
	if err == nil {
		a.Last, a.Paid, a.Most, a.MostKnown = res.GetLastSequence(), ledger.Amount(res.GetPaid()), ledger.Amount(res.GetMostPaid()), res.GetWatched()
		a.Marked, a.Intact, a.Clock = res.GetMarked(), res.GetIntact(), res.GetClock()
	}
	p.receive(protocol.Message{CollectAnswer: a})
}

// receive gives the engine a message from the peer.
func (p *peer) receive(m protocol.Message) {
	m.From, m.To = p.id, p.links.cfg.ID
	p.links.cfg.Engine.Post(func(r *replica.Replica) {
		p.links.cfg.Life.Received(m)
		r.Receive(m)
	})
}

// call returns a context for calls to the peer.
func (p *peer) call(ctx context.Context) context.Context { return peernet.To(ctx, &p.way) }
