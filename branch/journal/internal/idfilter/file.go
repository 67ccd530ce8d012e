package idfilter

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
)

// A saved filter begins with a mark that says which ids it has been made of, and
// ends with its checksum.
//
//	version(1) mark(32) seed(8) room(4) generations(1) their lines, one by one
//	SHA-256 of all that(32)
const (
	fileVersion = 1
	// fileHeader is the size of what comes before the lines.
	fileHeader = 1 + sha256.Size + 8 + 4 + 1
)

// Mark says which ids a saved filter has been made of.
type Mark [sha256.Size]byte

// newSeed returns a seed that nobody can guess.
func newSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// Save writes the filter under a mark. It returns the writer's error.
func (f *Filter) Save(to io.Writer, mark Mark) error {
	out := bufio.NewWriterSize(to, 1<<16)
	sum := sha256.New()
	all := io.MultiWriter(out, sum)
	header := append([]byte{fileVersion}, mark[:]...)
	header = binary.LittleEndian.AppendUint64(header, f.seed)
	header = binary.LittleEndian.AppendUint32(header, uint32(f.room))
	if _, err := all.Write(append(header, byte(len(f.generations)))); err != nil {
		return err
	}
	var page [1 << 15]byte
	for _, g := range f.generations {
		for len(g) > 0 {
			n := min(len(g), len(page)/lineBytes)
			if _, err := all.Write(appendLines(page[:0], g[:n])); err != nil {
				return err
			}
			g = g[n:]
		}
	}
	if _, err := out.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return out.Flush()
}

func appendLines(out []byte, lines []line) []byte {
	for i := range lines {
		for _, word := range lines[i] {
			out = binary.LittleEndian.AppendUint64(out, word)
		}
	}
	return out
}

// errFile says that what was read is not the filter with the mark.
var errFile = errors.New("it is not the filter of what the directory has")

// Load sets the filter to the one that was saved under a mark, if that is whole.
// Nothing may have been added yet. After an error the filter is unchanged.
func (f *Filter) Load(from io.Reader, mark Mark) error {
	sum := sha256.New()
	in := bufio.NewReaderSize(from, 1<<16)
	all := io.TeeReader(in, sum)
	var header [fileHeader]byte
	if _, err := io.ReadFull(all, header[:]); err != nil {
		return err
	}
	rest := header[1+len(mark):]
	if header[0] != fileVersion || Mark(header[1:1+len(mark)]) != mark {
		return errFile
	}
	saved := Filter{seed: binary.LittleEndian.Uint64(rest), maxBytes: f.maxBytes}
	for range rest[12] {
		if saved.grow(); saved.full {
			return errFile
		}
		if err := readLines(all, saved.generations[len(saved.generations)-1]); err != nil {
			return err
		}
	}
	room := int(binary.LittleEndian.Uint32(rest[8:]))
	var want [sha256.Size]byte
	if _, err := io.ReadFull(in, want[:]); err != nil {
		return err
	}
	if [sha256.Size]byte(sum.Sum(nil)) != want || room > saved.room {
		return errFile
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seed, f.generations, f.excluded, f.bytes, f.room, f.complete = saved.seed, saved.generations, saved.excluded, saved.bytes, room, true
	f.mark = mark
	return nil
}

func readLines(in io.Reader, lines []line) error {
	var page [1 << 15]byte
	for len(lines) > 0 {
		n := min(len(lines), len(page)/lineBytes)
		if _, err := io.ReadFull(in, page[:n*lineBytes]); err != nil {
			return err
		}
		for i := range lines[:n] {
			for k := range lines[i] {
				lines[i][k] = binary.LittleEndian.Uint64(page[i*lineBytes+8*k:])
			}
		}
		lines = lines[n:]
	}
	return nil
}

// Damaged reports whether data has the length of a saved filter and the wrong
// checksum. A crash leaves a shorter one.
func Damaged(data []byte) bool {
	size := fileHeader + sha256.Size
	for k := 0; size < len(data); k++ {
		size += firstFilterBytes << k
	}
	n := len(data) - sha256.Size
	return size == len(data) && sha256.Sum256(data[:n]) != [sha256.Size]byte(data[n:])
}
