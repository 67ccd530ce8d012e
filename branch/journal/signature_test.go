package journal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// signed makes a batch a signed one, as far as a journal can tell.
func signed(b ledger.StoredBatch, certificate byte) ledger.StoredBatch {
	b.Signature = &ledger.Signature{Certificate: ledger.Fingerprint{certificate}}
	for i := range b.Signature.Value {
		b.Signature.Value[i] = b.Hash[i%len(b.Hash)] ^ certificate
	}
	return b
}

// A journal that has some batches without signatures gets others with them, and gives all
// back as they were, also what was not synced and after it was opened again.
func TestSignaturesAreKept(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	b.write(1, deposit("shared", 1), withID("r", deposit("shared", 2)))
	b.close()

	b = open(t, fs) // as one that was written before there were signatures
	first := signed(b.post(1, deposit("shared", 3), deposit("a", 3)), 7)
	theirs := b.post(2, deposit("shared", 4))
	second := signed(b.post(1, withID("s", transfer("a", "shared", 1))), 9)
	c := b.gather(first, theirs, second)
	c.Sync = false
	c.Certificates = []ledger.Certificate{{Fingerprint: ledger.Fingerprint{7}, Chain: []byte("seven")}, {Fingerprint: ledger.Fingerprint{9}, Chain: []byte("nine")}}
	b.commit(c)
	want := []*ledger.Outline{&first.Outline, &second.Outline}
	check := func(when string) {
		t.Helper()
		all, err := b.Batches(1, 0, 1<<20)
		if err != nil || len(all) != 3 || all[0].Signature != nil {
			t.Fatalf("%s: %v, %v", when, all, err)
		}
		if diff := cmp.Diff(want, all[1:]); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		if others, err := b.Batches(2, 0, 1<<20); err != nil || others[0].Signature != nil {
			t.Errorf("%s: branch 2 has signed %v, %v", when, others[0], err)
		}
		for f, chain := range map[ledger.Fingerprint]string{{7}: "seven", {9}: "nine", {8}: ""} {
			if got, err := b.Certificate(f); string(got) != chain || err != nil {
				t.Errorf("%s: certificate %v is %q, %v, want %q", when, f, got, err, chain)
			}
		}
		rec, ok, err := b.Request("s")
		if err != nil || !ok || rec.At.Sequence != 5 || rec.Balance != 2 {
			t.Errorf("%s: request id s is %+v, %t, %v", when, rec, ok, err)
		}
	}
	check("at once")
	b.close()
	b = open(t, fs)
	check("after a restart")
	b.write(1, deposit("shared", 5)) // and it goes on without
	b.close()
	v, err := journal.Verify(dir, fs, func(f journal.Finding) { t.Error(f) })
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.Batches != 5 {
		t.Errorf("%d batches were verified, want 5", v.Batches)
	}
}

// The value of a batch that is cut short, or has a bit changed, is never taken for
// another signed batch.
func TestSignedBatchesAreChecked(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	s := signed(b.post(1, deposit("shared", 3)), 7)
	b.commit(b.gather(s))
	b.close()
	key := journal.BatchKey(1, 1)
	value := read(t, fs, key)
	if again, err := journal.DecodeValue(key, value); err != nil || !slices.Equal(again, value) {
		t.Fatalf("%x is encoded as %x, %v", value, again, err)
	}
	for n := range len(value) {
		if _, err := journal.DecodeValue(key, value[:n]); err == nil {
			t.Errorf("the first %d of %d bytes pass for a batch", n, len(value))
		}
	}
	put(t, fs, string(journal.CertificateKey(ledger.Fingerprint{1})[:9]), []byte("\x01chain"))
	put(t, fs, string(journal.CertificateKey(ledger.Fingerprint{2})), []byte("chain"))
	var found []string
	v, err := journal.Verify(dir, fs, func(f journal.Finding) { found = append(found, f.String()) })
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if len(found) != 2 || !strings.Contains(found[0], "certificate 01") || !strings.Contains(found[1], "certificate 02") {
		t.Errorf("found %q", found)
	}
}

// A signature that comes after its batch is kept like one that came with it. If the branch
// crashes before it is written, the batch is found at the next opening.
func TestASignatureThatComesLater(t *testing.T) {
	fs := vfs.NewCrashableMem()
	b := open(t, fs)
	unsigned := b.post(1, deposit("shared", 1)) // from before there were signatures
	b.commit(b.gather(unsigned))
	if tail, err := b.UnsignedTail(1); err != nil || len(tail) != 0 {
		t.Errorf("in a journal that nobody signs, %v, %v", tail, err)
	}
	b.commit(b.gather(signed(b.post(1, deposit("shared", 2)), 7)))
	later := b.post(1, withID("r", deposit("shared", 3)))
	b.commit(b.gather(later))
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})

	made := signed(later, 9)
	if err := b.Sign(&made.Outline); err != nil {
		t.Fatal(err)
	}
	check := func(when string, b *branch) {
		t.Helper()
		all, err := b.Batches(1, 2, 1<<20)
		if err != nil || len(all) != 1 || *all[0].Signature != *made.Signature {
			t.Errorf("%s: %v, %v", when, all, err)
		}
		if tail, err := b.UnsignedTail(1); err != nil || len(tail) != 0 {
			t.Errorf("%s: %v are without a signature, %v", when, tail, err)
		}
	}
	check("at once", b)
	b.write(2, deposit("shared", 4))
	check("after another commit", open(t, fs.CrashClone(vfs.CrashCloneCfg{})))
	b.close()
	verifyClean(t, fs)

	b = open(t, crashed)
	tail, err := b.UnsignedTail(1)
	if err != nil || len(tail) != 1 || tail[0].Hash != later.Hash {
		t.Fatalf("after a crash, %v are without a signature, %v, want the last batch", tail, err)
	}
	tail[0].Signature = made.Signature
	if err := b.Sign(tail[0]); err != nil {
		t.Fatal(err)
	}
	check("after a crash", b)
	b.close()
	verifyClean(t, crashed)
}
