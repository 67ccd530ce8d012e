package ledger

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// appendOperations writes bank.v1.Bulk. A column that has only zeros is left out.
func appendOperations(out []byte, o *Operations) []byte {
	for _, name := range o.Accounts {
		out = protowire.AppendString(protowire.AppendTag(out, bulkAccounts, protowire.BytesType), name)
	}
	out = appendColumn(out, bulkFrom, o.From)
	out = appendColumn(out, bulkTo, o.To)
	out = appendColumn(out, bulkAmounts, o.Amounts)
	if o.AllOrNone {
		out = appendUint(out, bulkAllOrNone, 1)
	}
	out = appendColumn(out, bulkInsufficient, o.Insufficient)
	return appendColumn(out, bulkUnavailable, o.Unavailable)
}

// appendColumn writes a packed field. It leaves out a column From or To that has
// only zeros, but not a list of refused operations: there 0 is the first operation.
func appendColumn[T uint32 | Amount](out []byte, field protowire.Number, column []T) []byte {
	size, zero := 0, field == bulkFrom || field == bulkTo
	for _, v := range column {
		size += protowire.SizeVarint(uint64(v))
		zero = zero && v == 0
	}
	if size == 0 || zero {
		return out
	}
	out = protowire.AppendVarint(protowire.AppendTag(out, field, protowire.BytesType), uint64(size))
	for _, v := range column {
		if v < 0x80 {
			out = append(out, byte(v))
		} else {
			out = binary.AppendUvarint(out, uint64(v))
		}
	}
	return out
}

// decode accepts only the canonical form of bank.v1.Bulk.
func (o *Operations) decode(in string, room *columns) error {
	r := reader{in: in, repeated: 1 << bulkAccounts}
	for r.next() {
		switch r.number {
		case bulkAccounts:
			if len(o.Accounts) == 2*MaxOperations {
				return fmt.Errorf("%w: %w", ErrBatchFormat, badOperations("it names too many accounts"))
			}
			if o.Accounts == nil {
				o.Accounts = take(&room.names, 1, room.left)[:0]
			}
			o.Accounts = append(o.Accounts, "")
			r.text(&o.Accounts[len(o.Accounts)-1])
		case bulkFrom:
			decodeColumn(&r, &o.From, room, &room.numbers, math.MaxUint32)
		case bulkTo:
			decodeColumn(&r, &o.To, room, &room.numbers, math.MaxUint32)
		case bulkAmounts:
			decodeColumn(&r, &o.Amounts, room, &room.amounts, math.MaxInt64)
		case bulkAllOrNone:
			var one uint64
			r.uint(&one)
			o.AllOrNone = one == 1
			if one > 1 {
				r.fail("%d is neither true nor false", one)
			}
		case bulkInsufficient:
			decodeColumn(&r, &o.Insufficient, room, &room.numbers, math.MaxUint32)
		case bulkUnavailable:
			decodeColumn(&r, &o.Unavailable, room, &room.numbers, math.MaxUint32)
		default:
			r.unknown("bulk")
		}
	}
	if r.err != nil {
		return r.err
	}
	for _, column := range []*[]uint32{&o.From, &o.To} {
		if *column == nil {
			*column = take(&room.numbers, len(o.Amounts), room.left)
		} else if allZero(*column) {
			return fmt.Errorf("%w: a column of zeros is not left out", ErrBatchFormat)
		}
	}
	return nil
}

func allZero(column []uint32) bool {
	for _, v := range column {
		if v != 0 {
			return false
		}
	}
	return true
}

// decodeColumn reads a packed field of numbers up to most, each in as few
// bytes as it needs.
func decodeColumn[T uint32 | Amount](r *reader, to *[]T, room *columns, from *[]T, most uint64) {
	if r.wire != protowire.BytesType || r.from == r.at {
		r.fail("field %d is no list of numbers", r.number)
		return
	}
	// Each number ends with a byte below 0x80.
	n := 0
	for i := range len(r.bytes()) {
		if r.bytes()[i] < 0x80 {
			n++
		}
	}
	if n > MaxOperations {
		r.decoded(fmt.Errorf("%w: %w", ErrBatchFormat, badOperations("it has more than %d", MaxOperations)))
		return
	}
	column := take(from, n, room.left)[:0]
	for in := r.bytes(); len(in) > 0; {
		if c := in[0]; c < 0x80 {
			column, in = append(column, T(c)), in[1:]
			continue
		}
		v, size := uvarint(in)
		if size <= 0 || size != protowire.SizeVarint(v) || v > most {
			r.fail("field %d has a number that is malformed", r.number)
			return
		}
		column, in = append(column, T(v)), in[size:]
	}
	*to = column
}

// columns is memory for the operations of a batch's bulks. A bulk of one deposit
// has a handful of columns, each of one number: they share larger pieces. The slices
// are what is left of these.
type columns struct {
	// left is how many entries of the batch are not decoded yet, this one
	// included.
	left       int
	operations []Operations // one for each bulk
	names      []string     // for Accounts
	numbers    []uint32     // for From, To, Insufficient and Unavailable
	amounts    []Amount     // for Amounts
}

// maxPiece bounds a piece that columns share.
const maxPiece = 64

// take returns memory for n items, from a piece with room for as many items as
// there are entries left, at most.
func take[T any](piece *[]T, n, left int) []T {
	if n > len(*piece) {
		size := min(left, maxPiece)
		if n >= size {
			return make([]T, n)
		}
		*piece = make([]T, size)
	}
	taken := (*piece)[:n:n]
	*piece = (*piece)[n:]
	return taken
}
