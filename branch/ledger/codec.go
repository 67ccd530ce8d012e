package ledger

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// The bytes of a batch are the protobuf message bank.v1.Batch in canonical
// form: fields in order of their numbers, defaults left out, no unknown field.
// They are encoded by hand because they are hashed, and the protobuf library does
// not promise to encode a message the same way twice, and because this is the
// hottest code of a branch. A test compares them with the generated messages.

// Field numbers of bank.v1.Batch.
const (
	batchBranch        = 1
	batchEpoch         = 2
	batchFirstSequence = 3
	batchEntries       = 4
	batchAfter         = 5
	batchPrevHash      = 6
)

// Field numbers of bank.v1.Entry.
const (
	entrySequence   = 1
	entryClock      = 2
	entryRecordedAt = 3
	entryCustomerID = 4
	entryRequestID  = 5
	entryDeposit    = 6 // Withdrawal, Transfer and Grant follow, as the Kinds do
	entryGrant      = 9
	entryBulk       = 10
	entryCustomer   = 11
)

// Field numbers of the facts and of bank.v1.Position. The amount of a deposit or a
// withdrawal is field 2, the amount of the others field 3.
const (
	factAccount      = 1
	factSecond       = 2 // amount, to_account or to_branch, by the kind
	factThird        = 3 // amount of transfers and grants
	bulkAccounts     = 1
	bulkFrom         = 2
	bulkTo           = 3
	bulkAmounts      = 4
	bulkAllOrNone    = 5
	bulkInsufficient = 6
	bulkUnavailable  = 7
	positionBranch   = 1
	positionSequence = 2
)

func encodeBatch(b *Batch) []byte {
	out := make([]byte, 0, 64+64*len(b.Entries)+12*len(b.After))
	out = appendUint(out, batchBranch, uint64(b.Branch))
	out = appendUint(out, batchEpoch, b.Epoch)
	out = appendUint(out, batchFirstSequence, b.FirstSequence)
	var room [2][640]byte // for an entry with the longest names; a bulk needs more
	scratch, fact := room[0][:0], room[1][:0]
	for i := range b.Entries {
		fact = appendFact(fact[:0], &b.Entries[i])
		scratch = appendEntry(scratch[:0], &b.Entries[i], fact)
		out = appendBytes(out, batchEntries, scratch)
	}
	for _, p := range b.After {
		scratch = appendUint(scratch[:0], positionBranch, uint64(p.Branch))
		scratch = appendUint(scratch, positionSequence, p.Sequence)
		out = appendBytes(out, batchAfter, scratch)
	}
	if b.PrevHash != (Hash{}) {
		out = appendBytes(out, batchPrevHash, b.PrevHash[:])
	}
	return out
}

func appendEntry(out []byte, e *Entry, fact []byte) []byte {
	out = appendUint(out, entrySequence, e.Sequence)
	out = appendUint(out, entryClock, e.Clock)
	out = appendUint(out, entryRecordedAt, uint64(e.RecordedAt))
	out = appendUint(out, entryCustomerID, uint64(e.CustomerID))
	out = appendString(out, entryRequestID, e.RequestID)
	out = appendBytes(out, entryDeposit+protowire.Number(e.Kind-Deposit), fact)
	return appendString(out, entryCustomer, e.Customer)
}

func appendFact(out []byte, e *Entry) []byte {
	if e.Kind == Bulk {
		return appendOperations(out, e.Operations)
	}
	out = appendString(out, factAccount, e.Account)
	switch e.Kind {
	case Transfer:
		out = appendString(out, factSecond, e.ToAccount)
	case Grant:
		out = appendUint(out, factSecond, uint64(e.ToBranch))
	default:
		return appendUint(out, factSecond, uint64(e.Amount))
	}
	return appendUint(out, factThird, uint64(e.Amount))
}

func appendUint(out []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return out
	}
	return protowire.AppendVarint(protowire.AppendTag(out, field, protowire.VarintType), v)
}

func appendString(out []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return out
	}
	return protowire.AppendString(protowire.AppendTag(out, field, protowire.BytesType), s)
}

func appendBytes(out []byte, field protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(out, field, protowire.BytesType), b)
}

func batchReader(in string) reader {
	return reader{in: in, repeated: 1<<batchEntries | 1<<batchAfter}
}

// countEntries returns how many entries an encoded batch has, without reading them.
func countEntries(in string) (n int, err error) {
	r := batchReader(in)
	for r.next() && r.number <= batchEntries {
		if r.number == batchEntries {
			n++
		}
	}
	if n > MaxBatchEntries {
		return 0, ErrBatchSize
	}
	return n, r.err
}

// readSpan returns the span of an encoded batch, without reading its entries.
func readSpan(in string) (Span, error) {
	var s Span
	r := batchReader(in)
	for r.next() && r.number <= batchFirstSequence {
		switch r.number {
		case batchBranch:
			r.branch(&s.Branch)
		case batchFirstSequence:
			r.uint(&s.First)
		}
	}
	if r.err != nil {
		return s, r.err
	}
	n, err := countEntries(in)
	s.Last = s.First + uint64(n) - 1
	return s, err
}

// decode sets a zero batch to what its bytes say. It accepts only the canonical form, so
// a batch has only one encoding. All texts of the batch share one copy of its bytes.
func (b *Batch) decode(in []byte) error {
	text := string(in)
	n, err := countEntries(text)
	if err != nil {
		return err
	}
	b.Entries = make([]Entry, 0, n)
	room := columns{left: n}
	r := batchReader(text)
	for r.next() {
		switch r.number {
		case batchBranch:
			r.branch(&b.Branch)
		case batchEpoch:
			r.uint(&b.Epoch)
		case batchFirstSequence:
			r.uint(&b.FirstSequence)
		case batchEntries:
			b.Entries = append(b.Entries, Entry{})
			r.decoded(decodeEntry(r.message(), &b.Entries[len(b.Entries)-1], &room))
			room.left--
		case batchAfter:
			if b.After == nil { // with memory for as many of this length as can follow
				b.After = make([]Position, 0, 1+(len(r.in)-r.at)/(2+len(r.bytes())))
			}
			b.After = append(b.After, Position{})
			r.decoded(decodePosition(r.message(), &b.After[len(b.After)-1]))
		case batchPrevHash:
			r.hash(&b.PrevHash)
		default:
			r.unknown("batch")
		}
	}
	return r.err
}

func decodeEntry(in string, e *Entry, room *columns) error {
	r := reader{in: in}
	for r.next() {
		switch {
		case r.number == entrySequence:
			r.uint(&e.Sequence)
		case r.number == entryClock:
			r.uint(&e.Clock)
		case r.number == entryRecordedAt:
			r.int(&e.RecordedAt)
		case r.number == entryCustomerID:
			r.int(&e.CustomerID)
		case r.number == entryRequestID:
			r.text(&e.RequestID)
		case r.number >= entryDeposit && r.number <= entryBulk && e.Kind == 0:
			e.Kind = Deposit + Kind(r.number-entryDeposit)
			if e.Kind == Bulk {
				e.Operations = &take(&room.operations, 1, room.left)[0]
				r.decoded(e.Operations.decode(r.message(), room))
			} else {
				r.decoded(decodeFact(r.message(), e))
			}
		case r.number == entryCustomer:
			r.text(&e.Customer)
		default:
			r.unknown("entry")
		}
	}
	return r.err
}

func decodeFact(in string, e *Entry) error {
	third := e.Kind == Transfer || e.Kind == Grant
	r := reader{in: in}
	for r.next() {
		switch {
		case r.number == factAccount:
			r.text(&e.Account)
		case r.number == factSecond && e.Kind == Transfer:
			r.text(&e.ToAccount)
		case r.number == factSecond && e.Kind == Grant:
			r.branch(&e.ToBranch)
		case r.number == factSecond && !third, r.number == factThird && third:
			r.int((*int64)(&e.Amount))
		default:
			r.unknown(e.Kind.String())
		}
	}
	return r.err
}

func decodePosition(in string, p *Position) error {
	r := reader{in: in}
	for r.next() {
		switch r.number {
		case positionBranch:
			r.branch(&p.Branch)
		case positionSequence:
			r.uint(&p.Sequence)
		default:
			r.unknown("position")
		}
	}
	return r.err
}
