package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// drawBatch makes up a batch that is well formed, with values of all sizes.
func drawBatch(t *rapid.T) *ledger.Batch {
	name := rapid.StringMatching(`[a-zé€😀 ]{1,20}`)
	b := &ledger.Batch{
		Branch:        ledger.BranchID(rapid.Uint32Min(1).Draw(t, "branch")),
		Epoch:         rapid.Uint64Max(ledger.MaxEpoch).Draw(t, "epoch"),
		FirstSequence: rapid.Uint64Range(1, ledger.MaxSequence).Draw(t, "first"),
	}
	clock := rapid.Uint64Range(1, 1<<61).Draw(t, "clock")
	for i := range rapid.IntRange(1, 5).Draw(t, "entries") {
		clock += rapid.Uint64Range(1, 1<<40).Draw(t, "step")
		e := ledger.Entry{
			Sequence:   b.FirstSequence + uint64(i),
			Clock:      clock,
			RecordedAt: rapid.Int64().Draw(t, "recorded at"),
			CustomerID: rapid.Int64().Draw(t, "customer id"),
			Customer:   rapid.OneOf(rapid.Just(""), name).Draw(t, "customer"),
			RequestID:  rapid.OneOf(rapid.Just(""), name).Draw(t, "request"),
			Kind:       ledger.Kind(rapid.IntRange(1, 5).Draw(t, "kind")),
			Account:    name.Draw(t, "account"),
			Amount:     ledger.Amount(rapid.Int64Min(1).Draw(t, "amount")),
		}
		switch e.Kind {
		case ledger.Transfer:
			e.ToAccount = e.Account + "2"
		case ledger.Grant:
			e.ToBranch = ledger.BranchID(rapid.Uint32Min(1).Draw(t, "to branch"))
		case ledger.Bulk:
			e.Account, e.Amount, e.Operations = "", 0, drawOperations(t)
		}
		b.Entries = append(b.Entries, e)
	}
	others := rapid.Uint32Min(1).Filter(func(id uint32) bool { return id != uint32(b.Branch) })
	for _, id := range slices.Sorted(slices.Values(rapid.SliceOfNDistinct(others, 0, 3, rapid.ID).Draw(t, "after branches"))) {
		b.After = append(b.After, ledger.Position{Branch: ledger.BranchID(id), Sequence: rapid.Uint64Range(1, ledger.MaxSequence).Draw(t, "after sequence")})
	}
	copy(b.PrevHash[:], rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "hash"))
	return b
}

// toMessage is the batch as the generated code has it.
func toMessage(b *ledger.Batch) *bankv1.Batch {
	m := &bankv1.Batch{Branch: uint32(b.Branch), Epoch: b.Epoch, FirstSequence: b.FirstSequence}
	for _, e := range b.Entries {
		entry := &bankv1.Entry{Sequence: e.Sequence, Clock: e.Clock, RecordedAtUnixMs: e.RecordedAt, Customer: e.Customer, CustomerId: e.CustomerID, RequestId: e.RequestID}
		amount := int64(e.Amount)
		switch e.Kind {
		case ledger.Deposit:
			entry.Fact = &bankv1.Entry_Deposit{Deposit: &bankv1.Deposit{Account: e.Account, Amount: amount}}
		case ledger.Withdrawal:
			entry.Fact = &bankv1.Entry_Withdrawal{Withdrawal: &bankv1.Withdrawal{Account: e.Account, Amount: amount}}
		case ledger.Transfer:
			entry.Fact = &bankv1.Entry_Transfer{Transfer: &bankv1.Transfer{FromAccount: e.Account, ToAccount: e.ToAccount, Amount: amount}}
		case ledger.Grant:
			entry.Fact = &bankv1.Entry_Grant{Grant: &bankv1.Grant{Account: e.Account, ToBranch: uint32(e.ToBranch), Amount: amount}}
		case ledger.Bulk:
			entry.Fact = &bankv1.Entry_Bulk{Bulk: bulkMessage(e.Operations)}
		}
		m.Entries = append(m.Entries, entry)
	}
	for _, p := range b.After {
		m.After = append(m.After, &bankv1.Position{Branch: uint32(p.Branch), Sequence: p.Sequence})
	}
	if b.PrevHash != (ledger.Hash{}) {
		m.PrevHash = b.PrevHash[:]
	}
	return m
}

// bulkMessage leaves out a column of zeros, as the journal does.
func bulkMessage(o *ledger.Operations) *bankv1.Bulk {
	m := &bankv1.Bulk{Accounts: o.Accounts, AllOrNone: o.AllOrNone, Insufficient: o.Insufficient, Unavailable: o.Unavailable}
	for i, amount := range o.Amounts {
		m.Amounts = append(m.Amounts, int64(amount))
		if o.From[i] != 0 {
			m.From = o.From
		}
		if o.To[i] != 0 {
			m.To = o.To
		}
	}
	return m
}

// The bytes of a batch are those of the generated message, and give back the
// batch. The generated code puts a customer before the fact, and canonical bytes have
// fields in the order of their numbers.
func TestBatchBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch(t)
		s := ledger.NewSealed(b)
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(toMessage(b))
		if err != nil {
			t.Fatal(err)
		}
		named := slices.ContainsFunc(b.Entries, func(e ledger.Entry) bool { return e.Customer != "" })
		if len(s.Bytes) != len(want) || !named && !bytes.Equal(s.Bytes, want) {
			t.Fatalf("encoded to %x, the generated code to %x", s.Bytes, want)
		}
		var m bankv1.Batch
		if err := proto.Unmarshal(s.Bytes, &m); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(toMessage(b), &m, protocmp.Transform()); diff != "" {
			t.Fatal(diff)
		}
		opened, err := ledger.OpenSealed(s.Bytes, s.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, opened); diff != "" {
			t.Fatal(diff)
		}
		outline, err := ledger.ReadOutline(s.Bytes, s.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&opened.Outline, outline); diff != "" {
			t.Fatal(diff)
		}
	})
}

func sampleBatch() *ledger.Batch {
	b := &ledger.Batch{
		Branch: 3, Epoch: 2, FirstSequence: 7,
		Entries: []ledger.Entry{deposit(7, "a", 300), withdrawal(8, "a", 1), transfer(9, "a", "b", 2), grant(10, "a", 4, 5), bulk(11, "+a:5 -b:300 a>b:2 -a:9")},
		After:   []ledger.Position{{Branch: 1, Sequence: 200}, {Branch: 2, Sequence: 1}},
	}
	b.Entries[0].RequestID, b.Entries[0].CustomerID, b.Entries[0].RecordedAt = "r", -1, 1700000000000
	b.Entries[4].Operations.Insufficient, b.Entries[4].Operations.Unavailable = []uint32{3}, []uint32{0}
	b.PrevHash[0] = 1
	return b
}

// The bytes of sampleBatch, as they were before entries had customers. Journals are full
// of such bytes.
const bytesWithoutCustomers = "0803100218072221080710111880d095ffbc3120ffffffffffffffffff012a017232060a016110ac02220b080810123a050a01611001220e0809" +
	"101342080a01611201621802220d080a10144a070a0161100418052225080b100b521f0a01610a01621204000201011a0401000200220505ac0202093201033a01002a05" +
	"080110c8012a040802100132200100000000000000000000000000000000000000000000000000000000000000"

// An entry without a customer has the bytes that it always had, so its hash stays true;
// and one with a customer has other bytes.
func TestBytesOfEntriesWithoutCustomers(t *testing.T) {
	old, err := hex.DecodeString(bytesWithoutCustomers)
	if err != nil {
		t.Fatal(err)
	}
	b := sampleBatch()
	if got := ledger.NewSealed(b); !bytes.Equal(got.Bytes, old) {
		t.Errorf("got %x, want %x", got.Bytes, old)
	}
	b.Entries[4].Clock, b.Entries[3].Customer = 100, "ann"
	named := ledger.NewSealed(b)
	s, err := ledger.OpenSealed(named.Bytes, named.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Batch.Entries[3].Customer; got != "ann" {
		t.Errorf("got customer %q", got)
	}
}

// open hashes bytes and opens them, as an attacker could.
func open(b []byte) (*ledger.Sealed, error) { return ledger.OpenSealed(b, sha256.Sum256(b)) }

// A batch that was cut short anywhere is refused by the hash; and under a hash
// of its own it is refused, or another batch with these bytes only.
func TestBatchCutShort(t *testing.T) {
	s := ledger.NewSealed(sampleBatch())
	for n := range s.Bytes {
		if cut, err := open(s.Bytes[:n]); err == nil && !bytes.Equal(ledger.NewSealed(cut.Batch).Bytes, s.Bytes[:n]) {
			t.Errorf("%d bytes are not the only ones of their batch", n)
		}
		if _, err := ledger.OpenSealed(s.Bytes[:n], s.Hash); !errors.Is(err, ledger.ErrBatchHash) {
			t.Errorf("%d bytes under the whole batch's hash: %v", n, err)
		}
	}
}

// One flipped bit is refused by the hash; and under a hash of its own it is
// refused, or another batch with these bytes only.
func TestBatchFlippedBit(t *testing.T) {
	s := ledger.NewSealed(sampleBatch())
	for n := range 8 * len(s.Bytes) {
		flipped := bytes.Clone(s.Bytes)
		flipped[n/8] ^= 1 << (n % 8)
		if _, err := ledger.OpenSealed(flipped, s.Hash); !errors.Is(err, ledger.ErrBatchHash) {
			t.Errorf("bit %d: %v", n, err)
		}
		if other, err := open(flipped); err == nil && !bytes.Equal(ledger.NewSealed(other.Batch).Bytes, flipped) {
			t.Errorf("bit %d makes bytes that are not the only ones of their batch: %+v", n, other.Batch)
		}
	}
}

// Only the canonical form is a batch: protobuf would take all of these.
func TestBatchNotCanonical(t *testing.T) {
	fact := protowire.AppendVarint(protowire.AppendTag(protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "a"), 2, protowire.VarintType), 5)
	entry := func(more ...byte) []byte {
		e := append([]byte{1 << 3, 1, 2 << 3, 1}, protowire.AppendBytes(protowire.AppendTag(nil, 6, protowire.BytesType), fact)...)
		return append(e, more...)
	}
	batch := func(entry []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag([]byte{1 << 3, 9, 3 << 3, 1}, 4, protowire.BytesType), entry)
	}
	if _, err := open(batch(entry())); err != nil {
		t.Fatal(err)
	}
	second := protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), fact)
	for name, in := range map[string][]byte{
		"nothing":                    {},
		"an unknown field":           append(batch(entry()), 7<<3, 1),
		"an unknown field, in entry": batch(entry(10<<3, 1)),
		"a default":                  append([]byte{1 << 3, 9, 2 << 3, 0, 3 << 3, 1}, batch(entry())[4:]...),
		"a field twice":              append([]byte{1 << 3, 9, 1 << 3, 9, 3 << 3, 1}, batch(entry())[4:]...),
		"fields out of order":        append([]byte{3 << 3, 1, 1 << 3, 9}, batch(entry())[4:]...),
		"a number in two bytes":      append([]byte{1 << 3, 0x89, 0, 3 << 3, 1}, batch(entry())[4:]...),
		"a tag in two bytes":         append([]byte{1<<3 | 0x80, 0, 9, 3 << 3, 1}, batch(entry())[4:]...),
		"bytes for a number":         append([]byte{1<<3 | 2, 1, 9, 3 << 3, 1}, batch(entry())[4:]...),
		"a number for bytes":         append(batch(entry()), 6<<3, 1),
		"a fixed number":             append([]byte{1<<3 | 5, 9, 0, 0, 0, 3 << 3, 1}, batch(entry())[4:]...),
		"a group":                    append(batch(entry()), 7<<3|3, 7<<3|4),
		"two facts":                  batch(entry(second...)),
		"a customer of no name":      batch(entry(11<<3|2, 0)),
		"two customers":              batch(entry(11<<3|2, 1, 'a', 11<<3|2, 1, 'b')),
		"a customer not in UTF-8":    batch(entry(11<<3|2, 1, 0xff)),
		"a long name of a customer":  batch(entry(append([]byte{11<<3 | 2, 129, 1}, bytes.Repeat([]byte{'a'}, 129)...)...)),
		"a customer before the fact": bytes.Replace(batch(entry()), []byte{6<<3 | 2}, []byte{11<<3 | 2}, 1),
		"a short hash":               append(batch(entry()), 6<<3|2, 1, 1),
		"a hash of zeros":            append(append(batch(entry()), 6<<3|2, 32), make([]byte, 32)...),
		"a branch of 33 bits":        append([]byte{1 << 3, 0x80, 0x80, 0x80, 0x80, 0x10, 3 << 3, 1}, batch(entry())[4:]...),
		"text that is not UTF-8":     bytes.Replace(batch(entry()), []byte("a"), []byte{0xff}, 1),
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := open(in); !errors.Is(err, ledger.ErrBatchFormat) {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
}

// Of a bulk too, only the canonical form is taken.
func TestBulkNotCanonical(t *testing.T) {
	field := func(number protowire.Number, bytes ...byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), bytes)
	}
	a, b := field(1, 'a'), field(1, 'b')
	in := func(fields ...[]byte) []byte {
		fact := bytes.Join(fields, nil)
		e := append([]byte{1 << 3, 1, 2 << 3, 1}, protowire.AppendBytes(protowire.AppendTag(nil, 10, protowire.BytesType), fact)...)
		return protowire.AppendBytes(protowire.AppendTag([]byte{1 << 3, 9, 3 << 3, 1}, 4, protowire.BytesType), e)
	}
	from, to, amounts := field(2, 0, 1), field(3, 1, 2), field(4, 5, 3)
	if s, err := open(in(a, b, from, to, amounts, field(6, 1))); err != nil || s.Batch.Entries[0].Operations.Len() != 2 {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{
		"nothing":                           in(),
		"no amounts":                        in(a, b, from, to),
		"a column of zeros":                 in(a, b, field(2, 0, 0), to, amounts),
		"an empty column":                   in(a, b, from, to, amounts, field(6)),
		"a number in two bytes":             in(a, b, field(2, 0, 0x81, 0), to, amounts),
		"a number that does not end":        in(a, b, field(2, 0, 0x81), to, amounts),
		"a place of 33 bits":                in(a, b, field(2, 0, 0x80, 0x80, 0x80, 0x80, 0x10), to, amounts),
		"an amount of 64 bits":              in(a, b, from, to, field(4, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1)),
		"an amount of 65 bits":              in(a, b, from, to, field(4, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2)),
		"a column twice":                    in(a, b, from, to, to, amounts),
		"columns out of order":              in(a, b, to, from, amounts),
		"a column that is not packed":       in(a, b, from, to, []byte{4 << 3, 5, 4 << 3, 3}),
		"columns of two lengths":            in(a, b, field(2, 0, 1, 1), to, amounts),
		"accounts out of order":             in(b, a, from, to, amounts),
		"an account twice":                  in(a, a, from, to, amounts),
		"an account without a name":         in(field(1), a, from, to, amounts),
		"an account that is not there":      in(a, from, to, amounts),
		"false":                             in(a, b, from, to, amounts, []byte{5 << 3, 0}),
		"more than true":                    in(a, b, from, to, amounts, []byte{5 << 3, 2}),
		"refused, and all or none":          in(a, b, from, to, amounts, []byte{5 << 3, 1}, field(6, 1)),
		"refused and not there":             in(a, b, from, to, amounts, field(6, 2)),
		"a deposit refused as insufficient": in(a, b, from, to, amounts, field(6, 0)),
		"all refused":                       in(a, b, from, to, amounts, field(6, 1), field(7, 0)),
		"an unknown field":                  in(a, b, from, to, amounts, []byte{8 << 3, 1}),
		"too many operations":               in(a, field(3, bytes.Repeat([]byte{1}, 8193)...), field(4, bytes.Repeat([]byte{1}, 8193)...)),
		"too many accounts":                 in(bytes.Repeat(a, 2*8192+1), field(3, 1), field(4, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := open(in); !errors.Is(err, ledger.ErrBatchFormat) {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
}

// An entry takes no more than it says, with names and numbers of any length.
func TestEntriesTakeNoMoreThanTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch(t)
		b.Entries = b.Entries[:1]
		b.After = nil
		bare := *b
		bare.Entries = nil
		if got, most := len(ledger.NewSealed(b).Bytes)-len(ledger.NewSealed(&bare).Bytes), b.Entries[0].MaxBytes(); got > most {
			t.Fatalf("%+v takes %d bytes and says %d", b.Entries[0], got, most)
		}
	})
}

// What is decoded lasts, whatever becomes of the bytes: those of a batch on disk
// are the store's.
func TestBatchesLastLongerThanTheirBytes(t *testing.T) {
	want := sampleBatch()
	want.Entries[4].Clock = 100
	s, err := open(ledger.NewSealed(want).Bytes)
	if err != nil {
		t.Fatal(err)
	}
	clear(s.Bytes)
	if diff := cmp.Diff(want, s.Batch); diff != "" {
		t.Error(diff)
	}
}

// Columns that share memory do not grow into each other.
func TestColumnsAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &ledger.Batch{Branch: 1, FirstSequence: 1}
		for i := range rapid.IntRange(1, 200).Draw(t, "entries") {
			text := strings.Repeat("+a:1 b>c:2 -d:3 ", rapid.IntRange(1, 3).Draw(t, "operations"))
			b.Entries = append(b.Entries, bulk(uint64(i+1), strings.TrimSpace(text)))
		}
		s, err := open(ledger.NewSealed(b).Bytes)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range s.Batch.Entries {
			o := e.Operations
			_, _ = append(o.Accounts, "?"), append(o.Amounts, -1)
			_, _, _, _ = append(o.From, 77), append(o.To, 77), append(o.Insufficient, 77), append(o.Unavailable, 77)
		}
		if diff := cmp.Diff(b, s.Batch); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Whatever bytes come in, they are refused or they are the only form of the
// batch that comes out.
func FuzzOpenSealed(f *testing.F) {
	s := ledger.NewSealed(sampleBatch())
	f.Add(s.Bytes)
	f.Add(s.Bytes[:len(s.Bytes)/2])
	named := sampleBatch()
	named.Entries[4].Clock = 100
	for i := range named.Entries {
		named.Entries[i].Customer = "ann"
	}
	f.Add(ledger.NewSealed(named).Bytes)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := open(in)
		if err != nil {
			return
		}
		if again := ledger.NewSealed(s.Batch); !bytes.Equal(again.Bytes, in) || again.Hash != s.Hash {
			t.Errorf("%x is a batch that is encoded to %x", in, again.Bytes)
		}
		var m bankv1.Batch
		if err := proto.Unmarshal(in, &m); err != nil {
			t.Errorf("the generated code refuses %x: %v", in, err)
		}
		if diff := cmp.Diff(toMessage(s.Batch).String(), m.String()); diff != "" {
			t.Error(diff)
		}
		outline, err := ledger.ReadOutline(in, s.Hash)
		if err != nil || outline.Span != s.Span {
			t.Errorf("the outline of %x: %+v, %v, want %+v", in, outline, err, s.Span)
		}
	})
}
