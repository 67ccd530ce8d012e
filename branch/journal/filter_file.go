package journal

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/ledger"
)

// A journal that is closed leaves its filter in a file beside the store, so that
// the next opening need not read millions of request ids. The file begins with a
// hash of the journals' heads: with those heads, the directory has just the ids
// that the filter was made of. A file that belongs to other heads, or does not
// end with its checksum, is no loss: the ids are read then, as they are after a
// crash.
//
//	version(1) heads(32) seed(8) room(4) generations(1) their lines, one by one
//	SHA-256 of all that(32)
const (
	filterFile    = "filter"
	filterVersion = 1
	// filterHeader is the size of what comes before the lines.
	filterHeader = 1 + sha256.Size + 8 + 4 + 1
)

// newSeed returns a seed that nobody can guess.
func newSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// markOfHeads is what the file of a filter begins with.
func (j *Journal) markOfHeads() (mark ledger.Hash, err error) {
	h := sha256.New()
	for _, b := range j.branches {
		var head ledger.Head
		if err := get(j, appendHeadKey(nil, b), &head, decodeHead); err != nil {
			return mark, err
		}
		_ = binary.Write(h, binary.LittleEndian, []uint64{uint64(b), head.Sequence}) // a hash takes all
		_, _ = h.Write(head.Hash[:])
	}
	return ledger.Hash(h.Sum(nil)), nil
}

func (j *Journal) filterPath() string { return j.disk.PathJoin(j.disk.dir, filterFile) }

// saveFilter leaves the filter in its file. All is written to the store by now.
// What fails here costs the next opening some time, and nothing else.
func (j *Journal) saveFilter() {
	f := &j.filter
	if !f.complete || f.bytes == 0 || j.disk.failure() != nil {
		return
	}
	mark, err := j.markOfHeads()
	if err != nil || mark == f.mark {
		return
	}
	file, err := j.disk.make(j.filterPath(), vfs.WriteCategoryUnspecified)
	if err != nil {
		return
	}
	if errors.Join(f.save(file, mark), file.Close()) != nil {
		_ = j.disk.FS.Remove(j.filterPath()) // a full disk is to have the room back
	}
}

func (f *filter) save(to io.Writer, mark ledger.Hash) error {
	out := bufio.NewWriterSize(to, 1<<16)
	sum := sha256.New()
	all := io.MultiWriter(out, sum)
	header := append([]byte{filterVersion}, mark[:]...)
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

// errFilterFile says that a file is not that of the filter.
var errFilterFile = errors.New("it is not the filter of what the directory has")

// loadFilter takes a filter out of its file, if that is of the same ids as the
// directory has. Nothing may have been added to it yet.
func (j *Journal) loadFilter(f *filter) error {
	file, err := j.disk.Open(j.filterPath(), vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	mark, err := j.markOfHeads()
	if err == nil {
		err = f.load(file, mark)
	}
	return errors.Join(err, file.Close())
}

// load takes what save has written, all of it or nothing.
func (f *filter) load(from io.Reader, mark ledger.Hash) error {
	sum := sha256.New()
	in := bufio.NewReaderSize(from, 1<<16)
	all := io.TeeReader(in, sum)
	var header [filterHeader]byte
	if _, err := io.ReadFull(all, header[:]); err != nil {
		return err
	}
	rest := header[1+len(mark):]
	if header[0] != filterVersion || ledger.Hash(header[1:1+len(mark)]) != mark {
		return errFilterFile
	}
	saved := filter{seed: binary.LittleEndian.Uint64(rest), maxBytes: f.maxBytes}
	for range rest[12] {
		if saved.grow(); saved.full {
			return errFilterFile
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
		return errFilterFile
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
