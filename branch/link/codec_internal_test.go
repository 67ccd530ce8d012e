package link

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// anyFrames are frames of every kind, and with every combination of what most have.
func anyFrames() []*protocol.Frame {
	sealed := func(first uint64) *ledger.Outline {
		return &ledger.NewSealed(&ledger.Batch{Branch: 1, FirstSequence: first, After: []ledger.Position{{Branch: 2, Sequence: 300}}, Entries: []ledger.Entry{
			{Sequence: first, Clock: first, Kind: ledger.Deposit, Account: "shared", Amount: 1, RequestID: "r"},
			{Sequence: first + 1, Clock: first + 1, Kind: ledger.Withdrawal, Account: "shared", Amount: 1},
		}}).Outline
	}
	one, two := sealed(1), sealed(1000)
	two.Signature = &ledger.Signature{Certificate: ledger.Fingerprint{7}, Value: [64]byte{0, 1}}
	all := []*protocol.Frame{
		{Hello: &protocol.Hello{Version: 1, Branch: 1, To: 2}},
		{Wants: []ledger.Position{{Branch: 3, Sequence: 9}}, Ack: &protocol.Ack{Applied: 7}},
		{Contest: &protocol.Contest{Summons: []string{"a"}}, Outlines: []*ledger.Outline{one}},
		{Contest: &protocol.Contest{Summons: []string{"a"}}, Outlines: []*ledger.Outline{two, one}},
		{Certificates: [][]byte{{1, 2}, {3}}, Outlines: []*ledger.Outline{two}},
	}
	for _, outlines := range [][]*ledger.Outline{nil, {one}, {two}, {one, two}, {one, two, one, two, one}} {
		for _, ack := range []*protocol.Ack{nil, {}, {Applied: 1}, {Applied: 1 << 63, Synced: 128}, {Synced: 1, Forked: true}} {
			for _, sync := range []bool{false, true} {
				all = append(all, &protocol.Frame{Outlines: outlines, Ack: ack, Sync: sync})
			}
		}
	}
	return all
}

// What is encoded by hand is what the generated code would encode.
func TestFramesAreEncodedAsMessages(t *testing.T) {
	for _, f := range anyFrames() {
		want, err := proto.Marshal(&bankv1.PropagateRequest{Frame: api.FrameToProto(f)})
		if got := encode([]byte("before"), f); err != nil || string(got) != "before"+string(want) {
			t.Errorf("%+v is %x, %v, want %x", f, got, err, want)
		}
	}
}

// sameFrame compares what a frame means.
var sameFrame = cmpopts.EquateEmpty()

// Whatever a peer sends is decoded by hand as the generated code decodes it, or else by
// that code.
func FuzzIncoming(f *testing.F) {
	for _, frame := range anyFrames() {
		message := encode(nil, frame)
		f.Add(message)
		f.Add(message[:len(message)*2/3])
		f.Add(append(message, message...)) // two frames are one
		f.Add(appendStamps(message, []*bankv1.Stamp{{Branch: 1, Sequence: 2, Clock: 3}}))
		f.Add(protowire.AppendVarint(protowire.AppendTag(message, 9, protowire.VarintType), 1))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, message := &incoming{}, &bankv1.PropagateRequest{}
		gotErr, err := got.decode(data), proto.Unmarshal(data, message)
		if (gotErr == nil) != (err == nil) {
			t.Fatalf("%x: %v, and %v", data, gotErr, err)
		}
		if err != nil {
			return
		}
		want := &incoming{}
		want.set(message.GetFrame())
		if (got.wrong == nil) != (want.wrong == nil) || got.wrong != nil && got.wrong.Error() != want.wrong.Error() {
			t.Fatalf("%x: %v, want %v", data, got.wrong, want.wrong)
		}
		if diff := cmp.Diff(want.frame, got.frame, sameFrame); got.wrong == nil && diff != "" {
			t.Errorf("%x: %s", data, diff)
		}
		if got.wrong == nil && len(got.stamps) != len(message.GetFrame().GetStamps()) {
			t.Errorf("%x: %d stamps, want %d", data, len(got.stamps), len(message.GetFrame().GetStamps()))
		}
	})
}

// What is no signature is refused, however it is encoded.
func TestSignaturesThatAreNone(t *testing.T) {
	for name, batch := range map[string]*bankv1.SealedBatch{
		"a short one":                   {Signature: make([]byte, 63), Certificate: make([]byte, 32)},
		"a long one":                    {Signature: make([]byte, 65), Certificate: make([]byte, 32)},
		"without a certificate":         {Signature: make([]byte, 64)},
		"a certificate alone":           {Certificate: make([]byte, 32)},
		"with a long name":              {Signature: make([]byte, 64), Certificate: make([]byte, 33)},
		"in a frame that also has more": {Signature: make([]byte, 64)},
	} {
		t.Run(name, func(t *testing.T) {
			valid := anyFrames()[2].Outlines[0]
			batch.Batch, batch.Hash = valid.Bytes, valid.Hash[:]
			f := &bankv1.Frame{Batches: []*bankv1.SealedBatch{batch}}
			if strings.Contains(name, "more") {
				f.Ping = 1
			}
			message, err := proto.Marshal(&bankv1.PropagateRequest{Frame: f})
			if err != nil {
				t.Fatal(err)
			}
			in := &incoming{}
			if err := in.decode(message); err != nil || in.wrong == nil {
				t.Errorf("it is taken: %v, %+v", err, in.frame)
			}
		})
	}
	in := &incoming{}
	in.set(&bankv1.Frame{Certificates: make([][]byte, maxCertificates+1)})
	if in.wrong == nil {
		t.Error("too many certificates are taken")
	}
}

// The memory of a message is Connect's, which uses it again.
func TestAFrameOutlivesItsMessage(t *testing.T) {
	for _, f := range anyFrames() {
		message := encode(nil, f)
		in, want := &incoming{}, &incoming{}
		if err := in.decode(message); err != nil {
			t.Fatal(err)
		}
		if err := want.decode(bytes.Clone(message)); err != nil {
			t.Fatal(err)
		}
		clear(message)
		if diff := cmp.Diff(want.frame, in.frame); diff != "" {
			t.Errorf("%+v has changed: %s", f, diff)
		}
	}
}

// A link may be opened in JSON, whose codec knows messages only.
func TestAFrameInJSONIsTheFrame(t *testing.T) {
	for _, f := range anyFrames() {
		message, err := api.JSONCodecs()[0].Marshal(&outgoing{frame: f})
		if err != nil {
			t.Fatal(err)
		}
		in, want := &incoming{}, &incoming{}
		if err := api.JSONCodecs()[0].Unmarshal(message, in); err != nil {
			t.Fatal(err)
		}
		if in, err = received(in, nil); err != nil || in.wrong != nil {
			t.Fatalf("%s: %v, %v", message, err, in.wrong)
		}
		if err := want.decode(encode(nil, f)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.frame, in.frame, sameFrame); diff != "" || in.size == 0 && len(message) > len("{}") {
			t.Errorf("%s, of %d bytes: %s", message, in.size, diff)
		}
	}
}
