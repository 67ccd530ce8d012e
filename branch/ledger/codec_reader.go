package ledger

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// reader reads the fields of an encoded message, in order. It refuses fields out
// of order, fields twice that are not repeated ones, wire types other than
// varint and bytes, and numbers in more bytes than they need. The first error
// ends it.
type reader struct {
	// in is a part of the text of the whole message. Texts that a reader returns are
	// parts of it: they need no memory, and last as long as the whole.
	in string
	// at is how much of in has been read.
	at int
	// repeated has the bits of the fields that may come more than once.
	repeated uint64
	err      error // the first one, which ends the reading

	// The fields below are the field of the message that next has read: a varint, or
	// a run of bytes that begins at from.
	number protowire.Number
	wire   protowire.Type // VarintType or BytesType
	varint uint64
	from   int
}

// next reads one more field. It reports false at the end and after an error.
func (r *reader) next() bool {
	if r.at == len(r.in) || r.err != nil {
		return false
	}
	tag, ok := r.readNumber()
	if !ok {
		return false
	}
	number, wire := protowire.DecodeTag(tag)
	switch {
	case number < protowire.MinValidNumber || number > protowire.MaxValidNumber:
		return r.fail("there is no field %d", number)
	case number < r.number, number == r.number && (number > 63 || r.repeated>>number&1 == 0):
		return r.fail("field %d after field %d", number, r.number)
	}
	r.number, r.wire = number, wire
	switch wire {
	case protowire.VarintType:
		r.varint, ok = r.readNumber()
		return ok
	case protowire.BytesType:
		size, ok := r.readNumber()
		if ok && size > uint64(len(r.in)-r.at) {
			return r.fail("field %d is cut short", number)
		}
		r.from, r.at = r.at, r.at+int(size)
		return ok
	}
	return r.fail("wire type %d", wire)
}

// readNumber reads a number, most of which are one byte.
func (r *reader) readNumber() (uint64, bool) {
	if r.at < len(r.in) && r.in[r.at] < 0x80 {
		r.at++
		return uint64(r.in[r.at-1]), true
	}
	v, n := uvarint(r.in[r.at:])
	switch {
	case n <= 0:
		return 0, r.fail("a number after field %d is cut short or too large", r.number)
	case r.in[r.at+n-1] == 0:
		return 0, r.fail("a number after field %d is in more bytes than it needs", r.number)
	}
	r.at += n
	return v, true
}

// uvarint is [binary.Uvarint] for a text.
func uvarint(in string) (v uint64, n int) {
	for shift := 0; n < len(in) && n < binary.MaxVarintLen64; shift += 7 {
		c := in[n]
		n++
		switch {
		case n == binary.MaxVarintLen64 && c > 1:
			return 0, -n // it overflows
		case c < 0x80:
			return v | uint64(c)<<shift, n
		}
		v |= uint64(c&0x7f) << shift
	}
	return 0, 0
}

// bytes returns the run of bytes that next has read.
func (r *reader) bytes() string { return r.in[r.from:r.at] }

// fail keeps the first error. It returns false, for the caller to return.
func (r *reader) fail(format string, args ...any) bool {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrBatchFormat, fmt.Sprintf(format, args...))
	}
	return false
}

// decoded keeps the error of a message inside this one.
func (r *reader) decoded(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) unknown(where string) { r.fail("unexpected field %d in a %s", r.number, where) }

func (r *reader) uint(to *uint64) {
	if r.wire != protowire.VarintType || r.varint == 0 {
		r.fail("field %d is no number but 0", r.number)
		return
	}
	*to = r.varint
}

func (r *reader) int(to *int64) {
	var v uint64
	r.uint(&v)
	*to = int64(v)
}

func (r *reader) branch(to *BranchID) {
	var v uint64
	r.uint(&v)
	if v > math.MaxUint32 {
		r.fail("branch id %d is too large", v)
		return
	}
	*to = BranchID(v)
}

func (r *reader) text(to *string) {
	if r.wire != protowire.BytesType || r.from == r.at || !utf8.ValidString(r.bytes()) {
		r.fail("field %d is no text in UTF-8", r.number)
		return
	}
	*to = r.bytes()
}

func (r *reader) hash(to *Hash) {
	if r.wire != protowire.BytesType || r.at-r.from != len(to) {
		r.fail("field %d is no hash", r.number)
		return
	}
	copy(to[:], r.bytes())
	if *to == (Hash{}) {
		r.fail("field %d is a hash of zeros", r.number)
	}
}

// message returns the bytes of a message inside this one, and none when the
// field is no message.
func (r *reader) message() string {
	if r.wire != protowire.BytesType {
		r.fail("field %d is no message", r.number)
		return ""
	}
	return r.bytes()
}
