package branch_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/signature"
	"passbook.example/passbook/branch/signature/signaturetest"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// signing are options for branches that sign, each as if it ran on a machine of its own.
func signing(a *signaturetest.Authority, o signature.Options) branchOptions {
	return branchOptions{PeerTimeout: patient / 10, Signatures: func(uint32) *signature.Signatures { return signature.New(a, o) }}
}

// signedBank runs a bank of three branches that sign.
func signedBank(t testing.TB) (*bank, *signaturetest.Authority) {
	t.Helper()
	a := signaturetest.New(t, branch.DefaultBank)
	return runBankWith(t, 3, 300, signing(a, signature.Options{})), a
}

// openJournal opens the directory of a branch that does not run.
func (b *bank) openJournal(id uint32) (*journal.Journal, *journal.State) {
	b.t.Helper()
	own := journal.Identity{Branch: ledger.BranchID(id), Opening: ledger.Amount(b.opening), Bank: ledger.Bank{Name: branch.DefaultBank}}
	for other := range b.configOf(id).Addresses {
		own.Branches = append(own.Branches, ledger.BranchID(other))
	}
	j, state, err := journal.Open(b.dirOf(id), own, journal.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	return j, state
}

// signedIn returns the batches of a journal in the directory of a branch that does not
// run: each as the certificate that it names, or none.
func (b *bank) signedIn(dir, journalOf uint32) (batches []*ledger.Outline, chains map[ledger.Fingerprint][]byte) {
	b.t.Helper()
	j, _ := b.openJournal(dir)
	defer j.Close()
	var err error
	if batches, err = j.Batches(ledger.BranchID(journalOf), 0, 1<<30); err != nil {
		b.t.Fatal(err)
	}
	chains = map[ledger.Fingerprint][]byte{}
	for _, o := range batches {
		if o.Signature == nil {
			continue
		}
		if chains[o.Signature.Certificate], err = j.Certificate(o.Signature.Certificate); err != nil {
			b.t.Fatal(err)
		}
	}
	return batches, chains
}

// wantSigned checks that all batches of all journals in all directories are signed, by
// certificates that are there, but for the first ones of each journal.
func (b *bank) wantSigned(unsigned int) {
	b.t.Helper()
	for _, dir := range b.ids {
		for _, of := range b.ids {
			batches, chains := b.signedIn(dir, of)
			for i, o := range batches {
				if (o.Signature == nil) != (i < unsigned) {
					b.t.Errorf("at branch %d, batch %d of branch %d has signature %v", dir, i, of, o.Signature)
				}
			}
			for f, chain := range chains {
				if signature.FingerprintOf(chain) != f {
					b.t.Errorf("branch %d has no certificate %v of branch %d", dir, f, of)
				}
			}
			if len(batches) <= unsigned {
				b.t.Errorf("branch %d has %d batches of branch %d", dir, len(batches), of)
			}
		}
	}
}

// All branches sign, and each takes what the others write: from the writer, from others
// while it is away, and after restarts; also what a certificate has signed that has been
// replaced since.
func TestBranchesSignWhatTheyWrite(t *testing.T) {
	t.Parallel() // it waits most of the time
	b, a := signedBank(t)
	for _, id := range b.ids {
		b.deposit(id, 10)
	}
	b.cut(1, 3)
	b.awaitStatus(1, "a cut", func(s *bankv1.GetStatusResponse) bool { return !s.GetPeers()[1].GetReachable() })
	a.Renew(1)
	res := b.deposit(1, 20)
	b.wantQuery(3, &bankv1.QueryRequest{Session: res.GetSession()}, 350) // by way of branch 2
	b.stop(1)
	b.deposit(2, 5)
	b.heal(1, 3)
	b.restart(1)
	a.Renew(1)
	b.deposit(1, 5)
	b.stop(3)
	b.wipe(3)
	b.stop(1)
	b.start(3)
	b.awaitStatus(3, "the journal of branch 1, from branch 2", func(s *bankv1.GetStatusResponse) bool { return s.GetApplied()[0].GetSequence() == 3 })
	b.restart(1)
	b.awaitReady(3)
	for _, id := range b.ids {
		b.wantStrongBalance(id, 360)
		if s := b.status(id); len(s.GetAlarms()) > 0 {
			t.Errorf("branch %d has alarms %q", id, s.GetAlarms())
		}
	}
	b.stop(1)
	b.wipe(1) // and fetches its own journal back
	b.restart(1)
	b.deposit(1, 1)
	b.wantStrongBalance(3, 361)
	b.stopAll()
	b.wantSigned(0)
	if _, chains := b.signedIn(2, 1); len(chains) != 3 {
		t.Errorf("branch 2 has %d certificates of branch 1, want 3", len(chains))
	}
}

// A bank without certificates gets some, one branch after the other, while customers pay
// in. In the first round all sign, and take what is not signed; after the second one they
// don't. A branch that goes back to none meanwhile is no trouble.
func TestABankMovesToSignatures(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := newBank(t, 3, 300, branchOptions{PeerTimeout: patient / 10})
	ctx, cancel := context.WithTimeout(context.Background(), 3*testTimeout) // for eight restarts
	defer cancel()
	b.ctx = ctx
	b.startAll()
	for _, id := range b.ids {
		b.deposit(id, 10)
	}
	a := signaturetest.New(t, branch.DefaultBank)
	paid := int64(330)
	round := func(at uint32, o branchOptions) {
		t.Helper()
		b.stop(at)
		b.options = o
		b.restart(at)
		for _, id := range b.ids {
			b.deposit(id, 1)
			paid++
		}
		for _, id := range b.ids {
			b.wantStrongBalance(id, paid)
			if s := b.status(id); len(s.GetAlarms()) > 0 {
				t.Fatalf("branch %d has alarms %q", id, s.GetAlarms())
			}
		}
	}
	none, optional, required := branchOptions{PeerTimeout: patient / 10}, signing(a, signature.Options{Optional: true}), signing(a, signature.Options{})
	round(1, optional)
	round(1, none)
	for _, o := range []branchOptions{optional, required} {
		for _, id := range b.ids {
			round(id, o)
		}
	}
	b.stop(2)
	b.wipe(2)
	b.options = required
	b.start(2)
	b.awaitStatus(2, "a refusal of what nobody has signed", func(s *bankv1.GetStatusResponse) bool {
		return strings.Contains(fmt.Sprint(s.GetAlarms()), "is not signed")
	})
	b.stop(2)
	b.wipe(2)
	b.options = optional // as an operator who wants the old batches back
	b.restart(2)
	b.wantStrongBalance(2, paid)
	round(2, required)
	b.stopAll()
	batches, _ := b.signedIn(2, 3)
	last := batches[len(batches)-1]
	if batches[0].Signature != nil || last.Signature == nil {
		t.Errorf("the first batch of branch 3 has signature %v, the last one %v", batches[0].Signature, last.Signature)
	}
}

// A branch whose certificate is not its own does not start, and one that loses its key
// signs with the one that it had.
func TestABranchNeedsACertificateToSignWith(t *testing.T) {
	b := newBank(t, 3, 300, signing(signaturetest.New(t, "other"), signature.Options{}))
	b.options.Signatures = func(uint32) *signature.Signatures {
		a := signaturetest.New(t, branch.DefaultBank)
		a.Use(1, a.Renew(2))
		return signature.New(a, signature.Options{})
	}
	c := b.configOf(1)
	if _, err := branch.Open(c.Options.config(c, nil)); err == nil || !strings.Contains(err.Error(), "is one of branch 2") {
		t.Errorf("it opens: %v", err)
	}
}

// Branches of one process check each batch once, and know each other's certificates.
func TestBranchesOfAProcessShareSignatures(t *testing.T) {
	a := signaturetest.New(t, branch.DefaultBank)
	shared := signature.New(a, signature.Options{})
	b := runBankWith(t, 3, 300, branchOptions{Signatures: func(uint32) *signature.Signatures { return shared }})
	var all sync.WaitGroup
	for _, id := range b.ids {
		all.Go(func() {
			for range 10 {
				if _, err := b.customers(id).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.wantStrongBalance(2, 330)
	b.stopAll()
	b.wantSigned(0)
}

// thief has the certificate and the key of a branch.
type thief struct {
	*signature.Branch
	t    testing.TB
	bank *bank
	id   uint32
}

// nowhere is a disk that has nothing.
type nowhere struct{}

func (nowhere) Certificate(ledger.Fingerprint) ([]byte, error) { return nil, nil }
func (nowhere) HashAt(ledger.BranchID, uint64) (ledger.Hash, bool, error) {
	return ledger.Hash{}, false, nil
}

// thiefOf returns somebody with the key of a branch, of the bank to which another branch
// belongs.
func (b *bank) thiefOf(a *signaturetest.Authority, id, at uint32) *thief {
	b.t.Helper()
	bankID, err := ledger.ParseBankID(b.status(at).GetBankId())
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := signature.New(a, signature.Options{}).Branch(ledger.BranchID(id), ledger.Bank{Name: branch.DefaultBank, ID: bankID, Founded: true}, nowhere{})
	if err != nil {
		b.t.Fatal(err)
	}
	return &thief{Branch: s, t: b.t, bank: b, id: id}
}

// sign signs a batch of any journal.
func (f *thief) sign(s *ledger.Sealed) *ledger.Sealed {
	f.t.Helper()
	if err := f.Sign(&ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: s, Made: true}}}); err != nil {
		f.t.Fatal(err)
	}
	return s
}

// head returns where a journal ends at a branch.
func (b *bank) head(at, journalOf uint32) (sequence uint64, hash ledger.Hash) {
	b.t.Helper()
	for _, p := range b.status(at).GetApplied() {
		if p.GetBranch() == journalOf {
			copy(hash[:], p.GetHash())
			return p.GetSequence(), hash
		}
	}
	return 0, hash
}

// next returns a batch with a deposit that follows the last one of a journal.
func (b *bank) next(at, journalOf uint32, amount ledger.Amount) *ledger.Sealed {
	b.t.Helper()
	last, hash := b.head(at, journalOf)
	return depositAfter(journalOf, last, hash, amount)
}

func depositAfter(writer uint32, last uint64, hash ledger.Hash, amount ledger.Amount) *ledger.Sealed {
	return ledger.NewSealed(&ledger.Batch{Branch: ledger.BranchID(writer), Epoch: 9, FirstSequence: last + 1, PrevHash: hash, Entries: []ledger.Entry{
		{Sequence: last + 1, Clock: 1000 + last, Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: amount},
	}})
}

// By hand, too, an entry needs its writer's signature, and everything that is signed.
func TestPropagatingByHandWithASignature(t *testing.T) {
	t.Parallel() // it waits most of the time
	b, a := signedBank(t)
	b.deposit(3, 1)
	b.stop(3)
	three := b.thiefOf(a, 3, 1)
	s := b.next(1, 3, 5)
	three.sign(s)
	field := func(data []byte) string { return quote(base64.StdEncoding.EncodeToString(data)) }
	fields := map[string]string{
		"branch": "3", "sequence": "2", "amount": "5", "epoch": "9", "clock": "1001", "prevHash": field(s.Batch.PrevHash[:]),
		"signature": field(s.Signature.Value[:]), "certificate": field(s.Signature.Certificate[:]),
		"certificates": "[" + field(three.Chain(s.Signature.Certificate)) + "]",
	}
	call := func(change map[string]string) answer {
		t.Helper()
		var parts []string
		for name, value := range fields {
			if other, ok := change[name]; ok {
				value = other
			}
			if value != "" {
				parts = append(parts, quote(name)+":"+value)
			}
		}
		return b.post(1, peerServiceName+"PropagateDeposit", "{"+strings.Join(parts, ",")+"}")
	}
	none := map[string]string{"signature": "", "certificate": "", "certificates": ""}
	for name, test := range map[string]struct {
		change map[string]string
		text   string
	}{
		"no signature":      {none, "it is not signed, and the branches of this bank sign"},
		"another amount":    {map[string]string{"amount": "6"}, "its signature is wrong"},
		"no clock":          {map[string]string{"clock": ""}, "clock: is missing"},
		"no epoch":          {map[string]string{"epoch": ""}, "epoch: is missing"},
		"no hash":           {map[string]string{"prevHash": ""}, "prev_hash: is missing"},
		"a short signature": {map[string]string{"signature": `"AAAA"`}, "signature: a signature has 64 bytes"},
		"no certificate":    {map[string]string{"certificate": ""}, "signature: the fingerprint"},
		"no chain of it":    {map[string]string{"certificate": field(make([]byte, 32)), "certificates": ""}, "which nobody has shown"},
		"no real chain":     {map[string]string{"certificates": `["AAAA"]`}, "is none"},
		"too many chains":   {map[string]string{"certificates": `["AA","AA","AA","AA","AA"]`}, "5 certificates"},
		"another's name":    {map[string]string{"branch": "2", "prevHash": "", "sequence": "1"}, "prev_hash"},
	} {
		t.Run(name, func(t *testing.T) {
			call(test.change).wantError(t, http.StatusBadRequest, "invalid_argument", test.text)
		})
	}
	b.wantBalance(1, 301)
	a1 := call(nil)
	a1.wantField(t, "duplicate", false)
	if _, hash := a1.applied(t); hash != base64.StdEncoding.EncodeToString(s.Hash[:]) {
		t.Errorf("it is applied as %s, want %x", hash, s.Hash)
	}
	call(nil).wantField(t, "duplicate", true)
	call(none).wantField(t, "duplicate", true) // it proves nothing, and changes nothing
	b.wantBalance(1, 306)
	withdraw := b.post(1, peerServiceName+"PropagateWithdraw", `{"branch":3,"sequence":3,"amount":1}`)
	withdraw.wantError(t, http.StatusBadRequest, "invalid_argument", "it is not signed")
	b.awaitStatus(2, "the entry", func(s *bankv1.GetStatusResponse) bool { return s.GetApplied()[2].GetSequence() == 2 })
	if n := b.status(1).GetPeers()[1].GetRefusedMessages(); n < 9 {
		t.Errorf("%d messages of branch 3 are counted as refused", n)
	}
}

// Whoever asks a branch gets what proves an entry: that it is in a batch which its writer
// has signed, with the certificate.
func TestABatchThatProvesAnEntry(t *testing.T) {
	b, a := signedBank(t)
	b.mustDeposit(2, &bankv1.DepositRequest{Amount: 7, Account: "proven", RequestId: "r"})
	res, err := b.customers(3).GetBatch(b.ctx, &bankv1.GetBatchRequest{Branch: 2, Sequence: 1})
	if err != nil {
		t.Fatal(err)
	}
	o, err := signature.OutlineOf(res)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ledger.ParseBankID(res.GetBankId())
	if err != nil || res.GetBankName() != branch.DefaultBank || res.GetBankId() != b.status(1).GetBankId() {
		t.Errorf("bank %q with id %q, %v", res.GetBankName(), res.GetBankId(), err)
	}
	p, err := signature.NewProof(ledger.Bank{Name: res.GetBankName(), ID: id, Founded: true}, o, res.GetCertificates(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Check(a.CA); err != nil || got.Branch != 2 || got.Entry.GetDeposit().GetAmount() != 7 || got.Entry.GetRequestId() != "r" {
		t.Errorf("it proves %+v, %v", got, err)
	}
	for _, test := range []struct {
		req  *bankv1.GetBatchRequest
		want connect.Code
	}{
		{&bankv1.GetBatchRequest{Branch: 2, Sequence: 2}, connect.CodeOutOfRange},
		{&bankv1.GetBatchRequest{Branch: 2}, connect.CodeOutOfRange},
		{&bankv1.GetBatchRequest{Branch: 2, Sequence: 1<<64 - 1}, connect.CodeOutOfRange},
		{&bankv1.GetBatchRequest{Branch: 4, Sequence: 1}, connect.CodeInvalidArgument},
		{&bankv1.GetBatchRequest{Sequence: 1}, connect.CodeInvalidArgument},
	} {
		_, err := b.customers(3).GetBatch(b.ctx, test.req)
		wantCode(t, err, test.want)
	}
	unsigned := runBank(t, 1, 0)
	unsigned.deposit(1, 1)
	res, err = unsigned.customers(1).GetBatch(unsigned.ctx, &bankv1.GetBatchRequest{Branch: 1, Sequence: 1})
	if err != nil || len(res.GetBatch().GetSignature())+len(res.GetCertificates()) > 0 || len(res.GetBatch().GetBatch()) == 0 {
		t.Errorf("without signatures: %v, %v", res, err)
	}
}

// speak opens a link in the name of a branch, sends frames, and returns what the other
// side says to that: nil when the link still brings what is deposited afterwards. That is the
// second of two deposits: the first may be decided in the step that ends the link, and go out
// with that.
func (b *bank) speak(from, to uint32, frames ...*bankv1.Frame) error {
	b.t.Helper()
	stream, err := b.peers(to).Propagate(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		_ = stream.CloseRequest()
		_ = stream.CloseResponse()
	}()
	h := b.hello()
	status := b.status(to)
	id, err := hex.DecodeString(status.GetBankId())
	if err != nil {
		b.t.Fatal(err)
	}
	h.Branch, h.ToBranch, h.BankId, h.Founded = from, to, id, true
	for _, p := range status.GetApplied() {
		if p.GetSequence() > 0 {
			h.Applied = append(h.Applied, p)
		}
	}
	for _, f := range append([]*bankv1.Frame{{Hello: h}}, frames...) {
		if err := stream.Send(&bankv1.PropagateRequest{Frame: f}); err != nil {
			break
		}
	}
	if err := stream.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Ping: 77}}); err != nil {
		b.t.Log(err) // Receive says more
	}
	for deposit := uint64(0); ; {
		res, err := stream.Receive()
		switch {
		case err != nil:
			return err
		case res.GetFrame().GetPong() == 77: // the engine has what came before
			for range 2 {
				deposit = b.mustDeposit(to, &bankv1.DepositRequest{Amount: 1, Account: "pong", Acknowledge: local}).GetReceipt().GetSequence()
			}
		}
		for _, m := range res.GetFrame().GetBatches() {
			o, err := ledger.ReadOutline(m.GetBatch(), ledger.Hash(m.GetHash()))
			if err != nil {
				b.t.Fatal(err)
			}
			if deposit > 0 && uint32(o.Span.Branch) == to && o.Span.Last >= deposit {
				return nil
			}
		}
	}
}

// batchesFrame is a frame with batches.
func batchesFrame(all ...*ledger.Sealed) *bankv1.Frame {
	f := &bankv1.Frame{}
	for _, s := range all {
		sealed := &bankv1.SealedBatch{Batch: s.Bytes, Hash: s.Hash[:]}
		if s.Signature != nil {
			sealed.Signature, sealed.Certificate = s.Signature.Value[:], s.Signature.Certificate[:]
		}
		f.Batches = append(f.Batches, sealed)
	}
	return f
}

// wantRefused checks that a link was ended with a reason.
func wantRefused(t testing.TB, err error, text string) {
	t.Helper()
	if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), text) {
		t.Errorf("the link ends with %v, want invalid_argument that says %q", err, text)
	}
}
