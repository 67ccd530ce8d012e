package branch_test

import (
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// hello is what branch 1 of a bank of three says to branch 2.
func (b *bank) hello() *bankv1.Hello {
	hash := replica.BankHash([]ledger.BranchID{1, 2, 3}, ledger.Amount(b.opening))
	return &bankv1.Hello{Branch: 1, ToBranch: 2, Epoch: 1, BankHash: hash[:]}
}

func TestLinksThatAreRefused(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	b.start(2)
	b.awaitReady(2)
	tests := map[string]struct {
		frames func() []*bankv1.Frame
		text   string
	}{
		"no hello": {func() []*bankv1.Frame { return []*bankv1.Frame{{Sync: true}} }, "hello"},
		"of another bank": {func() []*bankv1.Frame {
			h := b.hello()
			hash := replica.BankHash([]ledger.BranchID{1, 2, 3}, 999)
			h.BankHash = hash[:]
			return []*bankv1.Frame{{Hello: h}}
		}, "branch 1 belongs to another bank"},
		"of no bank": {func() []*bankv1.Frame {
			h := b.hello()
			h.BankHash = nil
			return []*bankv1.Frame{{Hello: h}}
		}, "another bank"},
		"of no peer": {func() []*bankv1.Frame {
			h := b.hello()
			h.Branch = 9
			return []*bankv1.Frame{{Hello: h}}
		}, "branch 9"},
		"to another branch": {func() []*bankv1.Frame {
			h := b.hello()
			h.ToBranch = 3
			return []*bankv1.Frame{{Hello: h}}
		}, "check the addresses"},
		"from the higher id": {func() []*bankv1.Frame {
			h := b.hello()
			h.Branch = 3
			return []*bankv1.Frame{{Hello: h}}
		}, "higher id"},
		"a batch whose hash is another": {func() []*bankv1.Frame {
			batch := &bankv1.SealedBatch{Batch: []byte("nothing"), Hash: make([]byte, 32)}
			return []*bankv1.Frame{{Hello: b.hello()}, {Batches: []*bankv1.SealedBatch{batch}}}
		}, "frame from branch 1"},
		"wants without number": {func() []*bankv1.Frame {
			wants := make([]*bankv1.Want, 1025)
			for i := range wants {
				wants[i] = &bankv1.Want{Branch: 1}
			}
			return []*bankv1.Frame{{Hello: b.hello()}, {Wants: wants}}
		}, "asks for 1025 journals, at most 1024"},
		"a position with half a hash": {func() []*bankv1.Frame {
			h := b.hello()
			h.Applied = []*bankv1.Position{{Branch: 1, Sequence: 1, Hash: []byte("half")}}
			return []*bankv1.Frame{{Hello: h}}
		}, "hash"},
	}
	for _, name := range sortedKeys(tests) {
		test := tests[name]
		t.Run(name, func(t *testing.T) {
			stream, err := b.peers(2).Propagate(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range test.frames() {
				if err := stream.Send(&bankv1.PropagateRequest{Frame: f}); err != nil {
					t.Fatal(err)
				}
			}
			for err == nil { // frames of branch 2 may come before the refusal
				_, err = stream.Receive()
			}
			if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want invalid_argument that says %q", err, test.text)
			}
			_ = stream.CloseRequest()
			_ = stream.CloseResponse()
		})
	}
	b.wantBalance(2, 300)
}

// A link that is dialed twice: the newer one counts, and the older one ends.
func TestANewerLinkReplacesTheOlder(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	b.start(2)
	b.awaitReady(2)
	dial := func() *connect.BidiStreamForClientSimple[bankv1.PropagateRequest, bankv1.PropagateResponse] {
		stream, err := b.peers(2).Propagate(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Hello: b.hello()}}); err != nil {
			t.Fatal(err)
		}
		res, err := stream.Receive()
		if err != nil || res.GetFrame().GetHello().GetBranch() != 2 {
			t.Fatalf("got %v, %v, want a hello", res, err)
		}
		return stream
	}
	older := dial()
	newer := dial()
	var err error
	for err == nil {
		_, err = older.Receive()
	}
	b.deposit(2, 10) // arrives on the newer one
	for {
		res, err := newer.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if len(res.GetFrame().GetBatches()) > 0 {
			break
		}
	}
	for _, s := range []interface{ CloseRequest() error }{older, newer} {
		_ = s.CloseRequest()
	}
	_ = older.CloseResponse()
	_ = newer.CloseResponse()
}

func TestAFrameOverTheSizeLimitIsRefused(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	b.start(2)
	b.awaitReady(2)
	s := b.openLink()
	batch := &bankv1.SealedBatch{Batch: make([]byte, 16<<20), Hash: make([]byte, 32)}
	_ = s.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Batches: []*bankv1.SealedBatch{batch}}})
	wantRefusal(t, last(s), "larger than configured max 16777216")
	b.wantBalance(2, 300)
}
