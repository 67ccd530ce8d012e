package signature_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/signature"
	"passbook.example/passbook/branch/signature/signaturetest"
)

var (
	bank  = ledger.Bank{Name: "rent", ID: ledger.BankID{0xab}, Founded: true}
	other = ledger.Bank{Name: "rent", ID: ledger.BankID{0xcd}, Founded: true}
)

// store is a disk that has certificates and hashes.
type store struct {
	mu           sync.Mutex
	certificates map[ledger.Fingerprint][]byte
	hashes       map[ledger.Position]ledger.Hash
}

func newStore() *store {
	return &store{certificates: map[ledger.Fingerprint][]byte{}, hashes: map[ledger.Position]ledger.Hash{}}
}

func (s *store) Certificate(f ledger.Fingerprint) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.certificates[f], nil
}

func (s *store) HashAt(b ledger.BranchID, sequence uint64) (ledger.Hash, bool, error) {
	h, ok := s.hashes[ledger.Position{Branch: b, Sequence: sequence}]
	return h, ok, nil
}

// batch returns one that a branch has written.
func batch(branch ledger.BranchID, first uint64) *ledger.Sealed {
	return ledger.NewSealed(&ledger.Batch{Branch: branch, FirstSequence: first, Entries: []ledger.Entry{{Sequence: first, Clock: first, Kind: ledger.Deposit, Account: "shared", Amount: 1}}})
}

// signer is one branch, whose commits a test makes.
type signer struct {
	*signature.Branch
	t     testing.TB
	id    ledger.BranchID
	store *store
}

func newSigner(t testing.TB, all *signature.Signatures, id ledger.BranchID, of ledger.Bank) *signer {
	t.Helper()
	s := &signer{t: t, id: id, store: newStore()}
	var err error
	if s.Branch, err = all.Branch(id, of, s.store); err != nil {
		t.Fatal(err)
	}
	return s
}

// write makes a batch of the branch, as far as it is signed, and commits it.
func (s *signer) write(first uint64) *ledger.Sealed {
	s.t.Helper()
	b := batch(s.id, first)
	s.commit(ledger.StoredBatch{Sealed: b, Made: true})
	return b
}

// commit commits a batch, and returns the certificates that the commit brings.
func (s *signer) commit(b ledger.StoredBatch) []ledger.Certificate {
	s.t.Helper()
	c := &ledger.Commit{Batches: []ledger.StoredBatch{b}}
	if err := s.Sign(c); err != nil {
		s.t.Fatal(err)
	}
	for _, found := range c.Certificates {
		s.store.certificates[found.Fingerprint] = found.Chain
	}
	return c.Certificates
}

// refuses checks that a batch is refused, and that the error says why.
func (s *signer) refuses(b *ledger.Sealed, why string) {
	s.t.Helper()
	ok, err := s.Check(&b.Outline, ledger.BankID{})
	var refused *protocol.SignatureError
	if ok || !errors.As(err, &refused) || refused.Branch != b.Span.Branch || !strings.Contains(err.Error(), why) {
		s.t.Errorf("checked: %t, %v, want an error that says %q", ok, err, why)
	}
}

func (s *signer) takes(b *ledger.Sealed) {
	s.t.Helper()
	if ok, err := s.Check(&b.Outline, ledger.BankID{}); !ok || err != nil {
		s.t.Errorf("checked: %t, %v", ok, err)
	}
}

// changed returns a copy of a signed batch with another signature.
func changed(b *ledger.Sealed, change func(*ledger.Signature)) *ledger.Sealed {
	c, g := *b, *b.Signature
	change(&g)
	c.Signature = &g
	return &c
}

// A branch of another process takes what the writer has signed once it knows the
// certificate, and nothing else.
func TestABatchIsItsWriters(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	writer := newSigner(t, signature.New(a, signature.Options{}), 2, bank)
	reader := newSigner(t, signature.New(a, signature.Options{}), 1, bank)
	b := writer.write(1)
	reader.refuses(b, "which nobody has shown")
	if err := reader.Learn([][]byte{writer.Chain(writer.Current())}); err != nil {
		t.Fatal(err)
	}
	reader.takes(b)

	next := writer.write(2)
	reader.refuses(changed(b, func(s *ledger.Signature) { *s = *next.Signature }), "wrong")
	for i := range ledger.SignatureBytes {
		reader.refuses(changed(b, func(s *ledger.Signature) { s.Value[i] ^= 0x10 }), "wrong")
	}
	reader.refuses(changed(b, func(s *ledger.Signature) { s.Certificate[3] ^= 1 }), "which nobody has shown")
	reader.refuses(changed(b, func(s *ledger.Signature) { s.Value = [64]byte{} }), "wrong")
	reader.refuses(changed(b, func(s *ledger.Signature) { flip(s) }), "wrong")
	if ok, err := reader.Check(&batch(2, 3).Outline, ledger.BankID{}); !ok || err != nil {
		t.Errorf("a batch without a signature is refused here, and not by the replica: %t, %v", ok, err)
	}
}

// flip makes the other signature of each ECDSA signature, which anybody can.
func flip(s *ledger.Signature) {
	v := new(big.Int).SetBytes(s.Value[32:])
	v.Sub(elliptic.P256().Params().N, v)
	v.FillBytes(s.Value[32:])
}

// Branch 2 signs a batch of branch 3's journal, and one of another bank.
func TestASignatureIsForOneJournalOfOneBank(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	all := signature.New(a, signature.Options{})
	reader, writer := newSigner(t, all, 1, bank), newSigner(t, all, 2, bank)
	forged := batch(3, 1)
	writer.commit(ledger.StoredBatch{Sealed: forged, Made: true})
	reader.refuses(forged, "it is signed with a certificate of branch 2")
	elsewhere := newSigner(t, all, 2, other).write(1)
	reader.refuses(elsewhere, "wrong")
	mine := writer.write(1)
	if mine.Hash != elsewhere.Hash {
		t.Fatal("the batches differ anyway")
	}
	reader.takes(mine)
}

// A certificate that a branch gets later signs from then on, and what the one before has
// signed still counts, also for those who have not met either.
func TestARenewedCertificate(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	writer := newSigner(t, signature.New(a, signature.Options{}), 2, bank)
	first := writer.write(1)
	before := writer.Current()
	a.Renew(2)
	second := writer.write(2)
	if after := writer.Current(); after == before || second.Signature.Certificate != after || first.Signature.Certificate != before {
		t.Errorf("it signs with %v and then with %v", first.Signature.Certificate, second.Signature.Certificate)
	}
	a.Use(2, tls.Certificate{}) // the folder can't be read any more
	third := writer.write(3)
	if third.Signature.Certificate != second.Signature.Certificate {
		t.Error("it signs with another one")
	}
	reader := newSigner(t, signature.New(a, signature.Options{}), 1, bank)
	for _, s := range []*ledger.Sealed{first, second, third} {
		if err := reader.Learn([][]byte{writer.Chain(s.Signature.Certificate)}); err != nil {
			t.Fatal(err)
		}
		reader.takes(s)
	}
}

// A certificate comes to disk with the first commit that has a batch which names it, and
// only then; after a restart it is known from there.
func TestCertificatesAreStoredWithTheirBatches(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	writer := newSigner(t, signature.New(a, signature.Options{}), 2, bank)
	reader := newSigner(t, signature.New(a, signature.Options{}), 1, bank)
	b, next := writer.write(1), writer.write(2)
	chain := writer.Chain(writer.Current())
	if err := reader.Learn([][]byte{chain}); err != nil {
		t.Fatal(err)
	}
	reader.takes(b)
	reader.takes(next)
	if got := reader.commit(ledger.StoredBatch{Sealed: b}); len(got) != 1 || !bytes.Equal(got[0].Chain, chain) || got[0].Fingerprint != writer.Current() {
		t.Errorf("the first commit brings %d certificates", len(got))
	}
	if got := reader.commit(ledger.StoredBatch{Sealed: next}); len(got) > 0 {
		t.Errorf("the second commit brings %d certificates", len(got))
	}
	again, err := signature.New(a, signature.Options{}).Branch(1, bank, reader.store)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := again.Check(&next.Outline, ledger.BankID{}); !ok || err != nil {
		t.Errorf("after a restart: %t, %v", ok, err)
	}
	if !bytes.Equal(again.Chain(writer.Current()), chain) {
		t.Error("it can't show the certificate to others")
	}
	if again.Chain(ledger.Fingerprint{1}) != nil {
		t.Error("it shows a certificate that there is not")
	}
}

// What a certificate has signed from some entry on does not count, but for what is here
// already. Its owner does not sign with it either.
func TestARevokedCertificate(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	c := a.Renew(2)
	writer := newSigner(t, signature.New(a, signature.Options{}), 2, bank)
	all := signature.New(a, signature.Options{})
	reader := newSigner(t, all, 1, bank)
	if err := reader.Learn([][]byte{writer.Chain(writer.Current())}); err != nil {
		t.Fatal(err)
	}
	first, second, third := writer.write(1), writer.write(2), writer.write(3)
	reader.takes(third)
	a.Revoke(c, 2)
	reader.takes(first)
	reader.refuses(second, "revoked from entry 2 on")
	reader.refuses(third, "revoked from entry 2 on")
	reader.store.hashes[ledger.Position{Branch: 2, Sequence: 2}] = second.Hash
	reader.takes(second)
	reader.store.hashes[ledger.Position{Branch: 2, Sequence: 3}] = second.Hash
	reader.refuses(third, "revoked from entry 2 on")

	fourth := batch(2, 4)
	err := writer.Sign(&ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: fourth, Made: true}}})
	if err == nil || !strings.Contains(err.Error(), "give the branch another certificate") || fourth.Signature != nil {
		t.Errorf("signing with a revoked certificate: %v", err)
	}
	a.Renew(2)
	if err := reader.Learn([][]byte{writer.Chain(writer.write(4).Signature.Certificate)}); err != nil {
		t.Fatal(err)
	}
}

// When the authority no longer vouches for a certificate, it is forgotten.
func TestACertificateThatIsNoLongerVouchedFor(t *testing.T) {
	a := &fickle{Authority: signaturetest.New(t, bank.Name)}
	writer := newSigner(t, signature.New(a, signature.Options{}), 2, bank)
	all := signature.New(a, signature.Options{})
	reader := newSigner(t, all, 1, bank)
	chain := writer.Chain(writer.Current())
	if err := reader.Learn([][]byte{chain}); err != nil {
		t.Fatal(err)
	}
	b := writer.write(1)
	all.Recheck()
	reader.takes(b)
	a.against = true
	all.Recheck()
	reader.refuses(b, "which nobody has shown")
	if err := reader.Learn([][]byte{chain}); err == nil {
		t.Error("it is learned again")
	}
}

// fickle is an authority that may stop vouching for branch 2.
type fickle struct {
	*signaturetest.Authority
	against bool
}

func (f *fickle) SignerOf(chain [][]byte) (uint32, *x509.Certificate, error) {
	branch, leaf, err := f.Authority.SignerOf(chain)
	if err == nil && f.against && branch == 2 {
		err = errors.New("the CA has gone")
	}
	return branch, leaf, err
}

// A certificate counts only if the CA of the branches has issued it, for a branch of
// this bank, with a key that signs.
func TestCertificatesThatSignNothing(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	two := &identity.Identity{Bank: bank.Name, Branch: 2}
	good := a.Issue(two)
	stranger := signaturetest.New(t, bank.Name).Issue(two)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		chain []byte
		why   string
	}{
		"with a key on P-384":       {a.IssueFor(p384, two).Certificate[0], "must be an ECDSA key on P-256"},
		"with an Ed25519 key":       {a.IssueFor(ed, two).Certificate[0], "must be an ECDSA key on P-256"},
		"of another CA":             {stranger.Certificate[0], "authority"},
		"of another bank":           {a.Issue(&identity.Identity{Bank: "other", Branch: 2}).Certificate[0], `not for bank "rent"`},
		"of a customer":             {a.Issue(&identity.Identity{Bank: bank.Name, Client: "ann", Role: identity.Teller}).Certificate[0], "not for a branch"},
		"with two URIs":             {a.Issue(two, func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }).Certificate[0], "2 URIs"},
		"with none":                 {a.Issue(two, func(c *x509.Certificate) { c.URIs = nil }).Certificate[0], "0 URIs"},
		"with another URI":          {a.Issue(two, func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "https", Host: "x"}} }).Certificate[0], "no URI"},
		"of a CA":                   {a.Issue(two, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }).Certificate[0], "signs no batches"},
		"nothing":                   {nil, "0 of them"},
		"what is none":              {[]byte("certificate"), "is none"},
		"one and a half":            {append(bytes.Clone(good.Certificate[0]), good.Certificate[0][:9]...), "is none"},
		"more than a chain may be":  {bytes.Repeat(good.Certificate[0], 9), "9 of them"},
		"more bytes than it may be": {make([]byte, ledger.MaxChainBytes+1), "bytes"},
	}
	b := newSigner(t, signature.New(a, signature.Options{}), 1, bank)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := b.Learn([][]byte{test.chain})
			var refused *protocol.SignatureError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.why) {
				t.Errorf("learned: %v, want an error that says %q", err, test.why)
			}
		})
	}
	expired := a.Issue(two, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-40*time.Minute), time.Now().Add(-30*time.Minute)
	})
	if err := b.Learn([][]byte{expired.Certificate[0]}); err != nil {
		t.Errorf("what has expired still vouches for what it has signed: %v", err)
	}
}

// Whoever vouches for a certificate between it and the CA comes with it.
func TestAChain(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	middle := a.Issue(&identity.Identity{Bank: bank.Name, Branch: 9}, func(c *x509.Certificate) {
		c.URIs, c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = nil, true, true, x509.KeyUsageCertSign, nil
	})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(99), URIs: []*url.URL{(&identity.Identity{Bank: bank.Name, Branch: 2}).URI()}, NotBefore: middle.Leaf.NotBefore, NotAfter: middle.Leaf.NotAfter}
	leaf, err := x509.CreateCertificate(rand.Reader, template, middle.Leaf, &key.PublicKey, middle.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	a.Use(2, tls.Certificate{Certificate: [][]byte{leaf, middle.Certificate[0]}, PrivateKey: key})
	writer := newSigner(t, signature.New(a, signature.Options{}), 2, bank)
	reader := newSigner(t, signature.New(a, signature.Options{}), 1, bank)
	if err := reader.Learn([][]byte{leaf}); err == nil {
		t.Error("it counts without the one between")
	}
	if err := reader.Learn([][]byte{writer.Chain(writer.Current())}); err != nil {
		t.Fatal(err)
	}
	reader.takes(writer.write(1))
}

// A branch does not start with a certificate that is not its own.
func TestABranchSignsWithItsOwnCertificateAlone(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	good := a.Renew(2)
	stranger := a.Issue(&identity.Identity{Bank: bank.Name, Branch: 2})
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		c   tls.Certificate
		why string
	}{
		"of another branch": {a.Issue(&identity.Identity{Bank: bank.Name, Branch: 3}), "is one of branch 3"},
		"of another key":    {tls.Certificate{Certificate: good.Certificate, PrivateKey: stranger.PrivateKey}, "not that of its key"},
		"no key":            {tls.Certificate{Certificate: good.Certificate}, "not that of its key"},
		"another curve":     {tls.Certificate{Certificate: good.Certificate, PrivateKey: p384}, "not that of its key"},
		"nothing":           {tls.Certificate{}, "no certificate any more"},
		"of another CA":     {signaturetest.New(t, bank.Name).Issue(&identity.Identity{Bank: bank.Name, Branch: 2}), "authority"},
	} {
		t.Run(name, func(t *testing.T) {
			a.Use(2, test.c)
			_, err := signature.New(a, signature.Options{}).Branch(2, bank, newStore())
			if err == nil || !strings.Contains(err.Error(), test.why) {
				t.Errorf("it starts: %v, want an error that says %q", err, test.why)
			}
		})
	}
}

// Until a branch knows its bank, what a peer names counts, and nothing is refused.
func TestABranchThatDoesNotKnowItsBank(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	all := signature.New(a, signature.Options{})
	writer, empty := newSigner(t, all, 2, bank), newSigner(t, all, 1, ledger.Bank{Name: bank.Name})
	b := writer.write(1)
	for id, want := range map[ledger.BankID]bool{bank.ID: true, other.ID: false, {}: false} {
		if ok, err := empty.Check(&b.Outline, id); ok != want || err != nil {
			t.Errorf("with id %v: %t, %v, want %t", id, ok, err, want)
		}
	}
	if err := empty.Sign(&ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: batch(1, 1), Made: true}}}); err == nil {
		t.Error("it signs for a bank that it does not know")
	}
	founded := other
	if err := empty.Sign(&ledger.Commit{Bank: &founded}); err != nil {
		t.Fatal(err)
	}
	empty.refuses(b, "wrong")
}

// A branch that fetches its own journal back does not sign it anew.
func TestABranchSignsWhatItMakesAlone(t *testing.T) {
	b := newSigner(t, signature.New(signaturetest.New(t, bank.Name), signature.Options{}), 1, bank)
	fetched := batch(1, 1)
	b.commit(ledger.StoredBatch{Sealed: fetched})
	if fetched.Signature != nil {
		t.Error("it has signed what it has not written")
	}
}

// One branch floods the others with certificates: those of others stay, and so does what
// is on disk.
func TestCertificatesAreBounded(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	honest := newSigner(t, signature.New(a, signature.Options{}), 3, bank)
	writer := newSigner(t, signature.New(a, signature.Options{}), 2, bank)
	all := signature.New(a, signature.Options{})
	reader := newSigner(t, all, 1, bank)
	if err := reader.Learn([][]byte{honest.Chain(honest.Current())}); err != nil {
		t.Fatal(err)
	}
	const most = 64
	refused := 0
	for i := range uint64(most + 5) {
		a.Renew(2)
		b := writer.write(i + 1)
		if err := reader.Learn([][]byte{writer.Chain(b.Signature.Certificate)}); err != nil {
			t.Fatal(err)
		}
		if ok, err := reader.Check(&b.Outline, ledger.BankID{}); !ok {
			refused++
			if !strings.Contains(err.Error(), "wait for their batches") {
				t.Error(err)
			}
		}
		if i == 0 {
			reader.commit(ledger.StoredBatch{Sealed: b})
		}
	}
	if refused != 4 { // one is on disk
		t.Errorf("%d batches are refused, want 4", refused)
	}
	reader.takes(honest.write(1))
	if known := all.KnownOf(2); known != most {
		t.Errorf("%d certificates of branch 2 are known, want %d", known, most)
	}
}

// Other programs check a signature with the message, the key and the signature in DER.
func TestASignatureInDER(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	c := a.Renew(2)
	b := newSigner(t, signature.New(a, signature.Options{}), 2, bank).write(1)
	message := append([]byte("passbook batch 1\n"), append(bank.ID[:], b.Hash[:]...)...)
	sum := sha256.Sum256(message)
	der := signature.DER(b.Signature.Value)
	if !ecdsa.VerifyASN1(c.Leaf.PublicKey.(*ecdsa.PublicKey), sum[:], der) || !bytes.Equal(message, signature.Message(bank.ID, b.Hash)) {
		t.Errorf("%x does not check", der)
	}
	var parts struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &parts); err != nil || len(rest) > 0 {
		t.Errorf("%x is not DER: %v", der, err)
	}
}
