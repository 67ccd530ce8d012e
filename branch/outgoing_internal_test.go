package branch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// What all peers are sent alike is encoded once, and what differs is not.
func TestCopiesOfAFrameAreEncodedOnce(t *testing.T) {
	one, two := sealedOf(1), sealedOf(2)
	batches := func(s ...*ledger.Sealed) *replica.Frame { return &replica.Frame{Batches: s} }
	tests := map[string]struct {
		first, next *replica.Frame
		want        bool
	}{
		"the same batch":       {batches(one), batches(one), true},
		"the same batches":     {batches(one, two), batches(one, two), true},
		"another batch":        {batches(one), batches(two), false},
		"one more":             {batches(one), batches(one, two), false},
		"one that has an ack":  {batches(one), &replica.Frame{Batches: []*ledger.Sealed{one}, Ack: &replica.Ack{Applied: 1}}, false},
		"one that asks for it": {batches(one), &replica.Frame{Batches: []*ledger.Sealed{one}, Sync: true}, false},
		"one that has wants":   {batches(one), &replica.Frame{Batches: []*ledger.Sealed{one}, Wants: []ledger.Position{{Branch: 1}}}, false},
		"no batch":             {&replica.Frame{Sync: true}, &replica.Frame{Sync: true}, false},
		"too large to be kept": {batches(sealedOf(maxCopiedBytes), one), batches(sealedOf(maxCopiedBytes), one), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var c copies
			first, next := c.of(test.first), c.of(test.next)
			if got := first.envelope != nil && first.envelope == next.envelope; got != test.want {
				t.Errorf("encoded once: %t, want %t", got, test.want)
			}
			if next.envelope == nil && next.frame != test.next {
				t.Error("another frame is sent")
			}
		})
	}
}

// However a frame is encoded, the peer gets the same.
func TestAnEncodedFrameIsTheFrame(t *testing.T) {
	batch := ledger.NewSealed(&ledger.Batch{Branch: 1, FirstSequence: 1, Entries: []ledger.Entry{{Sequence: 1, Clock: 1, Kind: ledger.Deposit, Account: "shared", Amount: 1}}})
	frame := &replica.Frame{Batches: []*ledger.Sealed{batch}, Sync: true}
	want := &bankv1.PropagateRequest{Frame: api.FrameToProto(frame)}
	var c copies
	for name, f := range map[string]outgoing{"alone": {frame: frame}, "copied": c.of(frame)} {
		text, err := proto.Marshal(f.response())
		if err != nil {
			t.Fatal(err)
		}
		k := newLink(&peer{})
		k.send(f)
		prefix := make([]byte, prefixBytes)
		body := &outboxBody{link: k}
		if _, err := io.ReadFull(body, prefix); err != nil {
			t.Fatal(err)
		}
		message := make([]byte, binary.BigEndian.Uint32(prefix[1:]))
		if _, err := io.ReadFull(body, message); err != nil {
			t.Fatal(err)
		}
		for _, sent := range [][]byte{text, message} {
			got := &bankv1.PropagateRequest{}
			if err := proto.Unmarshal(sent, got); err != nil || !proto.Equal(got, want) {
				t.Errorf("%s: the peer gets %v, %v, want %v", name, got, err, want)
			}
		}
		if prefix[0] != 0 {
			t.Errorf("%s: it says that it is compressed", name)
		}
	}
}

// The outbox of a dialed link is read as it is filled, and not once it is shut.
func TestTheOutboxIsTheBodyOfTheRequest(t *testing.T) {
	k := newLink(&peer{})
	unused := &closeNoted{Reader: strings.NewReader("what Connect would send")}
	body := requestOf(k.dialing(t.Context()), unused)
	read := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(body)
		read <- all
	}()
	var want []byte
	for i := range uint64(3) {
		f := &replica.Frame{Hello: &replica.Hello{Epoch: i}} // which goes alone
		k.send(outgoing{frame: f})
		want = append(want, encode(nil, f)...)
		for left := 1; left > 0; { // what is left when it is shut is not read
			k.mu.Lock()
			left = len(k.outbox)
			k.mu.Unlock()
		}
	}
	if err := body.Close(); err != nil || !unused.closed {
		t.Errorf("closed: %v, the pipe: %t", err, unused.closed)
	}
	if got := <-read; !bytes.Equal(got, want) {
		t.Errorf("%d bytes are read, want %d", len(got), len(want))
	}
	k.send(outgoing{frame: &replica.Frame{Sync: true}})
	if n, err := body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("when it is shut: %d, %v", n, err)
	}
}

type closeNoted struct {
	io.Reader
	closed bool
}

func (c *closeNoted) Close() error {
	c.closed = true
	return nil
}

// Where there is room for a frame, nobody is woken to send it; where there may
// not be, the engine does not wait for it.
func TestAFrameIsSentAtOnceWhereThereIsRoom(t *testing.T) {
	small := &replica.Frame{Ack: &replica.Ack{Applied: 1 << 60, Synced: 1 << 60, Forked: true}}
	tests := map[string]struct {
		frame *replica.Frame
		room  int
		want  bool
	}{
		"room":                  {small, mostBytes(small), true},
		"too little":            {small, mostBytes(small) - 1, false},
		"a hello":               {&replica.Frame{Hello: &replica.Hello{}}, maxPeerMessage - 1, false},
		"nobody knows how much": {small, -1, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := newLink(&peer{})
			var sent *replica.Frame
			may := make(chan struct{})
			k.put = func(f outgoing) error {
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
	batch := sealedOf(1000)
	for _, f := range []*replica.Frame{
		{Ack: &replica.Ack{Applied: most, Synced: most, Forked: true}, Sync: true},
		{Ack: &replica.Ack{Applied: most, Synced: most, Forked: true}, Sync: true, Batches: []*ledger.Sealed{batch}},
		{Batches: slices.Repeat([]*ledger.Sealed{batch}, 30)},
	} {
		if got := len(encode(nil, f)); got > mostBytes(f) {
			t.Errorf("%d bytes, at most %d", got, mostBytes(f))
		}
	}
}

// BenchmarkSendToMany sends a batch to all peers of a bank of fifty, as their
// handlers read it.
func BenchmarkSendToMany(b *testing.B) {
	const peers = 49
	var links [peers]*link
	var bodies [peers]*outboxBody
	for i := range links {
		links[i] = newLink(&peer{})
		bodies[i] = &outboxBody{link: links[i]}
	}
	text := make([]byte, 1024)
	var c copies
	b.ReportAllocs()
	for b.Loop() {
		s := sealedOf(200)
		for i, k := range links {
			k.send(c.of(&replica.Frame{Batches: []*ledger.Sealed{s}}))
			if _, err := bodies[i].Read(text); err != nil {
				b.Fatal(err)
			}
		}
	}
}
