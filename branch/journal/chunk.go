package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
)

// Pebble's logs, the write-ahead log and the manifest, are blocks of 32 KiB
// that hold chunks; a record is one chunk or several. Pebble takes the first
// chunk that does not fit for the place where a crash cut the log off, and
// drops what follows; it notices damage only if a later block says so, and in
// the manifest not at all. So this package looks at the logs before Pebble
// does, and tells the two apart wherever that can be done:
//
//   - A chunk of the write-ahead log says how far the log was synced when it was
//     written. What does not fit before that place is damage. In the manifest
//     every record is synced before the next one is written.
//   - One flipped bit is damage: no crash does that.
//   - A log that another one follows was closed, and says so at its end.
//
// What can't be told apart is the loss of the last records of the last log, by
// more than one bit: a crash before their sync looks the same.
const (
	blockBytes = 32 << 10
	// The header has a checksum (4), the length (2), the type (1); and in the
	// write-ahead log the number of the log (4) and how far it is synced (8).
	manifestHeader = 7
	oldLogHeader   = 11
	logHeader      = 19
)

// The first of the four types of chunks of each format; whole, first, middle
// and last follow.
const (
	manifestChunk = 1
	oldLogChunk   = 5 // without how far the log is synced
	logChunk      = 9
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// image is the bytes of a log.
type image struct {
	data []byte
	// number is that of a write-ahead log, as its chunks have it.
	number   uint32
	manifest bool
}

// chunk is one that fits.
type chunk struct {
	begins, ends bool // its record
	payload      []byte
	// synced is how far the log was synced when the chunk was written.
	synced uint64
	// next is the offset of what follows.
	next int
}

// fragment is a chunk before its checksum is looked at.
type fragment struct {
	header, end int
	kind        byte
	checksum    uint32
}

// block returns where the block ends that holds offset.
func (g *image) block(offset int) int {
	return min((offset/blockBytes+1)*blockBytes, len(g.data))
}

// fragment takes the header at offset apart, of which the first bytes may be
// others than those of the image.
func (g *image) fragment(offset int, head [manifestHeader]byte) (fragment, bool) {
	f := fragment{kind: head[6], checksum: binary.LittleEndian.Uint32(head[:])}
	switch {
	case g.manifest && f.kind >= manifestChunk && f.kind < manifestChunk+4:
		f.header = manifestHeader
	case !g.manifest && f.kind >= oldLogChunk && f.kind < oldLogChunk+4:
		f.header = oldLogHeader
	case !g.manifest && f.kind >= logChunk && f.kind < logChunk+4:
		f.header = logHeader
	default:
		return f, false
	}
	f.end = offset + f.header + int(binary.LittleEndian.Uint16(head[4:]))
	return f, f.end <= g.block(offset)
}

// head returns the first bytes at offset, if they are all in its block.
func (g *image) head(offset int) (head [manifestHeader]byte, ok bool) {
	return head, offset+manifestHeader <= g.block(offset) && copy(head[:], g.data[offset:]) == manifestHeader
}

// ours reports whether a chunk is of this log, not of one whose file it has.
func (g *image) ours(offset int) bool {
	return g.manifest || binary.LittleEndian.Uint32(g.data[offset+manifestHeader:]) == g.number
}

// chunk returns the chunk at offset, if there is one that fits.
func (g *image) chunk(offset int) (chunk, bool) {
	head, ok := g.head(offset)
	if !ok {
		return chunk{}, false
	}
	f, ok := g.fragment(offset, head)
	if !ok || !g.ours(offset) || g.sum(f.kind, offset, f.end) != f.checksum {
		return chunk{}, false
	}
	place := (f.kind - 1) % 4
	c := chunk{begins: place <= 1, ends: place == 0 || place == 3, payload: g.data[offset+f.header : f.end], next: f.end}
	if f.header == logHeader {
		c.synced = binary.LittleEndian.Uint64(g.data[offset+oldLogHeader:])
	}
	return c, true
}

// sum is Pebble's checksum of a chunk: of the type and what follows it.
func (g *image) sum(kind byte, offset, end int) uint32 {
	crc := crc32.Update(0, castagnoli, []byte{kind})
	return cook(crc32.Update(crc, castagnoli, g.data[offset+manifestHeader:end]))
}

const cooking = 0xa282ead8

func cook(crc uint32) uint32        { return bits.RotateLeft32(crc, 17) + cooking }
func uncook(checksum uint32) uint32 { return bits.RotateLeft32(checksum-cooking, -17) }

// closed reports whether the log was closed at offset.
func (g *image) closed(offset int) bool {
	end := [oldLogHeader]byte{6: oldLogChunk}
	binary.LittleEndian.PutUint32(end[manifestHeader:], g.number+1)
	return offset+len(end) <= len(g.data) && bytes.Equal(g.data[offset:offset+len(end)], end[:])
}

// padded returns the offset after the zeros at the end of a block in which no
// header has room.
func (g *image) padded(offset int) (int, bool) {
	end := g.block(offset)
	room := logHeader
	if g.manifest {
		room = manifestHeader
	}
	if end%blockBytes != 0 || end-offset >= room || len(bytes.Trim(g.data[offset:end], "\x00")) > 0 {
		return 0, false
	}
	return end, true
}

// read visits the records of the log, and returns where they end and whether
// the log was closed there.
func (g *image) read(visit func(offset int, record []byte) error) (end int, closed bool, err error) {
	var record []byte
	begin, next := 0, 0
	for next < len(g.data) {
		if !g.manifest && g.closed(next) {
			return next, true, nil
		}
		if after, ok := g.padded(next); ok {
			next = after
			continue
		}
		c, ok := g.chunk(next)
		if !ok {
			break
		}
		if c.begins {
			begin, record = next, record[:0]
		}
		record, next = append(record, c.payload...), c.next
		if !c.ends {
			continue
		}
		if err := visit(begin, record); err != nil {
			return 0, false, err
		}
	}
	return next, false, nil
}

// damage reports what shows that the log did not end at offset by a crash, or
// nothing.
func (g *image) damage(offset int) string {
	if offset >= len(g.data) {
		return ""
	}
	if g.flipped(offset) {
		return "one bit was flipped"
	}
	for later := offset + 1; later < len(g.data); later++ {
		if c, ok := g.chunk(later); ok && (g.manifest || c.synced > uint64(offset)) {
			return fmt.Sprintf("what was written there is gone, and was synced: what follows at offset %d says so", later)
		}
	}
	return ""
}

// flipped reports whether one flipped bit makes the chunk at offset fit.
func (g *image) flipped(offset int) bool {
	head, ok := g.head(offset)
	if !ok {
		return false
	}
	for bit := range 8 * len(head) {
		other := head
		other[bit/8] ^= 1 << (bit % 8)
		if f, ok := g.fragment(offset, other); ok && g.ours(offset) && g.sum(f.kind, offset, f.end) == f.checksum {
			return true
		}
	}
	f, ok := g.fragment(offset, head)
	return ok && g.flippedIn(f, offset+manifestHeader)
}

// flippedIn reports whether one bit from offset to the end of the fragment
// accounts for its checksum. A flipped bit changes a CRC by what depends only
// on how far it is from the end.
func (g *image) flippedIn(f fragment, offset int) bool {
	difference := uncook(f.checksum) ^ uncook(g.sum(f.kind, offset-manifestHeader, f.end))
	for bit := range 8 {
		effect := castagnoli[1<<bit]
		for at := f.end - 1; at >= offset; at-- {
			if effect == difference {
				return g.ours(offset-manifestHeader) || at < offset+4
			}
			effect = castagnoli[byte(effect)] ^ effect>>8
		}
	}
	return false
}
