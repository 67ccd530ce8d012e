package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// What all peers are sent alike is encoded once, and what differs is not.
func TestCopiesOfAFrameAreEncodedOnce(t *testing.T) {
	one, two := outlineOf(1), outlineOf(2)
	batches := func(s ...*ledger.Outline) *protocol.Frame { return &protocol.Frame{Outlines: s} }
	tests := map[string]struct {
		first, next *protocol.Frame
		want        bool
	}{
		"the same batch":       {batches(one), batches(one), true},
		"the same batches":     {batches(one, two), batches(one, two), true},
		"another batch":        {batches(one), batches(two), false},
		"one more":             {batches(one), batches(one, two), false},
		"one that has an ack":  {batches(one), &protocol.Frame{Outlines: []*ledger.Outline{one}, Ack: &protocol.Ack{Applied: 1}}, false},
		"one that asks for it": {batches(one), &protocol.Frame{Outlines: []*ledger.Outline{one}, Sync: true}, false},
		"one that has wants":   {batches(one), &protocol.Frame{Outlines: []*ledger.Outline{one}, Wants: []ledger.Position{{Branch: 1}}}, false},
		"no batch":             {&protocol.Frame{Sync: true}, &protocol.Frame{Sync: true}, false},
		"too large to be kept": {batches(outlineOf(maxCopiedBytes), one), batches(outlineOf(maxCopiedBytes), one), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var c copies
			first, next := c.of(test.first), c.of(test.next)
			if got := first.encoded != nil && first.encoded == next.encoded; got != test.want {
				t.Errorf("encoded once: %t, want %t", got, test.want)
			}
			if next.encoded == nil && next.frame != test.next {
				t.Error("another frame is sent")
			}
		})
	}
}

// However a frame is encoded, the peer gets the same.
func TestAnEncodedFrameIsTheFrame(t *testing.T) {
	batch := ledger.NewSealed(&ledger.Batch{Branch: 1, FirstSequence: 1, Entries: []ledger.Entry{{Sequence: 1, Clock: 1, Kind: ledger.Deposit, Account: "shared", Amount: 1}}})
	frame := &protocol.Frame{Outlines: []*ledger.Outline{&batch.Outline}, Sync: true}
	want := &bankv1.PropagateRequest{Frame: api.FrameToProto(frame)}
	var c copies
	for name, f := range map[string]outgoing{"alone": {frame: frame}, "copied": c.of(frame)} {
		for _, codec := range []connect.Codec{wireCodec{}, api.JSONCodecs()[0]} {
			sent, err := codec.Marshal(&f)
			if err != nil {
				t.Fatal(err)
			}
			got := &bankv1.PropagateRequest{}
			if err := codec.Unmarshal(sent, got); err != nil || !proto.Equal(got, want) {
				t.Errorf("%s, as %s: the peer gets %v, %v, want %v", name, codec.Name(), got, err, want)
			}
		}
		if again, err := (wireCodec{}).MarshalAppend([]byte("before"), &f); err != nil || !bytes.Equal(again, append([]byte("before"), encode(nil, frame)...)) {
			t.Errorf("%s: appended it is %x, %v", name, again, err)
		}
	}
}

// What goes between branches besides frames is protobuf as Connect has it.
func TestTheCodecOfTheWireTakesOtherMessages(t *testing.T) {
	want := &bankv1.ClaimRequest{Branch: 1, Account: "shared", Amount: 7}
	sent, err := wireCodec{}.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &bankv1.ClaimRequest{}
	if err := (wireCodec{}).Unmarshal(sent, got); err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := (wireCodec{}).Marshal("text"); err == nil {
		t.Error("what is no message is encoded")
	}
	if err := (wireCodec{}).Unmarshal(sent, new(string)); err == nil {
		t.Error("it is decoded into what is no message")
	}
}

// Frames are sent in their order by one goroutine, which ends when there are no
// more.
func TestTheOutboxIsSentInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []uint64
		sends := make(chan struct{}, 1)
		k := newLink(&peer{})
		k.put = func(f *outgoing) error {
			select {
			case sends <- struct{}{}:
			default:
				t.Error("two goroutines send")
			}
			time.Sleep(time.Second)
			got = append(got, f.frame.Hello.Epoch)
			<-sends
			return nil
		}
		var want []uint64
		for i := range uint64(6) {
			k.send(outgoing{frame: &protocol.Frame{Hello: &protocol.Hello{Epoch: i}}}) // which goes alone
			want = append(want, i)
			if i == 2 {
				time.Sleep(time.Minute)
			}
		}
		k.pumps.Wait()
		if !slices.Equal(got, want) {
			t.Errorf("sent %v, want %v", got, want)
		}
	})
}

// A peer that has ended the stream takes no more frames. What it says last is why
// the link ends, and not that it takes none.
func TestALinkWhosePeerTakesNoMoreFramesEndsWithWhatItSays(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		ends bool
	}{
		"the peer has ended it": {connect.NewError(connect.CodeUnknown, io.EOF), false},
		"it can't be sent":      {connect.NewError(connect.CodeResourceExhausted, errors.New("too large")), true},
	} {
		t.Run(name, func(t *testing.T) {
			k := newLink(&peer{})
			var sent int
			k.put = func(*outgoing) error {
				sent++
				return test.err
			}
			for range 3 {
				k.send(outgoing{frame: &protocol.Frame{Sync: true}})
				k.pumps.Wait()
			}
			if sent != 1 {
				t.Errorf("%d frames were sent, want 1", sent)
			}
			if cause := context.Cause(k.ctx); (cause != nil) != test.ends || test.ends && !errors.Is(cause, test.err) {
				t.Errorf("the link has ended with %v", cause)
			}
		})
	}
}

// Where there is room for a frame, nobody is woken to send it; where there may
// not be, the engine does not wait for it.
func TestAFrameIsSentAtOnceWhereThereIsRoom(t *testing.T) {
	small := &protocol.Frame{Ack: &protocol.Ack{Applied: 1 << 60, Synced: 1 << 60, Forked: true}}
	tests := map[string]struct {
		frame *protocol.Frame
		room  int
		want  bool
	}{
		"room":                  {small, mostBytes(small), true},
		"too little":            {small, mostBytes(small) - 1, false},
		"a hello":               {&protocol.Frame{Hello: &protocol.Hello{}}, MaxMessage - 1, false},
		"nobody knows how much": {small, -1, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := newLink(&peer{})
			var sent *protocol.Frame
			may := make(chan struct{})
			k.put = func(f *outgoing) error {
				if !test.want {
					<-may
				}
				sent = f.frame
				return nil
			}
			if test.room >= 0 {
				k.room = func() int { return test.room }
			}
			k.send(outgoing{frame: test.frame})
			if test.want && sent != test.frame {
				t.Error("it is not sent at once")
			}
			close(may)
			k.pumps.Wait()
			if sent != test.frame {
				t.Error("it is not sent")
			}
		})
	}
}

// A frame is never larger than mostBytes says, or the engine would wait.
func TestMostBytesOfAFrame(t *testing.T) {
	most := ^uint64(0)
	batch, signed := outlineOf(1000), outlineOf(1000)
	signed.Signature = &ledger.Signature{}
	for _, f := range []*protocol.Frame{
		{Ack: &protocol.Ack{Applied: most, Synced: most, Forked: true}, Sync: true, Ping: most, Pong: most},
		{Ack: &protocol.Ack{Applied: most, Synced: most, Forked: true}, Sync: true, Outlines: []*ledger.Outline{batch}},
		{Outlines: slices.Repeat([]*ledger.Outline{batch}, 30)},
		{Outlines: slices.Repeat([]*ledger.Outline{signed}, 30), Certificates: [][]byte{make([]byte, ledger.MaxChainBytes), {1}}},
		{Contest: widestContest(1)},
		{Contest: widestContest(30), Outlines: []*ledger.Outline{batch}, Ack: &protocol.Ack{Applied: most, Synced: most}, Sync: true},
	} {
		if got := len(encode(make([]byte, prefixBytes), f)); got > mostBytes(f) {
			t.Errorf("%d bytes, at most %d", got, mostBytes(f))
		}
	}
}

// widestContest says n things of each kind, in as many bytes as they can take.
func widestContest(n int) *protocol.Contest {
	const most, least = ^uint64(0), ledger.Amount(math.MinInt64)
	name := strings.Repeat("x", ledger.MaxNameBytes)
	ticket := protocol.Ticket{Clock: most, Branch: math.MaxUint32}
	return &protocol.Contest{
		Summons: slices.Repeat([]string{name}, n),
		Looks: slices.Repeat([]protocol.ContestLook{{
			Account: name, Chain: most, Step: most, Proven: most, Balance: least, Want: least, Oldest: ticket, Freeze: true, Firm: true,
		}}, n),
		Answers: slices.Repeat([]protocol.ContestAnswer{{
			Account: name, Chain: most, Step: most, Before: most, Last: most, Paid: least, Most: least, MostKnown: true, Failed: true,
			Waiting: slices.Repeat([]protocol.ContestWait{{Clock: most, Amount: least}}, 128),
		}}, n),
		Ends: slices.Repeat([]protocol.ContestEnd{{Account: name, Chain: most, Failed: true}}, n),
	}
}

// BenchmarkSendToMany sends a batch to all peers of a bank of fifty, as far as
// Connect.
func BenchmarkSendToMany(b *testing.B) {
	const peers = 49
	var links [peers]*link
	text := make([]byte, 0, 1024)
	for i := range links {
		k := newLink(&peer{})
		k.room = func() int { return MaxMessage }
		k.put = func(f *outgoing) (err error) {
			text, err = wireCodec{}.MarshalAppend(text[:0], f)
			return err
		}
		links[i] = k
	}
	var c copies
	b.ReportAllocs()
	for b.Loop() {
		s := outlineOf(200)
		for _, k := range links {
			k.send(c.of(&protocol.Frame{Outlines: []*ledger.Outline{s}}))
		}
	}
}
