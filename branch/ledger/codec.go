package ledger

import (
	"fmt"
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
)

// Field numbers of the facts and of bank.v1.Position. A deposit's or
// withdrawal's amount is field 2, that of the others field 3.
const (
	factAccount      = 1
	factSecond       = 2 // amount, to_account or to_branch, by the kind
	factThird        = 3 // amount of transfers and grants
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

func decodeBatch(in []byte) (*Batch, error) {
	b := &Batch{}
	err := eachField(in, func(f field) error {
		switch f.number {
		case batchBranch:
			return f.branch(&b.Branch)
		case batchEpoch:
			b.Epoch = f.varint
		case batchFirstSequence:
			b.FirstSequence = f.varint
		case batchEntries:
			if len(b.Entries) == MaxBatchEntries {
				return ErrBatchSize
			}
			b.Entries = append(b.Entries, Entry{})
			return decodeEntry(f.bytes, &b.Entries[len(b.Entries)-1])
		case batchAfter:
			var p Position
			if err := decodePosition(f.bytes, &p); err != nil {
				return err
			}
			b.After = append(b.After, p)
		case batchPrevHash:
			if copy(b.PrevHash[:], f.bytes) != len(b.PrevHash) || len(f.bytes) != len(b.PrevHash) {
				return fmt.Errorf("%w: previous hash of %d bytes", ErrBatchFormat, len(f.bytes))
			}
		default:
			return f.unknown("batch")
		}
		return nil
	})
	return b, err
}

func decodeEntry(in []byte, e *Entry) error {
	return eachField(in, func(f field) error {
		switch {
		case f.number == entrySequence:
			e.Sequence = f.varint
		case f.number == entryClock:
			e.Clock = f.varint
		case f.number == entryRecordedAt:
			e.RecordedAt = int64(f.varint)
		case f.number == entryCustomerID:
			e.CustomerID = int64(f.varint)
		case f.number == entryRequestID:
			return f.text(&e.RequestID)
		case f.number >= entryDeposit && f.number <= entryGrant:
			e.Kind = Deposit + Kind(f.number-entryDeposit)
			return decodeFact(f.bytes, e)
		default:
			return f.unknown("entry")
		}
		return nil
	})
}

func decodeFact(in []byte, e *Entry) error {
	return eachField(in, func(f field) error {
		switch {
		case f.number == factAccount:
			return f.text(&e.Account)
		case f.number == factSecond && e.Kind == Transfer:
			return f.text(&e.ToAccount)
		case f.number == factSecond && e.Kind == Grant:
			return f.branch(&e.ToBranch)
		case f.number == factSecond, f.number == factThird && e.Kind >= Transfer:
			e.Amount = Amount(f.varint)
		default:
			return f.unknown(e.Kind.String())
		}
		return nil
	})
}

func decodePosition(in []byte, p *Position) error {
	return eachField(in, func(f field) error {
		switch f.number {
		case positionBranch:
			return f.branch(&p.Branch)
		case positionSequence:
			p.Sequence = f.varint
		default:
			return f.unknown("position")
		}
		return nil
	})
}

// field is one field of a message: a varint or a run of bytes.
type field struct {
	number protowire.Number
	varint uint64
	bytes  []byte
}

func (f field) branch(to *BranchID) error {
	if f.varint > 1<<32-1 {
		return fmt.Errorf("%w: branch id %d is too large", ErrBatchFormat, f.varint)
	}
	*to = BranchID(f.varint)
	return nil
}

func (f field) text(to *string) error {
	if !utf8.Valid(f.bytes) {
		return fmt.Errorf("%w: text is not UTF-8", ErrBatchFormat)
	}
	*to = string(f.bytes)
	return nil
}

func (f field) unknown(where string) error {
	return fmt.Errorf("%w: unknown field %d in a %s", ErrBatchFormat, f.number, where)
}

// eachField calls visit for every field of an encoded message, in order. It
// refuses fields out of order and wire types other than varint and bytes.
func eachField(in []byte, visit func(field) error) error {
	var last protowire.Number
	for len(in) > 0 {
		number, wire, n := protowire.ConsumeTag(in)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrBatchFormat, protowire.ParseError(n))
		}
		in = in[n:]
		f := field{number: number}
		switch wire {
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(in)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(in)
		default:
			return fmt.Errorf("%w: wire type %d", ErrBatchFormat, wire)
		}
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrBatchFormat, protowire.ParseError(n))
		}
		if number < last {
			return fmt.Errorf("%w: field %d after field %d", ErrBatchFormat, number, last)
		}
		in, last = in[n:], number
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}
