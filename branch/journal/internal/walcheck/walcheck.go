// Package walcheck reads the logs of a Pebble store, which are its write-ahead
// logs and its manifest, and tells damage from the end that a crash leaves. It
// knows bytes only, nothing of files or of what the records mean; the journal
// uses it before Pebble recovers a store.
//
// Pebble's own reader, [record.Reader], reads the records. It treats the first chunk
// that does not fit as the place where a crash cut the log off, unless a later block
// says that the log was synced beyond that place. It also finds the bit that was
// flipped in what a chunk's checksum covers. The rest of this package finds what that
// reader can't tell (trace.go):
//
//   - Whether a log was closed. The reader reports the same end for the trailer
//     with which Pebble closes a log, for the end of the file, and for a chunk in
//     which a flipped bit has made the next log's number.
//   - A flipped bit in a chunk's header, which its checksum does not cover, or
//     which is compared before the checksum is.
//   - Bytes in the padding of a block, which the reader passes over.
//   - A gap, when what was synced after it is in the same block or comes after a
//     second gap. The reader checks only the beginnings of the blocks that follow. In
//     the manifest, whose chunks don't say how far it was synced, it checks nothing.
//
// Losing the last records of the last log can't be told from a crash before
// their sync, unless a single bit did it. Nor can a gap, unless a chunk says that it
// was synced. A chunk may name less than was synced, since Pebble 2.1.7 does not
// count the blocks that it writes as a whole.
package walcheck

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/record"
)

// End is where the records of a log end, and why.
type End struct {
	// Offset is where the last chunk that fits ends.
	Offset int
	// Closed is whether Pebble closed the log there.
	Closed bool
	// Damage is what shows that the log did not end there by a crash; empty when
	// nothing does.
	Damage string
}

// Log reads a write-ahead log, whose file has the number in its name. It visits the
// records, each with the offset where it begins; a record lasts until visit returns.
// The only error is one that visit returned.
func Log(data []byte, number uint64, visit func(offset int, record []byte) error) (End, error) {
	l := log{data: data, number: uint32(number), reader: newReader(record.NewReader, data, number)}
	return l.run(visit)
}

// Manifest reads a manifest. Pebble itself reads its records, when it opens the
// store.
func Manifest(data []byte, visit func(offset int, record []byte) error) (End, error) {
	l := log{data: data, manifest: true, reader: newReader(record.NewReader, data, 0)}
	return l.run(visit)
}

// newReader calls record.NewReader, whose second parameter has a type that only
// Pebble can name.
func newReader[N ~uint64](make func(io.Reader, N) *record.Reader, data []byte, number uint64) *record.Reader {
	return make(bytes.NewReader(data), N(number))
}

// log is a log that is being read.
type log struct {
	data []byte
	// number is what the chunks of a write-ahead log bear; 0 in a manifest.
	number   uint32
	manifest bool

	reader *record.Reader
	// record is the one that was read last.
	record []byte
	// end is where the chunks that were read end.
	end int
	// failure is the reader's error about the chunk at end, or nil.
	failure error
}

func (l *log) run(visit func(offset int, record []byte) error) (End, error) {
	for {
		begin, ok := l.next()
		if !ok {
			break
		}
		if err := visit(begin, l.record); err != nil {
			return End{}, err
		}
	}
	end := End{Offset: l.end, Closed: l.closed()}
	if !end.Closed {
		end.Damage = l.damage()
	}
	return end, nil
}

// next reads one record, and returns where it begins; or false when there is none
// that is whole.
func (l *log) next() (begin int, ok bool) {
	padded, ok := l.skipPadding()
	if !ok {
		return 0, false
	}
	begin, l.end = padded, padded
	in, err := l.reader.Next()
	if err == nil && int(l.reader.Offset()) > l.block(begin) {
		return 0, false // it has passed over zeros in which a chunk has room
	}
	if err == nil {
		err = l.readRecord(in)
	}
	if err != nil {
		// Asked again, the reader gives the cause. Its first error often says only
		// that the log ends.
		_, l.failure = l.reader.Next()
		return 0, false
	}
	return begin, true
}

// readRecord reads the chunks of a record, one by one, and keeps where they end.
func (l *log) readRecord(in io.Reader) error {
	l.record = l.record[:0]
	for {
		l.end = int(l.reader.Offset())
		n := len(l.record)
		l.record = slices.Grow(l.record, blockBytes)
		read, err := in.Read(l.record[n : n+blockBytes])
		l.record = l.record[:n+read]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readerFoundFlip reports whether the reader found that one flipped bit accounts
// for the checksum of the chunk at which it stopped. It says so by an error that
// is more than the mere ErrInvalidChunk.
func (l *log) readerFoundFlip() bool {
	return errors.Is(l.failure, record.ErrInvalidChunk) && !record.IsInvalidRecord(l.failure)
}
