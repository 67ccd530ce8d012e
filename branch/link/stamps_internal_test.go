package link

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Each peer gets stamps of its own with a frame that is encoded once for all, and without
// any the bytes are the same as ever.
func TestStampsGoBehindTheFrame(t *testing.T) {
	for _, f := range anyFrames() {
		shared := &encoded{}
		plain := (&outgoing{frame: f, encoded: shared}).append(nil)
		for clock := range uint64(3) {
			stamps := []*bankv1.Stamp{{Branch: 1, Sequence: 1, Clock: clock + 1, Trace: "t"}, {Branch: 2, Sequence: 7, Clock_2020: 9}}
			in, want := &incoming{}, &incoming{}
			if err := in.decode((&outgoing{frame: f, encoded: shared, stamps: stamps}).append(nil)); err != nil || in.wrong != nil {
				t.Fatalf("%+v: %v, %v", f, err, in.wrong)
			}
			if err := want.decode(encode(nil, f)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.frame, in.frame, sameFrame); diff != "" {
				t.Errorf("%+v has changed: %s", f, diff)
			}
			if diff := cmp.Diff(stamps, in.stamps, protocmp.Transform()); diff != "" {
				t.Errorf("stamps of %+v: %s", f, diff)
			}
		}
		if after := (&outgoing{frame: f, encoded: shared}).append(nil); string(after) != string(plain) || string(plain) != string(encode(nil, f)) {
			t.Errorf("%+v is %x without stamps, and %x before", f, after, plain)
		}
	}
}

// clocks stamps each frame with a number.
type clocks struct{ sent []*protocol.Frame }

func (c *clocks) Sending(_ ledger.BranchID, f *protocol.Frame) []*bankv1.Stamp {
	c.sent = append(c.sent, f)
	return []*bankv1.Stamp{{Sequence: uint64(len(c.sent))}}
}

func (c *clocks) Received(ledger.BranchID, []*bankv1.Stamp, uint64) {}

// A frame is stamped when the link takes it; one that is dropped is not sent. Frames that
// go as one keep their stamps.
func TestFramesAreStampedWhenTheLinkTakesThem(t *testing.T) {
	trace := &clocks{}
	k := newLink(&peer{id: 2})
	k.trace, k.pumping = trace, true // so nobody sends
	for range maxOutbox + 3 {
		k.send(outgoing{frame: &protocol.Frame{Sync: true}})
	}
	if len(trace.sent) != maxOutbox {
		t.Errorf("%d frames are stamped, want %d", len(trace.sent), maxOutbox)
	}
	all, n := gather(k.outbox[:3])
	if n != 3 || len(all.stamps) != 3 || all.stamps[2].GetSequence() != 3 {
		t.Errorf("%d frames with stamps %v", n, all.stamps)
	}
}

// Stamps whose clocks could overflow are refused, with their frames.
func TestStampsThatAreRefused(t *testing.T) {
	for want, s := range map[string]*bankv1.Stamp{
		"a stamp has the clock 4611686018427387905, at most 4611686018427387904 is allowed": {Clock: maxStampClock + 1},
		"a stamp has the clock 4611686018427387906, at most 4611686018427387904 is allowed": {Clock_2020: maxStampClock + 2},
		"a stamp names a trace in 65 bytes, at most 64 are allowed":                         {Trace: strings.Repeat("t", 65)},
	} {
		in := &incoming{}
		if err := in.decode(appendStamps(nil, []*bankv1.Stamp{{Clock: maxStampClock, Trace: strings.Repeat("t", 64)}, s})); err != nil {
			t.Fatal(err)
		}
		if in.wrong == nil || in.wrong.Error() != want {
			t.Errorf("%v: %v, want %q", s, in.wrong, want)
		}
	}
}
