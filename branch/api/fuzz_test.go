package api_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func seeds(f *testing.F) []*protocol.Frame {
	f.Helper()
	sealed := ledger.NewSealed(&ledger.Batch{Branch: 2, Epoch: 1, FirstSequence: 1, Entries: []ledger.Entry{
		{Sequence: 1, Clock: 1, Kind: ledger.Deposit, Account: "a", Amount: 5, RequestID: "r"},
		{Sequence: 2, Clock: 2, Kind: ledger.Bulk, RequestID: "s", Operations: &ledger.Operations{
			Accounts: []string{"a", "b"}, From: []uint32{1, 1}, To: []uint32{2, 0}, Amounts: []ledger.Amount{5, 300}, Insufficient: []uint32{1},
		}},
	}, After: []ledger.Position{{Branch: 1, Sequence: 3}}})
	return []*protocol.Frame{
		{},
		{Sync: true, Outlines: []*ledger.Outline{&sealed.Outline}},
		{Hello: &protocol.Hello{Branch: 1, To: 2, Epoch: 3, Bank: ledger.Hash{1}, Applied: []ledger.MarkedPosition{{Position: ledger.Position{Branch: 2, Sequence: 1}, Hash: sealed.Hash}}}},
		{Ack: &protocol.Ack{Applied: 7, Synced: 6, Forked: true}, Wants: []ledger.Position{{Branch: 3, Sequence: 9}}},
	}
}

// Whatever a peer sends as a frame is refused, or it is a frame that another
// peer would understand in the same way, with batches of these very bytes.
func FuzzFrame(f *testing.F) {
	for _, frame := range seeds(f) {
		in, err := proto.Marshal(api.FrameToProto(frame))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in)
		f.Add(in[:len(in)*2/3])
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		message := &bankv1.Frame{}
		if err := proto.Unmarshal(in, message); err != nil {
			return
		}
		frame, err := api.FrameFromProto(message)
		if err != nil {
			return
		}
		for i, b := range frame.Batches {
			if !bytes.Equal(b.Bytes, message.GetBatches()[i].GetBatch()) {
				t.Errorf("batch %d has other bytes", i)
			}
		}
		sent := *frame
		sent.Batches = nil
		for _, b := range frame.Batches {
			sent.Outlines = append(sent.Outlines, &b.Outline)
		}
		again, err := api.FrameFromProto(api.FrameToProto(&sent))
		if diff := cmp.Diff(frame, again); err != nil || diff != "" {
			t.Errorf("%v: %s", err, diff)
		}
	})
}

// Whatever a customer sends as a list is refused with an InputError, or it is
// well formed and its operations are those of the list, however the accounts
// are ordered.
func FuzzOperations(f *testing.F) {
	for _, req := range []*bankv1.SubmitRequest{
		{Accounts: []string{"b", "", "a"}, From: []uint32{1, 0, 3}, To: []uint32{2, 1, 0}, Amounts: []int64{1, 2, 3}, AllOrNone: true},
		{To: []uint32{1}, Amounts: []int64{1 << 62}},
		{Accounts: []string{"a", "shared", ""}, To: []uint32{3}, Amounts: []int64{1}},
		{Accounts: []string{"a", "b"}, From: []uint32{1, 7}, Amounts: []int64{1, -1}},
	} {
		in, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		req := &bankv1.SubmitRequest{}
		if proto.Unmarshal(in, req) != nil {
			return
		}
		o, err := api.OperationsFromProto(req)
		if err != nil {
			var input *api.InputError
			if !errors.As(err, &input) {
				t.Errorf("%v: %v is no api.InputError", req, err)
			}
			return
		}
		if err := o.Check(); err != nil || o.Len() != len(req.GetAmounts()) || o.AllOrNone != req.GetAllOrNone() {
			t.Fatalf("%v is %+v: %v", req, o, err)
		}
		accounts := req.GetAccounts()
		if len(accounts) == 0 {
			accounts = []string{""}
		}
		name := func(names []string, column []uint32, i int) string {
			if len(column) == 0 || column[i] == 0 {
				return "outside"
			}
			if names[column[i]-1] == "" {
				return "account shared"
			}
			return "account " + names[column[i]-1]
		}
		for i, amount := range req.GetAmounts() {
			if o.Amounts[i] != ledger.Amount(amount) || name(accounts, req.GetFrom(), i) != name(o.Accounts, o.From, i) || name(accounts, req.GetTo(), i) != name(o.Accounts, o.To, i) {
				t.Fatalf("operation %d of %v is another in %+v", i, req, o)
			}
		}
	})
}
