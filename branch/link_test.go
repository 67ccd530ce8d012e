package branch_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// hello returns the hello of branch 1 of a bank of three to branch 2.
func (b *bank) hello() *bankv1.Hello {
	hash := protocol.BankHash([]ledger.BranchID{1, 2, 3}, ledger.Amount(b.opening))
	return &bankv1.Hello{Version: protocol.Version, Branch: 1, ToBranch: 2, Epoch: 1, BankHash: hash[:], BankName: branch.DefaultBank}
}

func TestLinksThatAreRefused(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	b.start(2)
	b.awaitReady(2)
	tests := map[string]struct {
		frames func() []*bankv1.Frame
		text   string
		// strange says that the frame is refused because of its sender, not of its content.
		strange bool
	}{
		"no hello": {func() []*bankv1.Frame { return []*bankv1.Frame{{Sync: true}} }, "hello", false},
		"of another bank": {func() []*bankv1.Frame {
			h := b.hello()
			hash := protocol.BankHash([]ledger.BranchID{1, 2, 3}, 999)
			h.BankHash = hash[:]
			return []*bankv1.Frame{{Hello: h}}
		}, "branch 1 belongs to another bank", true},
		"of a bank with another name": {func() []*bankv1.Frame {
			h := b.hello()
			h.BankName = "Sparkasse"
			return []*bankv1.Frame{{Hello: h}}
		}, `branch 1 belongs to bank "Sparkasse", which is not founded yet, and this branch to bank "bank" (id ` + b.status(2).GetBankId(), true},
		"of a bank with another id": {func() []*bankv1.Frame {
			h := b.hello()
			h.BankId, h.Founded = bytes.Repeat([]byte{0xab}, 16), true
			return []*bankv1.Frame{{Hello: h}}
		}, `branch 1 belongs to bank "bank" (id abababababababababababababababab), and this branch to bank "bank" (id ` + b.status(2).GetBankId(), true},
		"of a bank that is founded without an id": {func() []*bankv1.Frame {
			h := b.hello()
			h.Founded = true
			return []*bankv1.Frame{{Hello: h}}
		}, "another bank", true},
		"of a bank with half an id": {func() []*bankv1.Frame {
			h := b.hello()
			h.BankId = []byte("half")
			return []*bankv1.Frame{{Hello: h}}
		}, "16 bytes, not 4", false},
		"of a bank without a name": {func() []*bankv1.Frame {
			h := b.hello()
			h.BankName = ""
			return []*bankv1.Frame{{Hello: h}}
		}, "name of a bank must have", true},
		"without a version": {func() []*bankv1.Frame {
			h := b.hello()
			h.Version = 0
			return []*bankv1.Frame{{Hello: h}}
		}, "branch 1 speaks version 0", true},
		"of a later version": {func() []*bankv1.Frame {
			h := b.hello()
			h.Version = 7
			return []*bankv1.Frame{{Hello: h}}
		}, "branch 1 speaks version 7 of what branches say to each other, and this branch version 1", true},
		"of no bank": {func() []*bankv1.Frame {
			h := b.hello()
			h.BankHash = nil
			return []*bankv1.Frame{{Hello: h}}
		}, "another bank", true},
		"of no peer": {func() []*bankv1.Frame {
			h := b.hello()
			h.Branch = 9
			return []*bankv1.Frame{{Hello: h}}
		}, "branch 9", false},
		"to another branch": {func() []*bankv1.Frame {
			h := b.hello()
			h.ToBranch = 3
			return []*bankv1.Frame{{Hello: h}}
		}, "check the addresses", false},
		"from the higher id": {func() []*bankv1.Frame {
			h := b.hello()
			h.Branch = 3
			return []*bankv1.Frame{{Hello: h}}
		}, "higher id", false},
		"a batch whose hash is another": {func() []*bankv1.Frame {
			batch := &bankv1.SealedBatch{Batch: []byte("nothing"), Hash: make([]byte, 32)}
			return []*bankv1.Frame{{Hello: b.hello()}, {Batches: []*bankv1.SealedBatch{batch}}}
		}, "frame from branch 1", false},
		"wants without number": {func() []*bankv1.Frame {
			wants := make([]*bankv1.Want, 1025)
			for i := range wants {
				wants[i] = &bankv1.Want{Branch: 1}
			}
			return []*bankv1.Frame{{Hello: b.hello()}, {Wants: wants}}
		}, "asks for 1025 journals, at most 1024", false},
		"a position with half a hash": {func() []*bankv1.Frame {
			h := b.hello()
			h.Applied = []*bankv1.Position{{Branch: 1, Sequence: 1, Hash: []byte("half")}}
			return []*bankv1.Frame{{Hello: h}}
		}, "hash", false},
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
			var heard *bankv1.Hello
			for err == nil { // frames of branch 2 may come before the refusal
				var res *bankv1.PropagateResponse
				if res, err = stream.Receive(); err == nil && res.GetFrame().GetHello() != nil {
					heard = res.GetFrame().GetHello()
				}
			}
			want := connect.CodeInvalidArgument
			if test.strange {
				want = connect.CodeFailedPrecondition
				if heard.GetBankName() != branch.DefaultBank || fmt.Sprintf("%x", heard.GetBankId()) != b.status(2).GetBankId() || heard.GetVersion() != protocol.Version {
					t.Errorf("the stranger is told %v, want the bank of branch 2", heard)
				}
				if alarms := b.status(2).GetAlarms(); len(alarms) != 1 || !strings.Contains(alarms[0], test.text) {
					t.Errorf("alarms %q, want one that says %q", alarms, test.text)
				}
			}
			if connect.CodeOf(err) != want || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v that says %q", err, want, test.text)
			}
			_ = stream.CloseRequest()
			_ = stream.CloseResponse()
		})
	}
	b.wantBalance(2, 300)
}

// A link that is dialed twice: the newer one counts, and the older one ends.
func TestANewerLinkReplacesTheOlder(t *testing.T) {
	t.Parallel() // it waits most of the time
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
