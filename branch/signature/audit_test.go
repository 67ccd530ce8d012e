package signature_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/signature"
	"passbook.example/passbook/branch/signature/signaturetest"
)

// An audit counts who has signed what, from where, and finds what does not count: against
// a CA, or by what is on the disk alone.
func TestAnAudit(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	writer := newSigner(t, signature.New(a, signature.Options{}), 2, bank)
	another := newSigner(t, signature.New(a, signature.Options{}), 3, bank)
	var journal []*ledger.Sealed
	journal = append(journal, batch(2, 1)) // before there were certificates
	journal = append(journal, writer.write(2), writer.write(3))
	first := writer.Current()
	a.Renew(2)
	journal = append(journal, writer.write(4), batch(2, 5), batch(2, 6), writer.write(7))
	wrong := changed(writer.write(8), func(s *ledger.Signature) { s.Value[5] ^= 1 })
	unknown := changed(wrong, func(s *ledger.Signature) { s.Certificate = ledger.Fingerprint{1} })
	theirs := batch(2, 9)
	another.commit(ledger.StoredBatch{Sealed: theirs, Made: true})
	maps.Copy(writer.store.certificates, another.store.certificates)
	for name, c := range map[string]signature.Certifier{"by the CA": a.CA, "by what is there": nil} {
		t.Run(name, func(t *testing.T) {
			audit := signature.NewAudit(bank, c, writer.store.Certificate)
			for _, s := range journal {
				if f, err := audit.Batch(&s.Outline); err != nil || (f == nil) != (s.Signature == nil) {
					t.Errorf("entry %d: %v, %v", s.Span.First, f, err)
				}
			}
			for s, why := range map[*ledger.Sealed]string{wrong: "wrong", unknown: "is not there", theirs: "of branch 3"} {
				if f, err := audit.Batch(&s.Outline); f == nil || err == nil || !strings.Contains(err.Error(), why) {
					t.Errorf("entry %d: %v, %v, want an error that says %q", s.Span.First, f, err, why)
				}
			}
			all := audit.Journals()
			if len(all) != 1 {
				t.Fatalf("%d journals", len(all))
			}
			j := all[0]
			if j.Branch != 2 || j.Batches != 10 || j.Signed != 4 || j.Wrong != 3 || j.From != 2 || j.Unsigned != 2 || j.UnsignedAt != 5 {
				t.Errorf("found %+v", j)
			}
			if c := j.Certificates; len(c) != 2 || c[0].Fingerprint != first || c[0].Batches != 2 || c[0].First != 2 || c[0].Last != 3 || c[1].First != 4 || c[1].Last != 7 || c[1].Until.IsZero() {
				t.Errorf("certificates %+v", c)
			}
		})
	}
	audit := signature.NewAudit(bank, signaturetest.New(t, bank.Name).CA, writer.store.Certificate)
	if _, err := audit.Batch(&journal[1].Outline); err == nil || !strings.Contains(err.Error(), "authority") {
		t.Errorf("by another CA: %v", err)
	}
	audit = signature.NewAudit(other, nil, writer.store.Certificate)
	if _, err := audit.Batch(&journal[1].Outline); err == nil {
		t.Error("it counts for another bank")
	}
}

// proven returns a proof of the second entry of a batch, as JSON has it.
func proven(t *testing.T) (*signaturetest.Authority, map[string]any) {
	t.Helper()
	a := signaturetest.New(t, bank.Name)
	writer := newSigner(t, signature.New(a, signature.Options{}), 2, bank)
	s := ledger.NewSealed(&ledger.Batch{Branch: 2, FirstSequence: 7, Entries: []ledger.Entry{
		{Sequence: 7, Clock: 7, Kind: ledger.Deposit, Account: "shared", Amount: 1},
		{Sequence: 8, Clock: 8, Kind: ledger.Transfer, Account: "shared", ToAccount: "b", Amount: 2, RequestID: "r"},
	}})
	if _, err := signature.NewProof(bank, &s.Outline, nil, 8); !errors.Is(err, signature.ErrUnsigned) {
		t.Errorf("what nobody has signed is proven: %v", err)
	}
	writer.commit(ledger.StoredBatch{Sealed: s, Made: true})
	chain := writer.Chain(writer.Current())
	if _, err := signature.NewProof(bank, &s.Outline, chain, 9); err == nil {
		t.Error("an entry that there is not is proven")
	}
	p, err := signature.NewProof(bank, &s.Outline, chain, 8)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	read, err := signature.ReadProof(data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := read.Check(a.CA)
	if err != nil {
		t.Fatal(err)
	}
	if want := api.EntryToProto(&s.Batch.Entries[1]); got.Bank != bank || got.Branch != 2 || !proto.Equal(got.Entry, want) || got.Hash != s.Hash || got.By.Fingerprint != writer.Current() {
		t.Errorf("it proves %+v", got)
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return a, out
}

// Whatever of a proof is changed, it proves nothing any more, and says what is wrong.
func TestAProofThatWasChanged(t *testing.T) {
	a, _ := proven(t)
	stranger, theirs := proven(t)
	for name, test := range map[string]struct {
		change func(p map[string]any)
		why    string
	}{
		"format":             {func(p map[string]any) { p["format"] = "passbook entry 2" }, "passbook entry 2"},
		"an unknown field":   {func(p map[string]any) { p["more"] = 1 }, "more"},
		"bank":               {func(p map[string]any) { p["bank"] = "other" }, "not for bank"},
		"bank id":            {func(p map[string]any) { p["bankId"] = other.ID.String() }, "signature is wrong"},
		"no bank id":         {func(p map[string]any) { p["bankId"] = "x" }, "bankId"},
		"branch":             {func(p map[string]any) { p["branch"] = 3 }, "branch"},
		"sequence":           {func(p map[string]any) { p["sequence"] = 9 }, "sequence"},
		"the other sequence": {func(p map[string]any) { p["sequence"] = 7 }, "entry: it is not the one"},
		"entry":              {func(p map[string]any) { p["entry"].(map[string]any)["clock"] = "9" }, "entry: it is not the one"},
		"no entry":           {func(p map[string]any) { p["entry"] = "x" }, "entry"},
		"batch":              {func(p map[string]any) { p["batch"] = theirs["signature"] }, "batch"},
		"hash":               {func(p map[string]any) { p["hash"] = strings.Repeat("0", 64) }, "batch: the hash"},
		"no hash":            {func(p map[string]any) { p["hash"] = "00" }, "hash"},
		"what is signed":     {func(p map[string]any) { p["signed"] = p["batch"] }, "signed"},
		"signature":          {func(p map[string]any) { p["signature"] = theirs["signature"] }, "signature is wrong"},
		"no signature":       {func(p map[string]any) { p["signature"] = "AAAA" }, "no ECDSA signature"},
		"certificate":        {func(p map[string]any) { p["certificates"] = theirs["certificates"] }, "authority"},
		"no certificate":     {func(p map[string]any) { p["certificates"] = []string{} }, "there is none"},
		"no PEM":             {func(p map[string]any) { p["certificates"] = []string{"x"} }, "number 1 is no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			a, p := proven(t)
			test.change(p)
			data, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			read, err := signature.ReadProof(data)
			if err == nil {
				_, err = read.Check(a.CA)
			}
			if err == nil || !strings.Contains(err.Error(), test.why) {
				t.Errorf("it proves something: %v, want an error that says %q", err, test.why)
			}
		})
	}
	data, err := json.Marshal(theirs)
	if err != nil {
		t.Fatal(err)
	}
	read, err := signature.ReadProof(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Check(a.CA); err == nil {
		t.Error("it proves something to those who believe another CA")
	}
	if _, err := read.Check(stranger.CA); err != nil {
		t.Error(err)
	}
	if _, err := signature.ReadProof(append(data, data...)); err == nil {
		t.Error("two proofs are one")
	}
	if _, err := signature.ReadProof(bytes.Repeat([]byte{' '}, signature.MaxProofBytes+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("too long: %v", err)
	}
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// What a CA's file may have.
func TestACAFile(t *testing.T) {
	a := signaturetest.New(t, bank.Name)
	b := signaturetest.New(t, bank.Name)
	leaf := a.Renew(2)
	both, err := signature.NewCA(bank.Name, append(append([]byte("made by hand\n"), b.PEM...), a.PEM...))
	if err != nil {
		t.Fatal(err)
	}
	if branch, _, err := both.SignerOf(leaf.Certificate); branch != 2 || err != nil {
		t.Errorf("one of two CAs: branch %d, %v", branch, err)
	}
	if _, _, err := both.SignerOf(nil); err == nil {
		t.Error("nothing is vouched for")
	}
	for name, text := range map[string]string{
		"":          "no certificate in PEM",
		"text":      "no certificate in PEM",
		"a key":     `a "PRIVATE KEY"`,
		"no CA":     "not one of a CA",
		"half of":   "no certificate in PEM",
		"malformed": "x509",
	} {
		data := []byte(name)
		switch name {
		case "a key":
			data = bytes.ReplaceAll(a.PEM, []byte("CERTIFICATE"), []byte("PRIVATE KEY"))
		case "no CA":
			data = pemOf(leaf.Certificate[0])
		case "half of":
			data = a.PEM[:len(a.PEM)/2]
		case "malformed":
			data = pemOf([]byte("x"))
		}
		if _, err := signature.NewCA(bank.Name, data); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want an error that says %q", name, err, text)
		}
	}
}

// Whatever a file says, it is read without a panic, and proves only what was signed.
func FuzzProof(f *testing.F) {
	a := signaturetest.New(f, bank.Name)
	writer := newSigner(f, signature.New(a, signature.Options{}), 2, bank)
	s := writer.write(1)
	p, err := signature.NewProof(bank, &s.Outline, writer.Chain(writer.Current()), 1)
	if err != nil {
		f.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte(`{"format":"passbook entry 1","hash":"00","signature":"MAYCAQACAQA=","certificates":[""],"batch":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := signature.ReadProof(data)
		if err != nil {
			return
		}
		if got, err := p.Check(a.CA); err == nil && (got.Hash != s.Hash || got.Bank != bank || got.Branch != 2) {
			t.Errorf("%s proves %+v", data, got)
		}
	})
}
