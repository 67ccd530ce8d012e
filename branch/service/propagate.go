package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

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
	GetCustomer() string
	GetCustomerId() int64
	GetRequestId() string
	GetAfter() []*bankv1.Position
	GetPrevHash() []byte
	GetSignature() []byte
	GetCertificate() []byte
	GetCertificates() [][]byte
}

// PropagateDeposit implements PeerServiceHandler.
func (p *Peers) PropagateDeposit(ctx context.Context, req *bankv1.PropagateDepositRequest) (*bankv1.PropagateDepositResponse, error) {
	at, duplicate, err := p.applyOne(ctx, ledger.Deposit, req)
	return &bankv1.PropagateDepositResponse{Applied: at, Duplicate: duplicate}, p.lied(ledger.BranchID(req.GetBranch()), err)
}

// PropagateWithdraw implements PeerServiceHandler.
func (p *Peers) PropagateWithdraw(ctx context.Context, req *bankv1.PropagateWithdrawRequest) (*bankv1.PropagateWithdrawResponse, error) {
	at, duplicate, err := p.applyOne(ctx, ledger.Withdrawal, req)
	return &bankv1.PropagateWithdrawResponse{Applied: at, Duplicate: duplicate}, p.lied(ledger.BranchID(req.GetBranch()), err)
}

// applyOne rebuilds the batch that the peer wrote, and applies it under the rules
// for every batch. It returns the head of the peer's journal here, and whether the
// entry was applied before.
func (p *Peers) applyOne(ctx context.Context, kind ledger.Kind, req oneEntry) (*bankv1.Position, bool, error) {
	from, err := p.fromPeer(ctx, req.GetBranch())
	if err != nil {
		return nil, false, err
	}
	prev, err := api.HashFromProto(req.GetPrevHash())
	if err != nil {
		return nil, false, api.Fieldf("prev_hash", "%v", err)
	}
	e := ledger.Entry{
		Sequence: req.GetSequence(), Clock: req.GetClock(), RecordedAt: req.GetRecordedAtUnixMs(), Customer: req.GetCustomer(), CustomerID: req.GetCustomerId(),
		RequestID: req.GetRequestId(), Kind: kind, Account: api.AccountName(req.GetAccount()), Amount: ledger.Amount(req.GetAmount()),
	}
	if e.Sequence == 0 || e.Sequence > ledger.MaxSequence {
		return nil, false, api.Fieldf("sequence", "must be 1 to %d, is %d", uint64(ledger.MaxSequence), e.Sequence)
	}
	if n := len(req.GetAfter()); n >= len(p.cfg.Addresses) {
		return nil, false, api.Fieldf("after", "it names %d journals, the writer sees %d others", n, len(p.cfg.Addresses)-1)
	}
	if err := cmp.Or(checkEntry(&e), api.CheckName("customer", e.Customer)); err != nil {
		return nil, false, err
	}
	batch := &ledger.Batch{
		Branch: from, Epoch: req.GetEpoch(), FirstSequence: e.Sequence, Entries: []ledger.Entry{e},
		After: api.PositionsFromProto(req.GetAfter()), PrevHash: prev,
	}
	slices.SortFunc(batch.After, func(a, b ledger.Position) int { return cmp.Compare(a.Branch, b.Branch) })
	signed, err := p.signatureOf(batch, req)
	if err != nil {
		return nil, false, err
	}
	var result oneResult
	if err := p.cfg.Engine.Visit(ctx, func(r *replica.Replica) { result = p.receiveOne(r, batch, signed) }); err != nil {
		return nil, false, err
	}
	if result.err != nil {
		return nil, false, result.err
	}
	if result.duplicate {
		if err := p.checkDuplicate(from, &e); err != nil {
			return nil, false, err
		}
	}
	return api.MarkedToProto([]ledger.MarkedPosition{{Position: ledger.Position{Branch: from, Sequence: result.head.Sequence}, Hash: result.head.Hash}})[0], result.duplicate, nil
}

// signatureOf returns the signature of the batch that a peer wrote, once it is checked;
// nil where nobody signs, or if the request has none.
func (p *Peers) signatureOf(batch *ledger.Batch, req oneEntry) (*ledger.Signature, error) {
	signature, err := api.SignatureFromProto(req.GetSignature(), req.GetCertificate())
	switch {
	case err != nil:
		return nil, api.Fieldf("signature", "%v", err)
	case signature == nil || p.cfg.Signatures == nil:
		return nil, nil
	}
	if field := missingField(batch); field != "" {
		return nil, api.Fieldf(field, "is missing; it must be as in the writer's journal, since it is signed")
	}
	if n := len(req.GetCertificates()); n > maxCertificates {
		return nil, api.Fieldf("certificates", "has %d certificates, %d are allowed", n, maxCertificates)
	}
	if err := p.cfg.Signatures.Learn(req.GetCertificates()); err != nil {
		return nil, err
	}
	sealed := ledger.NewSealed(batch)
	sealed.Signature = signature
	ok, err := p.cfg.Signatures.Check(&sealed.Outline, ledger.BankID{})
	if err == nil && !ok {
		err = &protocol.UnavailableError{Reason: "this branch does not know its bank yet, and can't check who has signed"}
	}
	return signature, err
}

// missingField returns a field that the receiver fills in when nobody signs.
func missingField(b *ledger.Batch) string {
	switch {
	case b.Epoch == 0:
		return "epoch"
	case b.Entries[0].Clock == 0:
		return "clock"
	case b.PrevHash == ledger.Hash{}:
		return "prev_hash"
	}
	return ""
}

// checkDuplicate refuses an entry when this branch has another one in its place.
func (p *Peers) checkDuplicate(from ledger.BranchID, e *ledger.Entry) error {
	here, _, err := p.cfg.Journal.Entries(from, journal.Page{Cursor: e.Sequence - 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(here) == 0 || !here[0].Entry.SameRequest(e) || here[0].Entry.RequestID != e.RequestID {
		return api.Fieldf("sequence", "entry %d of branch %d is another one here", e.Sequence, from)
	}
	return nil
}

// oneResult is what became of a batch with one entry.
type oneResult struct {
	// head is the head of the writer's journal here, afterwards.
	head ledger.Head
	// duplicate says that there is an entry in that place already.
	duplicate bool
	// err is why the entry was not applied.
	err error
}

// receiveOne gives the batch to the replica. First it looks for a reason why the
// batch does not fit: here the sender is told, while a link waits for what is
// missing.
func (p *Peers) receiveOne(r *replica.Replica, batch *ledger.Batch, signed *ledger.Signature) oneResult {
	view := r.Ledger()
	i, _ := view.Index(batch.Branch)
	head := view.Head(i)
	e := &batch.Entries[0]
	switch {
	case !r.Bank().Founded:
		return oneResult{err: &protocol.UnavailableError{Reason: r.Status().Reason}}
	case e.Sequence <= head.Sequence:
		return oneResult{head: head, duplicate: true}
	case e.Sequence > head.Sequence+1:
		return oneResult{err: code.Errorf(code.OutOfRange, "entry %d of branch %d is not the next one, sequence %d is expected: %w", e.Sequence, batch.Branch, head.Sequence+1, errGap)}
	}
	for _, a := range batch.After {
		k, ok := view.Index(a.Branch)
		if !ok {
			return oneResult{err: api.Fieldf("after", "this bank has no branch %d", a.Branch)}
		}
		if at := view.Head(k).Sequence; at < a.Sequence {
			return oneResult{err: fmt.Errorf("the entry comes after entry %d of branch %d, which is applied here up to %d: %w", a.Sequence, a.Branch, at, errGap)}
		}
	}
	if signed == nil && p.cfg.Signatures != nil && p.cfg.Signatures.Required() {
		return oneResult{err: &protocol.SignatureError{Branch: batch.Branch, Sequence: e.Sequence, Problem: "it is not signed, and the branches of this bank sign what they write: send signature and certificate"}}
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
	sealed.Signature = signed
	r.Take(batch.Branch, sealed)
	if head = view.Head(i); head.Sequence != e.Sequence {
		return oneResult{err: errForked}
	}
	return oneResult{head: head}
}

// maxCertificates bounds the certificates that come with an entry.
const maxCertificates = 4

// Errors of peers that are refused.
var (
	errGap    = code.New(code.OutOfRange, "send what is missing first")
	errForked = code.New(code.FailedPrecondition, "the journal of that branch has forked and is stopped here: see the alarms in GetStatus")
)
