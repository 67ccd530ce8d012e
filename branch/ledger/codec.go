package ledger

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The bytes of a batch are the protobuf message bank.v1.Batch in canonical
// form: fields in order of their numbers, defaults left out, no unknown field.
// They are written by hand because a hash is taken over them, which the
// protobuf library gives no promise for, and because this is the hottest code
// of a branch. A test holds them against the generated messages.

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
)

// Field numbers of the facts and of bank.v1.Position. A deposit's or
// withdrawal's amount is field 2, that of the others field 3.
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
	var scratch, fact []byte
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
	return appendBytes(out, entryDeposit+protowire.Number(e.Kind-Deposit), fact)
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

// decodeBatch takes the canonical form only, so that no two runs of bytes are
// one batch.
func decodeBatch(in []byte) (*Batch, error) {
	b := &Batch{}
	err := eachField(in, func(f field) error {
		switch f.number {
		case batchBranch:
			return f.branch(&b.Branch)
		case batchEpoch:
			return f.uint(&b.Epoch)
		case batchFirstSequence:
			return f.uint(&b.FirstSequence)
		case batchEntries:
			if len(b.Entries) == MaxBatchEntries {
				return ErrBatchSize
			}
			b.Entries = append(b.Entries, Entry{})
			return f.message(func(in []byte) error { return decodeEntry(in, &b.Entries[len(b.Entries)-1]) })
		case batchAfter:
			b.After = append(b.After, Position{})
			return f.message(func(in []byte) error { return decodePosition(in, &b.After[len(b.After)-1]) })
		case batchPrevHash:
			return f.hash(&b.PrevHash)
		}
		return f.unknown("batch")
	}, batchEntries, batchAfter)
	return b, err
}

func decodeEntry(in []byte, e *Entry) error {
	return eachField(in, func(f field) error {
		switch {
		case f.number == entrySequence:
			return f.uint(&e.Sequence)
		case f.number == entryClock:
			return f.uint(&e.Clock)
		case f.number == entryRecordedAt:
			return f.int(&e.RecordedAt)
		case f.number == entryCustomerID:
			return f.int(&e.CustomerID)
		case f.number == entryRequestID:
			return f.text(&e.RequestID)
		case f.number >= entryDeposit && f.number <= entryBulk && e.Kind == 0:
			e.Kind = Deposit + Kind(f.number-entryDeposit)
			if e.Kind == Bulk {
				e.Operations = &Operations{}
				return f.message(e.Operations.decode)
			}
			return f.message(func(in []byte) error { return decodeFact(in, e) })
		}
		return f.unknown("entry")
	})
}

func decodeFact(in []byte, e *Entry) error {
	return eachField(in, func(f field) error {
		third := e.Kind == Transfer || e.Kind == Grant
		switch {
		case f.number == factAccount:
			return f.text(&e.Account)
		case f.number == factSecond && e.Kind == Transfer:
			return f.text(&e.ToAccount)
		case f.number == factSecond && e.Kind == Grant:
			return f.branch(&e.ToBranch)
		case f.number == factSecond && !third, f.number == factThird && third:
			return f.int((*int64)(&e.Amount))
		}
		return f.unknown(e.Kind.String())
	})
}

func decodePosition(in []byte, p *Position) error {
	return eachField(in, func(f field) error {
		switch f.number {
		case positionBranch:
			return f.branch(&p.Branch)
		case positionSequence:
			return f.uint(&p.Sequence)
		}
		return f.unknown("position")
	})
}

// field is one field of a message: a varint or a run of bytes.
type field struct {
	number protowire.Number
	wire   protowire.Type
	varint uint64
	bytes  []byte
}

func (f field) uint(to *uint64) error {
	if f.wire != protowire.VarintType || f.varint == 0 {
		return fmt.Errorf("%w: field %d is no number but 0", ErrBatchFormat, f.number)
	}
	*to = f.varint
	return nil
}

func (f field) int(to *int64) error {
	var v uint64
	err := f.uint(&v)
	*to = int64(v)
	return err
}

func (f field) branch(to *BranchID) error {
	var v uint64
	if err := f.uint(&v); err != nil {
		return err
	}
	if v > math.MaxUint32 {
		return fmt.Errorf("%w: branch id %d is too large", ErrBatchFormat, v)
	}
	*to = BranchID(v)
	return nil
}

func (f field) text(to *string) error {
	if f.wire != protowire.BytesType || len(f.bytes) == 0 || !utf8.Valid(f.bytes) {
		return fmt.Errorf("%w: field %d is no text in UTF-8", ErrBatchFormat, f.number)
	}
	*to = string(f.bytes)
	return nil
}

func (f field) hash(to *Hash) error {
	if f.wire != protowire.BytesType || len(f.bytes) != len(to) {
		return fmt.Errorf("%w: field %d is no hash", ErrBatchFormat, f.number)
	}
	copy(to[:], f.bytes)
	if *to == (Hash{}) {
		return fmt.Errorf("%w: field %d is a hash of zeros", ErrBatchFormat, f.number)
	}
	return nil
}

func (f field) message(decode func([]byte) error) error {
	if f.wire != protowire.BytesType {
		return fmt.Errorf("%w: field %d is no message", ErrBatchFormat, f.number)
	}
	return decode(f.bytes)
}

func (f field) unknown(where string) error {
	return fmt.Errorf("%w: unexpected field %d in a %s", ErrBatchFormat, f.number, where)
}

// eachField calls visit for every field of an encoded message, in order. It
// refuses fields out of order, fields twice that are not repeated ones, wire
// types other than varint and bytes, and numbers in more bytes than they need.
func eachField(in []byte, visit func(field) error, repeated ...protowire.Number) error {
	var last protowire.Number
	for len(in) > 0 {
		f, n, err := consumeField(in)
		if err != nil {
			return err
		}
		if f.number < last || f.number == last && !slices.Contains(repeated, last) {
			return fmt.Errorf("%w: field %d after field %d", ErrBatchFormat, f.number, last)
		}
		in, last = in[n:], f.number
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// consumeField returns the first field of an encoded message and its length.
func consumeField(in []byte) (field, int, error) {
	number, wire, tag := protowire.ConsumeTag(in)
	if tag < 0 {
		return field{}, 0, fmt.Errorf("%w: %w", ErrBatchFormat, protowire.ParseError(tag))
	}
	f := field{number: number, wire: wire}
	var n, shortest int
	switch wire {
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(in[tag:])
		shortest = protowire.SizeVarint(f.varint)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(in[tag:])
		shortest = protowire.SizeBytes(len(f.bytes))
	default:
		return field{}, 0, fmt.Errorf("%w: wire type %d", ErrBatchFormat, wire)
	}
	switch {
	case n < 0:
		return field{}, 0, fmt.Errorf("%w: %w", ErrBatchFormat, protowire.ParseError(n))
	case n != shortest || tag != protowire.SizeTag(number):
		return field{}, 0, fmt.Errorf("%w: field %d has a number in more bytes than it needs", ErrBatchFormat, number)
	}
	return f, tag + n, nil
}
