package link

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// signatures are those of a bank where the chain of a certificate is its fingerprint.
type signatures struct {
	current ledger.Fingerprint
	unknown map[ledger.Fingerprint]bool
	learned [][]byte
	// check, when set, is Check.
	check func(o *ledger.Outline, said ledger.BankID) (bool, error)
}

func (s *signatures) Learn(chains [][]byte) error {
	s.learned = append(s.learned, chains...)
	if slices.ContainsFunc(chains, func(c []byte) bool { return len(c) == 0 }) {
		return errWrong
	}
	return nil
}

func (s *signatures) Check(o *ledger.Outline, said ledger.BankID) (bool, error) {
	return s.check(o, said)
}

func (s *signatures) Current() ledger.Fingerprint { return s.current }

func (s *signatures) Chain(f ledger.Fingerprint) []byte {
	if s.unknown[f] {
		return nil
	}
	return bytes.Clone(f[:])
}

var errWrong = errors.New("wrong")

// signedBy returns a batch that is signed with a certificate.
func signedBy(certificate byte, more ...byte) *ledger.Outline {
	o := outlineOf(10)
	o.Signature = &ledger.Signature{Certificate: ledger.Fingerprint(append([]byte{certificate, 0}, append(more, make([]byte, 30-len(more))...)...))}
	return o
}

// deliverable returns a link whose frames wait in its outbox.
func deliverable(s Signatures) *link {
	k := newLink(&peer{links: &Links{cfg: Config{Signatures: s}}})
	k.pumping = true // and the peer does not read
	return k
}

// told returns what waits to be sent, in words: c for certificates, b for batches.
func (k *link) told() (out []string) {
	for _, f := range k.outbox {
		text := ""
		if f.frame.Hello != nil {
			text += "hello "
		}
		for _, c := range f.frame.Certificates {
			text += fmt.Sprintf("c%d ", c[0])
		}
		for _, o := range f.frame.Outlines {
			text += "b"
			if o.Signature != nil {
				text += fmt.Sprint(o.Signature.Certificate[0])
			}
			text += " "
		}
		if f.frame.Ack != nil {
			text += "ack "
		}
		out = append(out, text[:len(text)-1])
	}
	return out
}

// A certificate is shown once on each link, before the first batch that needs it; this
// branch's own with the hello, which is always first.
func TestCertificatesAreShownBeforeTheirBatches(t *testing.T) {
	s := &signatures{current: ledger.Fingerprint{1}, unknown: map[ledger.Fingerprint]bool{{9}: true}}
	hello, ack := &protocol.Hello{}, &protocol.Ack{Applied: 1}
	batches := func(all ...*ledger.Outline) []*ledger.Outline { return all }
	for name, test := range map[string]struct {
		frames []*protocol.Frame
		want   []string
	}{
		"hello":                  {[]*protocol.Frame{{Hello: hello}, {Hello: hello}}, []string{"hello", "c1", "hello"}},
		"own batches":            {[]*protocol.Frame{{Hello: hello}, {Outlines: batches(signedBy(1))}, {Outlines: batches(signedBy(1))}}, []string{"hello", "c1", "b1", "b1"}},
		"a renewed one":          {[]*protocol.Frame{{Outlines: batches(signedBy(1))}, {Outlines: batches(signedBy(2), signedBy(1)), Ack: ack}}, []string{"c1", "b1", "c2", "b2 b1 ack"}},
		"several at once":        {[]*protocol.Frame{{Outlines: batches(signedBy(3), signedBy(4), signedBy(3))}}, []string{"c3 c4", "b3 b4 b3"}},
		"with the hello":         {[]*protocol.Frame{{Hello: hello, Outlines: batches(signedBy(3)), Ack: ack}}, []string{"hello", "c1 c3", "b3 ack"}},
		"none":                   {[]*protocol.Frame{{Outlines: batches(outlineOf(1))}, {Ack: ack}}, []string{"b", "ack"}},
		"one that nobody has":    {[]*protocol.Frame{{Outlines: batches(signedBy(9))}}, []string{"b9"}},
		"a hello after all that": {[]*protocol.Frame{{Outlines: batches(signedBy(1))}, {Hello: hello}}, []string{"c1", "b1", "hello"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := deliverable(s)
			for _, f := range test.frames {
				k.deliver(f, &copies{})
			}
			if got := k.told(); !slices.Equal(got, test.want) {
				t.Errorf("sent %q, want %q", got, test.want)
			}
		})
	}
}

// What all peers get alike is encoded once, though each link shows certificates of its
// own.
func TestSignedBatchesAreEncodedOnce(t *testing.T) {
	s := &signatures{}
	one, two := deliverable(s), deliverable(s)
	one.shown = map[ledger.Fingerprint]bool{{1}: true}
	f := &protocol.Frame{Outlines: []*ledger.Outline{signedBy(1)}}
	var c copies
	one.deliver(f, &c)
	two.deliver(&protocol.Frame{Outlines: f.Outlines}, &c)
	if len(one.outbox) != 1 || len(two.outbox) != 2 || one.outbox[0].encoded == nil || one.outbox[0].encoded != two.outbox[1].encoded {
		t.Errorf("sent %q and %q", one.told(), two.told())
	}
}

// A certificate for which there is no room counts as not shown, and its batch stays away
// with it.
func TestACertificateThatIsDroppedIsShownAgain(t *testing.T) {
	k := deliverable(&signatures{})
	for range maxOutbox {
		k.send(outgoing{frame: &protocol.Frame{Sync: true}})
	}
	k.deliver(&protocol.Frame{Outlines: []*ledger.Outline{signedBy(1)}}, &copies{})
	if len(k.outbox) != maxOutbox || len(k.shown) > 0 {
		t.Errorf("%d frames wait, %d certificates count as shown", len(k.outbox), len(k.shown))
	}
	k.outbox = nil
	k.deliver(&protocol.Frame{Outlines: []*ledger.Outline{signedBy(1)}}, &copies{})
	if got := k.told(); !slices.Equal(got, []string{"c1", "b1"}) {
		t.Errorf("sent %q", got)
	}
}

// Any number of certificates goes in frames that a peer takes, also when frames are sent
// as one, and what a link remembers is bounded.
func TestManyCertificatesAreShown(t *testing.T) {
	k := deliverable(&signatures{})
	f := &protocol.Frame{}
	for i := range 3*maxCertificates + 1 {
		f.Outlines = append(f.Outlines, signedBy(1, byte(i), byte(i>>8)))
	}
	k.deliver(f, &copies{})
	shown := 0
	for len(k.outbox) > 0 {
		sent := k.takeOut()
		n := len(sent.frame.Certificates)
		if n > maxCertificates {
			t.Errorf("one frame has %d certificates", n)
		}
		shown += n
		if len(sent.frame.Outlines) > 0 && shown != 3*maxCertificates+1 {
			t.Errorf("batches come after %d certificates", shown)
		}
	}
	for i := range 3 * maxShown {
		k.deliver(&protocol.Frame{Outlines: []*ledger.Outline{signedBy(2, byte(i), byte(i>>8))}}, &copies{})
		k.outbox, k.outboxBytes = nil, 0
	}
	if len(k.shown) > maxShown+maxCertificates {
		t.Errorf("the link remembers %d certificates", len(k.shown))
	}
}

// checked are the batches that a link lets through, and why it would end.
func checked(s Signatures, hello bool, batches ...*ledger.Sealed) (*protocol.Frame, error) {
	k := deliverable(s)
	f := &protocol.Frame{Batches: batches, Certificates: [][]byte{{7}}}
	if hello {
		f.Hello = &protocol.Hello{Identity: ledger.Bank{ID: ledger.BankID{5}}}
	}
	return f, k.checkSigned(f)
}

func TestSignaturesAreCheckedBeforeTheEngineHearsOfThem(t *testing.T) {
	sealed := func(certificate byte) *ledger.Sealed { return &ledger.Sealed{Outline: *signedBy(certificate)} }
	s := &signatures{check: func(o *ledger.Outline, said ledger.BankID) (bool, error) {
		switch o.Signature.Certificate[0] {
		case 1:
			return true, nil
		case 2:
			return said == ledger.BankID{5}, nil
		}
		return false, errWrong
	}}
	if f, err := checked(s, true, sealed(1), sealed(2)); err != nil || len(f.Batches) != 2 || f.Certificates != nil || string(s.learned[0]) != "\a" {
		t.Errorf("good ones: %d, %v", len(f.Batches), err)
	}
	if f, err := checked(s, false, sealed(2), sealed(1), sealed(2)); err != nil || len(f.Batches) != 1 || f.Batches[0].Signature.Certificate[0] != 1 {
		t.Errorf("what can't be checked yet is not left out: %d, %v", len(f.Batches), err)
	}
	if _, err := checked(s, true, sealed(1), sealed(3), sealed(1)); !errors.Is(err, errWrong) {
		t.Errorf("a wrong one: %v", err)
	}
	if f, err := checked(nil, true, sealed(3)); err != nil || len(f.Batches) != 1 || f.Batches[0].Signature != nil || f.Certificates != nil {
		t.Errorf("where nobody checks it is not left off: %v, %v", f, err)
	}
	k := deliverable(s)
	if err := k.checkSigned(&protocol.Frame{Certificates: [][]byte{{}}}); !errors.Is(err, errWrong) {
		t.Errorf("a wrong certificate: %v", err)
	}
}
