package branch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/bound"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
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

type customerClient = bankv1connect.BranchServiceClient

// letOut sends a message to a peer: frames on the link, the rest as calls.
func (b *Branch) letOut(m replica.Message) {
	p := b.peers[m.To]
	switch {
	case m.Frame != nil:
		if p.link != nil {
			b.story.sent(m.To, m.Frame)
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
		Branch: uint32(p.branch.id), Account: c.Account, Collect: c.Collect, Look: c.Look, Hold: c.Hold,
	})
	a := &replica.CollectAnswer{ID: c.ID, Failed: err != nil}
	if err == nil {
		a.Last, a.Paid, a.Most, a.Watched = res.GetLastSequence(), ledger.Amount(res.GetPaid()), ledger.Amount(res.GetMostPaid()), res.GetWatched()
	}
	p.receive(replica.Message{CollectAnswer: a})
}

func (p *peer) receive(m replica.Message) {
	m.From, m.To = p.id, p.branch.id
	p.branch.engine.Post(func(r *replica.Replica) { r.Receive(m) })
}

// peerService serves bank.v1.PeerService.
type peerService struct{ branch *Branch }

// Claim is PeerServiceHandler's.
func (s peerService) Claim(ctx context.Context, req *bankv1.ClaimRequest) (*bankv1.ClaimResponse, error) {
	b := s.branch
	from, err := b.fromPeer(req.GetBranch())
	if err != nil {
		return nil, err
	}
	if req.GetAmount() <= 0 {
		return nil, b.lied(from, api.Fieldf("amount", "must be greater than 0, is %d", req.GetAmount()))
	}
	name := api.AccountName(req.GetAccount())
	if err := api.CheckName("account", name); err != nil {
		return nil, b.lied(from, err)
	}
	ticket := replica.Ticket{Clock: req.GetTicket().GetClock(), Branch: from}
	if t := req.GetTicket(); t != nil {
		ticket.Branch = ledger.BranchID(t.GetBranch())
	}
	m, err := b.engine.Serve(ctx, replica.Message{From: from, To: b.id, Claim: &replica.Claim{
		Account: name, Amount: ledger.Amount(req.GetAmount()), Ticket: ticket,
	}})
	if err != nil {
		return nil, err
	}
	a := m.ClaimAnswer
	if a.Refused != "" {
		return nil, &api.InputError{Field: "ticket", Problem: a.Refused}
	}
	return &bankv1.ClaimResponse{Granted: int64(a.Granted), Sequence: a.Sequence, Escrow: int64(a.Escrow)}, nil
}

// Collect is PeerServiceHandler's.
func (s peerService) Collect(ctx context.Context, req *bankv1.CollectRequest) (*bankv1.CollectResponse, error) {
	b := s.branch
	from, err := b.fromPeer(req.GetBranch())
	if err != nil {
		return nil, err
	}
	name := api.AccountName(req.GetAccount())
	if err := api.CheckName("account", name); err != nil {
		return nil, b.lied(from, err)
	}
	m, err := b.engine.Serve(ctx, replica.Message{From: from, To: b.id, Collect: &replica.Collect{
		Account: name, Collect: req.GetCollect(), Look: req.GetLook(), Hold: req.GetHold(),
	}})
	if err != nil {
		return nil, err
	}
	a := m.CollectAnswer
	switch {
	case a.Refused != "":
		return nil, &api.InputError{Field: "look", Problem: a.Refused}
	case a.Failed:
		return nil, &replica.UnavailableError{Reason: "this branch does not take part yet, or no longer"}
	}
	return &bankv1.CollectResponse{LastSequence: a.Last, Paid: int64(a.Paid), MostPaid: int64(a.Most), Watched: a.Watched}, nil
}

func (b *Branch) fromPeer(id uint32) (ledger.BranchID, error) {
	if b.peers[ledger.BranchID(id)] == nil {
		return 0, api.Fieldf("branch", "%d is no peer of branch %d in this bank", id, b.id)
	}
	return ledger.BranchID(id), nil
}

// oneEntry is a deposit or a withdrawal that a peer's journal holds alone in
// its batch.
type oneEntry interface {
	GetBranch() uint32
	GetSequence() uint64
	GetAccount() string
	GetAmount() int64
	GetEpoch() uint64
	GetClock() uint64
	GetRecordedAtUnixMs() int64
	GetCustomerId() int64
	GetRequestId() string
	GetAfter() []*bankv1.Position
	GetPrevHash() []byte
}

// PropagateDeposit is PeerServiceHandler's.
func (s peerService) PropagateDeposit(ctx context.Context, req *bankv1.PropagateDepositRequest) (*bankv1.PropagateDepositResponse, error) {
	at, duplicate, err := s.branch.applyOne(ctx, ledger.Deposit, req)
	return &bankv1.PropagateDepositResponse{Applied: at, Duplicate: duplicate}, s.branch.lied(ledger.BranchID(req.GetBranch()), err)
}

// PropagateWithdraw is PeerServiceHandler's.
func (s peerService) PropagateWithdraw(ctx context.Context, req *bankv1.PropagateWithdrawRequest) (*bankv1.PropagateWithdrawResponse, error) {
	at, duplicate, err := s.branch.applyOne(ctx, ledger.Withdrawal, req)
	return &bankv1.PropagateWithdrawResponse{Applied: at, Duplicate: duplicate}, s.branch.lied(ledger.BranchID(req.GetBranch()), err)
}

// applyOne rebuilds the batch that the peer wrote and applies it under the
// rules of every batch.
func (b *Branch) applyOne(ctx context.Context, kind ledger.Kind, req oneEntry) (*bankv1.Position, bool, error) {
	from, err := b.fromPeer(req.GetBranch())
	if err != nil {
		return nil, false, err
	}
	prev, err := api.HashFromProto(req.GetPrevHash())
	if err != nil {
		return nil, false, api.Fieldf("prev_hash", "%v", err)
	}
	e := ledger.Entry{
		Sequence: req.GetSequence(), Clock: req.GetClock(), RecordedAt: req.GetRecordedAtUnixMs(), CustomerID: req.GetCustomerId(),
		RequestID: req.GetRequestId(), Kind: kind, Account: api.AccountName(req.GetAccount()), Amount: ledger.Amount(req.GetAmount()),
	}
	if e.Sequence == 0 || e.Sequence > ledger.MaxSequence {
		return nil, false, api.Fieldf("sequence", "must be 1 to %d, is %d", uint64(ledger.MaxSequence), e.Sequence)
	}
	if n := len(req.GetAfter()); n >= len(b.cfg.Addresses) {
		return nil, false, api.Fieldf("after", "it names %d journals, the writer sees %d others", n, len(b.cfg.Addresses)-1)
	}
	if err := checkEntry(&e); err != nil {
		return nil, false, err
	}
	batch := &ledger.Batch{
		Branch: from, Epoch: req.GetEpoch(), FirstSequence: e.Sequence, Entries: []ledger.Entry{e},
		After: api.PositionsFromProto(req.GetAfter()), PrevHash: prev,
	}
	var result oneResult
	if err := b.engine.Visit(ctx, func(r *replica.Replica) { result = receiveOne(r, batch) }); err != nil {
		return nil, false, err
	}
	if result.err != nil {
		return nil, false, result.err
	}
	if result.duplicate {
		if err := b.checkDuplicate(from, &e); err != nil {
			return nil, false, err
		}
	}
	return api.MarkedToProto([]ledger.MarkedPosition{{Position: ledger.Position{Branch: from, Sequence: result.head.Sequence}, Hash: result.head.Hash}})[0], result.duplicate, nil
}

// checkDuplicate refuses an entry in whose place this branch holds another.
func (b *Branch) checkDuplicate(from ledger.BranchID, e *ledger.Entry) error {
	here, _, err := b.journal.Entries(from, journal.Page{Cursor: e.Sequence - 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(here) == 0 || !here[0].Entry.SameRequest(e) || here[0].Entry.RequestID != e.RequestID {
		return api.Fieldf("sequence", "entry %d of branch %d is another one here", e.Sequence, from)
	}
	return nil
}

type oneResult struct {
	head      ledger.Head
	duplicate bool
	err       error
}

// receiveOne gives the batch to the replica, unless it can be told beforehand
// why it does not fit: here the sender is told, where a link would wait.
func receiveOne(r *replica.Replica, batch *ledger.Batch) oneResult {
	view := r.Ledger()
	i, _ := view.Index(batch.Branch)
	head := view.Head(i)
	e := &batch.Entries[0]
	switch {
	case !r.Bank().Founded:
		return oneResult{err: &replica.UnavailableError{Reason: r.Status().Reason}}
	case e.Sequence <= head.Sequence:
		return oneResult{head: head, duplicate: true}
	case e.Sequence > head.Sequence+1:
		return oneResult{err: code.Errorf(code.OutOfRange, "entry %d of branch %d is not the next one, sequence %d is expected: %w", e.Sequence, batch.Branch, head.Sequence+1, errGap)}
	}
	slices.SortFunc(batch.After, func(a, b ledger.Position) int { return cmp.Compare(a.Branch, b.Branch) })
	for _, a := range batch.After {
		k, ok := view.Index(a.Branch)
		if !ok {
			return oneResult{err: api.Fieldf("after", "this bank has no branch %d", a.Branch)}
		}
		if at := view.Head(k).Sequence; at < a.Sequence {
			return oneResult{err: fmt.Errorf("the entry comes after entry %d of branch %d, which is applied here up to %d: %w", a.Sequence, a.Branch, at, errGap)}
		}
	}
	if batch.PrevHash == (ledger.Hash{}) {
		batch.PrevHash = head.Hash
	}
	if batch.PrevHash != head.Hash {
		return oneResult{err: api.Fieldf("prev_hash", "is not the hash of entry %d of branch %d", head.Sequence, batch.Branch)}
	}
	batch.Epoch = max(batch.Epoch, head.Epoch)
	if e.Clock == 0 {
		e.Clock = view.Clock() + 1
	}
	if err := view.CheckLead(i, batch); err != nil {
		return oneResult{err: err}
	}
	if err := view.CanPay(i, e); err != nil {
		return oneResult{err: err}
	}
	made := ledger.NewSealed(batch)
	sealed, err := ledger.OpenSealed(made.Bytes, made.Hash)
	if err != nil {
		return oneResult{err: api.Inputf("%v", err)}
	}
	r.Take(batch.Branch, sealed)
	if head = view.Head(i); head.Sequence != e.Sequence {
		return oneResult{err: errForked}
	}
	return oneResult{head: head}
}

var _ bankv1connect.PeerServiceHandler = peerService{}

// Errors of peers that are refused.
var (
	errGap    = code.New(code.OutOfRange, "send what is missing first")
	errForked = code.New(code.FailedPrecondition, "the journal of that branch has forked and is stopped here: see the alarms in GetStatus")
)

// call returns a context for calls to the peer.
func (p *peer) call(ctx context.Context) context.Context { return peernet.To(ctx, &p.address) }
