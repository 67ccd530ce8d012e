package branch_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/signature/signaturetest"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// seized is a bank whose branch 1 somebody has taken over: he has its certificate, its
// key and all calls. Branches 2 and 3 are honest.
type seized struct {
	*bank
	*thief
	a *signaturetest.Authority
	// entry3 is an entry of branch 3 that all have, as it was signed.
	entry3 *ledger.Sealed
}

func seize(t testing.TB) *seized {
	t.Helper()
	b, a := signedBank(t)
	for _, id := range b.ids {
		b.deposit(id, 10)
	}
	b.stop(1)
	s := &seized{bank: b, thief: b.thiefOf(a, 1, 2), a: a}
	s.entry3 = s.journalOf(3)[0]
	return s
}

// journalOf returns what a branch sends of its own journal to a peer that has nothing.
func (s *seized) journalOf(id uint32) (all []*ledger.Sealed) {
	s.bank.t.Helper()
	want, _ := s.head(id, id)
	stream, err := s.peers(id).Propagate(s.ctx)
	if err != nil {
		s.bank.t.Fatal(err)
	}
	defer func() {
		_ = stream.CloseRequest()
		_ = stream.CloseResponse()
	}()
	h := s.hello()
	h.ToBranch = id
	bankID, err := ledger.ParseBankID(s.status(id).GetBankId())
	if err != nil {
		s.bank.t.Fatal(err)
	}
	h.BankId, h.Founded = bankID[:], true
	if err := stream.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Hello: h}}); err != nil {
		s.bank.t.Fatal(err)
	}
	for {
		res, err := stream.Receive()
		if err != nil {
			s.bank.t.Fatal(err)
		}
		for _, m := range res.GetFrame().GetBatches() {
			b, err := ledger.OpenSealed(m.GetBatch(), ledger.Hash(m.GetHash()))
			if err != nil || uint32(b.Span.Branch) != id {
				s.bank.t.Fatal(b, err)
			}
			b.Signature = &ledger.Signature{Certificate: ledger.Fingerprint(m.GetCertificate())}
			copy(b.Signature.Value[:], m.GetSignature())
			all = append(all, b)
			if b.Span.Last >= want {
				return all
			}
		}
	}
}

// wantUnharmed checks that branches 2 and 3 serve, agree with one another, have no word
// of the thief's in each other's journals, and know of no fork.
func (s *seized) wantUnharmed() {
	t := s.bank.t
	t.Helper()
	for _, id := range []uint32{2, 3} {
		status := s.status(id)
		if status.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
			t.Errorf("branch %d is in state %v: %s", id, status.GetState(), status.GetStateReason())
		}
		for _, a := range status.GetAlarms() {
			if !strings.Contains(a, "in the name of branch 1 was refused") {
				t.Errorf("branch %d has the alarm %q", id, a)
			}
		}
		if i := slices.IndexFunc(status.GetPeers(), func(p *bankv1.PeerStatus) bool { return p.GetBranch() == 5-id }); status.GetPeers()[i].GetRefusedMessages() > 0 {
			t.Errorf("branch %d has refused what branch %d sent", id, 5-id)
		}
		res := s.mustDeposit(id, &bankv1.DepositRequest{Amount: 1, Account: "honest"})
		s.wantQuery(5-id, &bankv1.QueryRequest{Session: res.GetSession(), Account: "shared"}, 330)
		for _, other := range []uint32{2, 3} {
			for _, e := range s.list(id, &bankv1.ListEntriesRequest{Branch: other}) {
				if d := e.GetEntry().GetDeposit(); d.GetAmount() > 10 {
					t.Errorf("branch %d has %v in the journal of branch %d", id, e, other)
				}
			}
		}
	}
}

// certificates returns a frame that brings certificates.
func certificates(chains ...[]byte) *bankv1.Frame { return &bankv1.Frame{Certificates: chains} }

// changed returns a copy of a batch with another signature.
func changed(b *ledger.Sealed, change func(*ledger.Signature)) *ledger.Sealed {
	c, g := *b, *b.Signature
	change(&g)
	c.Signature = &g
	return &c
}

// Somebody has the certificate and the key of branch 1, and makes every link that it may
// make. Whatever he says in others' names is refused, ends the link that it came on, and
// changes nothing.
func TestAStolenBranchForgesNothing(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := seize(t)
	mine := certificates(s.Chain(s.Current()))
	stranger := signaturetest.New(t, branch.DefaultBank)
	unsigned := func(b *ledger.Sealed) *ledger.Sealed { c := *b; c.Signature = nil; return &c }
	forkOf3 := func() *ledger.Sealed { return depositAfter(3, 0, s.entry3.Batch.PrevHash, 999) }
	for name, test := range map[string]struct {
		to     uint32
		frames func() []*bankv1.Frame
		text   string
	}{
		"the next entry of branch 3, unsigned": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{batchesFrame(s.next(2, 3, 999))}
		}, "is not signed"},
		"the next entry of branch 3, signed by branch 1": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{mine, batchesFrame(s.sign(s.next(2, 3, 999)))}
		}, "it is signed with a certificate of branch 1"},
		"the next entry of branch 3, with the signature of another": {2, func() []*bankv1.Frame {
			f := s.next(2, 3, 999)
			f.Signature = s.entry3.Signature
			return []*bankv1.Frame{batchesFrame(f)}
		}, "its signature is wrong"},
		"the next entry of branch 3, by a certificate that nobody has shown": {2, func() []*bankv1.Frame {
			f := s.next(2, 3, 999)
			f.Signature = &ledger.Signature{Certificate: ledger.Fingerprint{1}}
			return []*bankv1.Frame{batchesFrame(f)}
		}, "which nobody has shown"},
		"another entry in the place of one of branch 3": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{mine, batchesFrame(s.sign(forkOf3()))}
		}, "it is signed with a certificate of branch 1"},
		"the same, unsigned": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{batchesFrame(forkOf3())}
		}, "is not signed"},
		"the same, to branch 3, with a true signature of its": {3, func() []*bankv1.Frame {
			f := forkOf3()
			f.Signature = s.entry3.Signature
			return []*bankv1.Frame{batchesFrame(f), {Ack: &bankv1.Ack{Forked: true}}}
		}, "its signature is wrong"},
		"the same, to branch 3, and that it has forked": {3, func() []*bankv1.Frame {
			f := batchesFrame(forkOf3())
			f.Ack = &bankv1.Ack{Forked: true}
			return []*bankv1.Frame{f}
		}, "is not signed"},
		"a true entry with a changed signature": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{batchesFrame(changed(s.entry3, func(g *ledger.Signature) { g.Value[40] ^= 4 }))}
		}, "its signature is wrong"},
		"a true entry, signed by branch 1 instead": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{mine, batchesFrame(s.sign(unsigned(s.entry3)))}
		}, "it is signed with a certificate of branch 1"},
		"a true entry with half a signature": {2, func() []*bankv1.Frame {
			f := batchesFrame(s.entry3)
			f.Batches[0].Signature = f.Batches[0].Signature[:63]
			return []*bankv1.Frame{f}
		}, "a signature has 64 bytes"},
		"the certificate of another CA": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{certificates(stranger.Renew(3).Certificate[0])}
		}, "authority"},
		"the certificate of a customer": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{certificates(s.a.Issue(&identity.Identity{Bank: s.a.Bank, Client: "eve", Role: identity.Operator}).Certificate[0])}
		}, "not for a branch"},
		"what is no certificate": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{certificates([]byte("certificate"))}
		}, "is none"},
		"more certificates than a frame may have": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{certificates(make([][]byte, 65)...)}
		}, "65 certificates"},
		"its own entry, unsigned": {2, func() []*bankv1.Frame {
			return []*bankv1.Frame{batchesFrame(s.next(2, 1, 999))}
		}, "is not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, s.speak(1, test.to, test.frames()...), test.text)
			s.wantUnharmed()
		})
	}
	for name, f := range map[string]*bankv1.Frame{
		"a true entry again":              batchesFrame(s.entry3, s.entry3),
		"a true entry again, unsigned":    batchesFrame(unsigned(s.entry3)),
		"its own certificate, many times": certificates(slices.Repeat([][]byte{s.Chain(s.Current())}, 64)...),
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.speak(1, 2, f); err != nil {
				t.Errorf("the link ends: %v", err)
			}
			s.wantUnharmed()
		})
	}
	next := s.next(2, 3, 999).Span.First
	a := s.post(2, peerServiceName+"PropagateDeposit", fmt.Sprintf(`{"branch":3,"sequence":%d,"amount":999}`, next))
	a.wantError(t, http.StatusBadRequest, "invalid_argument", "it is not signed")
	s.stop(2)
	s.restart(2)
	for _, id := range []uint32{2, 3} {
		s.wantBalance(id, 330)
	}
}

// The thief passes on what branch 3 has written, and leaves signatures off, changes them,
// or gives them to other batches: it is refused. What he passes on as it is, is taken.
func TestAStolenBranchPassesOnOnlyWhatIsSigned(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := seize(t)
	s.cut(2, 3)
	s.awaitStatus(3, "a cut", func(m *bankv1.GetStatusResponse) bool { return !m.GetPeers()[1].GetReachable() })
	for range 2 {
		s.mustDeposit(3, &bankv1.DepositRequest{Amount: 5, Account: "far", Acknowledge: local})
	}
	all := s.journalOf(3)
	if len(all) != 3 {
		t.Fatalf("branch 3 has %d batches, want 3", len(all))
	}
	second, third := all[1], all[2]
	dropped, swapped := *second, *second
	dropped.Signature, swapped.Signature = nil, third.Signature
	for text, bad := range map[string]*ledger.Sealed{
		"is not signed":           &dropped,
		"its signature is wrong":  &swapped,
		"which nobody has shown":  changed(second, func(g *ledger.Signature) { g.Certificate[0] ^= 1 }),
		"with a certificate of b": changed(second, func(g *ledger.Signature) { g.Certificate = s.Current() }),
	} {
		frames := []*bankv1.Frame{certificates(s.Chain(s.Current())), batchesFrame(bad, third)}
		wantRefused(t, s.speak(1, 2, frames...), text)
		if at, _ := s.head(2, 3); at != 1 {
			t.Fatalf("after one that %s, branch 2 has entry %d of branch 3", text, at)
		}
	}
	if err := s.speak(1, 2, batchesFrame(second, third)); err != nil {
		t.Errorf("what branch 3 has signed ends the link: %v", err)
	}
	s.awaitStatus(2, "the entries", func(m *bankv1.GetStatusResponse) bool { return m.GetApplied()[2].GetSequence() == 3 })
	s.heal(2, 3)
	res := s.mustDeposit(3, &bankv1.DepositRequest{Amount: 5, Account: "far"})
	s.wantQuery(2, &bankv1.QueryRequest{Session: res.GetSession(), Account: "far"}, 15)
}

// The thief writes two journals for branch 1, one for each of the others. That proves a
// fork of this journal alone: nobody halts, and the others go on with one another.
func TestAStolenBranchForksItsOwnJournalAlone(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := seize(t)
	mine := certificates(s.Chain(s.Current()))
	left, right := s.sign(s.next(2, 1, 7)), s.sign(s.next(2, 1, 8))
	if err := s.speak(1, 2, mine, batchesFrame(left)); err != nil {
		t.Fatal(err)
	}
	if err := s.speak(1, 3, mine, batchesFrame(right)); err != nil {
		t.Fatal(err)
	}
	s.wantBalance(2, 337)
	s.wantBalance(3, 338)
	if err := s.speak(1, 2, batchesFrame(right)); err != nil {
		t.Errorf("the proof of a fork ends the link that it comes on: %v", err)
	}
	s.awaitStatus(2, "an alarm", func(m *bankv1.GetStatusResponse) bool {
		return slices.ContainsFunc(m.GetAlarms(), func(a string) bool { return strings.Contains(a, "the journal of branch 1 has forked") })
	})
	for _, id := range []uint32{2, 3} {
		if m := s.status(id); m.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
			t.Errorf("branch %d is in state %v: %s", id, m.GetState(), m.GetStateReason())
		}
		res := s.mustDeposit(id, &bankv1.DepositRequest{Amount: 1, Account: "honest"})
		s.awaitStatus(5-id, "the deposit", func(m *bankv1.GetStatusResponse) bool {
			return m.GetApplied()[id-1].GetSequence() >= res.GetReceipt().GetSequence()
		})
	}
}

// A certificate is revoked from an entry on: what it signs from there is refused, and the
// branch that has another certificate goes on.
func TestARevokedCertificateSignsNoMore(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := seize(t)
	stolen, err := s.a.Signing(1)
	if err != nil {
		t.Fatal(err)
	}
	frames := []*bankv1.Frame{certificates(s.Chain(s.Current())), batchesFrame(s.sign(s.next(2, 1, 7)))}
	s.a.Revoke(stolen, 2)
	wantRefused(t, s.speak(1, 2, frames...), "revoked from entry 2 on")
	s.a.Renew(1)
	s.restart(1)
	s.deposit(1, 20)
	for _, id := range s.ids {
		s.wantStrongBalance(id, 350)
	}
	s.stop(3)
	s.wipe(3)
	s.restart(3) // the first entry of branch 1 still counts
	s.wantStrongBalance(3, 350)
}
