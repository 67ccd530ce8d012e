package api

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// FrameToProto encodes a frame for the wire. The batches keep the bytes of
// their writers.
func FrameToProto(f *protocol.Frame) *bankv1.Frame {
	out := &bankv1.Frame{Sync: f.Sync, Ping: f.Ping, Pong: f.Pong, Certificates: f.Certificates}
	if f.Hello != nil {
		out.Hello = HelloToProto(f.Hello)
	}
	if len(f.Outlines) > 0 {
		out.Batches = make([]*bankv1.SealedBatch, len(f.Outlines))
		for i, s := range f.Outlines {
			out.Batches[i] = SealedToProto(s)
		}
	}
	if a := f.Ack; a != nil {
		out.Ack = &bankv1.Ack{AppliedSequence: a.Applied, SyncedSequence: a.Synced, Forked: a.Forked}
	}
	for _, w := range f.Wants {
		out.Wants = append(out.Wants, &bankv1.Want{Branch: uint32(w.Branch), AfterSequence: w.Sequence})
	}
	if f.Contest != nil {
		out.Contest = contestToProto(f.Contest)
	}
	return out
}

// FrameFromProto decodes a frame and checks the hash and form of its batches.
func FrameFromProto(in *bankv1.Frame) (*protocol.Frame, error) {
	out := &protocol.Frame{Sync: in.GetSync(), Ping: in.GetPing(), Pong: in.GetPong(), Certificates: in.GetCertificates()}
	if h := in.GetHello(); h != nil {
		hello, err := HelloFromProto(h)
		if err != nil {
			return nil, fmt.Errorf("hello: %w", err)
		}
		out.Hello = hello
	}
	for _, b := range in.GetBatches() {
		hash, err := HashFromProto(b.GetHash())
		if err != nil {
			return nil, fmt.Errorf("batch: %w", err)
		}
		s, err := ledger.OpenSealed(b.GetBatch(), hash)
		if err != nil {
			return nil, fmt.Errorf("batch: %w", err)
		}
		if s.Signature, err = SignatureFromProto(b.GetSignature(), b.GetCertificate()); err != nil {
			return nil, fmt.Errorf("batch: %w", err)
		}
		out.Batches = append(out.Batches, s)
	}
	if a := in.GetAck(); a != nil {
		out.Ack = &protocol.Ack{Applied: a.GetAppliedSequence(), Synced: a.GetSyncedSequence(), Forked: a.GetForked()}
	}
	if c := in.GetContest(); c != nil {
		out.Contest = contestFromProto(c)
	}
	for _, w := range in.GetWants() {
		out.Wants = append(out.Wants, ledger.Position{Branch: ledger.BranchID(w.GetBranch()), Sequence: w.GetAfterSequence()})
	}
	return out, nil
}

// SealedToProto encodes a batch as its writer did.
func SealedToProto(s *ledger.Outline) *bankv1.SealedBatch {
	out := &bankv1.SealedBatch{Batch: s.Bytes, Hash: s.Hash[:]}
	if s.Signature != nil {
		out.Signature, out.Certificate = s.Signature.Value[:], s.Signature.Certificate[:]
	}
	return out
}

// SignatureFromProto decodes a signature, and the fingerprint of the certificate whose
// key has made it. Without either it returns nil.
func SignatureFromProto(signature, certificate []byte) (*ledger.Signature, error) {
	var s ledger.Signature
	switch {
	case len(signature) == 0 && len(certificate) == 0:
		return nil, nil
	case len(signature) != len(s.Value):
		return nil, fmt.Errorf("a signature has %d bytes, not %d", len(s.Value), len(signature))
	case len(certificate) != len(s.Certificate):
		return nil, fmt.Errorf("the fingerprint of a certificate has %d bytes, not %d", len(s.Certificate), len(certificate))
	}
	copy(s.Value[:], signature)
	copy(s.Certificate[:], certificate)
	return &s, nil
}

// HelloToProto encodes a hello for the wire.
func HelloToProto(h *protocol.Hello) *bankv1.Hello {
	out := &bankv1.Hello{
		Version: h.Version, Branch: uint32(h.Branch), ToBranch: uint32(h.To), Epoch: h.Epoch, Applied: MarkedToProto(h.Applied),
		BankHash: h.Bank[:], BankName: h.Identity.Name, Founded: h.Identity.Founded, HoldsSequence: h.Holds,
	}
	if h.Identity.ID != (ledger.BankID{}) {
		out.BankId = h.Identity.ID[:]
	}
	return out
}

// HelloFromProto decodes a hello. What it says is still to be checked.
func HelloFromProto(h *bankv1.Hello) (*protocol.Hello, error) {
	out := &protocol.Hello{
		Version: h.GetVersion(), Branch: ledger.BranchID(h.GetBranch()), To: ledger.BranchID(h.GetToBranch()), Epoch: h.GetEpoch(),
		Identity: ledger.Bank{Name: h.GetBankName(), Founded: h.GetFounded()}, Holds: h.GetHoldsSequence(),
	}
	var err error
	if out.Applied, err = markedFromProto(h.GetApplied()); err != nil {
		return nil, err
	}
	if out.Bank, err = HashFromProto(h.GetBankHash()); err != nil {
		return nil, err
	}
	id := h.GetBankId()
	if len(id) != 0 && len(id) != len(out.Identity.ID) {
		return nil, fmt.Errorf("the id of a bank has %d bytes, not %d", len(out.Identity.ID), len(id))
	}
	copy(out.Identity.ID[:], id)
	return out, nil
}

// MarkedToProto encodes positions with their hashes.
func MarkedToProto(in []ledger.MarkedPosition) []*bankv1.Position {
	out := make([]*bankv1.Position, len(in))
	for i, m := range in {
		out[i] = &bankv1.Position{Branch: uint32(m.Branch), Sequence: m.Sequence}
		if m.Hash != (ledger.Hash{}) {
			out[i].Hash = m.Hash[:]
		}
	}
	return out
}

func markedFromProto(in []*bankv1.Position) ([]ledger.MarkedPosition, error) {
	out := make([]ledger.MarkedPosition, len(in))
	for i, p := range in {
		hash, err := HashFromProto(p.GetHash())
		if err != nil {
			return nil, fmt.Errorf("position of branch %d: %w", p.GetBranch(), err)
		}
		out[i] = ledger.MarkedPosition{Position: ledger.Position{Branch: ledger.BranchID(p.GetBranch()), Sequence: p.GetSequence()}, Hash: hash}
	}
	return out, nil
}

// PositionsFromProto decodes positions.
func PositionsFromProto(in []*bankv1.Position) []ledger.Position {
	out := make([]ledger.Position, len(in))
	for i, p := range in {
		out[i] = ledger.Position{Branch: ledger.BranchID(p.GetBranch()), Sequence: p.GetSequence()}
	}
	return out
}

// HashFromProto takes a SHA-256; nothing stands for the zero hash.
func HashFromProto(in []byte) (ledger.Hash, error) {
	var h ledger.Hash
	if len(in) != 0 && len(in) != len(h) {
		return h, fmt.Errorf("a hash has %d bytes, not %d", len(h), len(in))
	}
	copy(h[:], in)
	return h, nil
}

// ReceiptToProto encodes the place of an entry as a receipt.
func ReceiptToProto(p ledger.Position) *bankv1.Receipt {
	return &bankv1.Receipt{Branch: uint32(p.Branch), Sequence: p.Sequence}
}

// BranchesToProto encodes ids of branches.
func BranchesToProto(in []ledger.BranchID) []uint32 {
	out := make([]uint32, len(in))
	for i, b := range in {
		out[i] = uint32(b)
	}
	return out
}

// StateToProto encodes the state of a branch.
func StateToProto(s protocol.State) bankv1.BranchState {
	switch s {
	case protocol.Recovering:
		return bankv1.BranchState_BRANCH_STATE_RECOVERING
	case protocol.Serving:
		return bankv1.BranchState_BRANCH_STATE_SERVING
	case protocol.Halted:
		return bankv1.BranchState_BRANCH_STATE_HALTED
	}
	return bankv1.BranchState_BRANCH_STATE_UNSPECIFIED
}

// EntryToProto encodes an entry for the API.
func EntryToProto(e *ledger.Entry) *bankv1.Entry {
	out := &bankv1.Entry{
		Sequence: e.Sequence, Clock: e.Clock, RecordedAtUnixMs: e.RecordedAt, Customer: e.Customer, CustomerId: e.CustomerID, RequestId: e.RequestID,
	}
	amount := int64(e.Amount)
	switch e.Kind {
	case ledger.Deposit:
		out.Fact = &bankv1.Entry_Deposit{Deposit: &bankv1.Deposit{Account: e.Account, Amount: amount}}
	case ledger.Withdrawal:
		out.Fact = &bankv1.Entry_Withdrawal{Withdrawal: &bankv1.Withdrawal{Account: e.Account, Amount: amount}}
	case ledger.Transfer:
		out.Fact = &bankv1.Entry_Transfer{Transfer: &bankv1.Transfer{FromAccount: e.Account, ToAccount: e.ToAccount, Amount: amount}}
	case ledger.Grant:
		out.Fact = &bankv1.Entry_Grant{Grant: &bankv1.Grant{Account: e.Account, ToBranch: uint32(e.ToBranch), Amount: amount}}
	case ledger.Bulk:
		out.Fact = &bankv1.Entry_Bulk{Bulk: bulkToProto(e.Operations)}
	}
	return out
}

func bulkToProto(o *ledger.Operations) *bankv1.Bulk {
	out := &bankv1.Bulk{
		Accounts: o.Accounts, From: o.From, To: o.To, Amounts: make([]int64, len(o.Amounts)), AllOrNone: o.AllOrNone,
		Insufficient: o.Insufficient, Unavailable: o.Unavailable,
	}
	for i, a := range o.Amounts {
		out.Amounts[i] = int64(a)
	}
	return out
}
