package walcheck

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
)

// A log consists of blocks of 32 KiB, and these of chunks; a record is one chunk or
// several. A chunk begins with its checksum (4 bytes), its length (2) and its type
// (1). In a write-ahead log the number of the log (4) follows and, unless the log is
// the first of its store, how far the log was synced when the chunk was written (8).
// Package record documents the format.
const (
	blockBytes = 32 << 10

	manifestHeader = 7
	oldLogHeader   = 11
	logHeader      = 19
)

// The first of the four types of chunks of each format: a whole record, and the
// first, a middle and the last chunk of one.
const (
	manifestChunk = 1
	oldLogChunk   = 5
	logChunk      = 9
)

// block returns the end of the block that contains offset.
func (l *log) block(offset int) int {
	return min((offset/blockBytes+1)*blockBytes, len(l.data))
}

// skipPadding returns where the next record begins: at the end of the last one
// or, where no header has room, after the zeros that fill the block. It returns
// false when there are bytes other than zeros.
func (l *log) skipPadding() (begin int, ok bool) {
	end := l.block(l.end)
	rest := l.data[l.end:end]
	least, most := oldLogHeader, logHeader
	if l.manifest {
		least, most = manifestHeader, manifestHeader
	}
	switch {
	case end%blockBytes != 0 || len(rest) >= most:
		return l.end, true
	case len(bytes.Trim(rest, "\x00")) == 0:
		return end, true
	}
	return l.end, len(rest) >= least
}

// closed reports whether Pebble closed the log at its end: with the header of an
// empty chunk of the next log, without a checksum.
func (l *log) closed() bool {
	trailer := [oldLogHeader]byte{6: oldLogChunk}
	binary.LittleEndian.PutUint32(trailer[manifestHeader:], l.number+1)
	return !l.manifest && bytes.HasPrefix(l.data[l.end:], trailer[:])
}

// damage says what shows that it was not a crash that ended the log where it ends.
func (l *log) damage() string {
	if l.end >= len(l.data) {
		return ""
	}
	if l.readerFoundFlip() || l.flippedInHeader() {
		return "one bit was flipped"
	}
	for later := l.end + 1; later < len(l.data); later++ {
		if synced, ok := l.fit(l.data[later:l.block(later)]); ok && (l.manifest || synced > uint64(l.end)) {
			return fmt.Sprintf("a record is gone that was synced, as the one at offset %d says", later)
		}
	}
	return ""
}

// flippedInHeader reports whether one flipped bit of its header makes the chunk
// at the end fit. No crash flips a single bit.
func (l *log) flippedInHeader() bool {
	block := bytes.Clone(l.data[l.end:l.block(l.end)])
	for i := range min(len(block), oldLogHeader) {
		for bit := range 8 {
			block[i] ^= 1 << bit
			_, ok := l.fit(block)
			block[i] ^= 1 << bit
			if ok {
				return true
			}
		}
	}
	return false
}

// fit reports whether block begins with a chunk of this log, and not of an older one
// whose file it uses again, and how far the log was synced when the chunk was
// written. In the manifest every record is synced before the next one is written.
func (l *log) fit(block []byte) (synced uint64, ok bool) {
	if len(block) < manifestHeader {
		return 0, false
	}
	header := l.header(block[6])
	end := header + int(binary.LittleEndian.Uint16(block[4:]))
	switch {
	case header == 0 || end > len(block):
		return 0, false
	case !l.manifest && binary.LittleEndian.Uint32(block[manifestHeader:]) != l.number:
		return 0, false
	case checksum(block[6:end]) != binary.LittleEndian.Uint32(block):
		return 0, false
	case header == logHeader:
		synced = binary.LittleEndian.Uint64(block[oldLogHeader:])
	}
	return synced, true
}

// header returns the size of the header of a chunk of a type; 0 when this log has
// no such chunks.
func (l *log) header(kind byte) int {
	switch {
	case l.manifest && kind >= manifestChunk && kind < manifestChunk+4:
		return manifestHeader
	case !l.manifest && kind >= oldLogChunk && kind < oldLogChunk+4:
		return oldLogHeader
	case !l.manifest && kind >= logChunk && kind < logChunk+4:
		return logHeader
	}
	return 0
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum returns Pebble's checksum of a chunk, from its type on.
func checksum(data []byte) uint32 {
	return bits.RotateLeft32(crc32.Checksum(data, castagnoli), 17) + 0xa282ead8
}
