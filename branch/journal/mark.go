package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The mark is a file beside the store that says how much of every journal is
// known to be on disk: the directory must have at least that for ever. It is written
// when the journal is opened and closed, and after each flush; not at every sync,
// which it would double. So a directory that was closed can't lose anything
// unnoticed, and one that crashed no more than what it synced since the last of
// these.
const (
	markFile    = "synced"
	markTemp    = markFile + ".tmp"
	markVersion = 1
)

// castagnoli is for the checksums of the files beside the store.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// mark writes that the journals are synced up to ends.
func (j *Journal) mark(ends []uint64) error {
	value := binary.AppendUvarint([]byte{markVersion}, j.state.order)
	for i, b := range j.branches {
		value = binary.AppendUvarint(binary.AppendUvarint(value, uint64(b)), ends[i])
	}
	value = binary.BigEndian.AppendUint32(value, crc32.Checksum(value, castagnoli))
	temp := j.disk.PathJoin(j.disk.Dir, markTemp)
	f, err := j.disk.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(value)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := j.disk.Rename(temp, j.disk.PathJoin(j.disk.Dir, markFile)); err != nil {
		return err
	}
	if err := j.disk.SyncDir(); err != nil {
		return err
	}
	return j.disk.Failure()
}

// readMark returns what the mark says, and nil if there is none.
func (j *Journal) readMark() ([]byte, error) {
	value, err := readFile(j.disk, j.disk.PathJoin(j.disk.Dir, markFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := len(value) - crc32.Size
	if n < 0 || crc32.Checksum(value[:n], castagnoli) != binary.BigEndian.Uint32(value[n:]) {
		return nil, j.damaged("file "+markFile, "it does not have its checksum; if the rest of the directory is verified, it can be removed")
	}
	return value[:n], nil
}

// checkMark returns a *DamageError when the directory has less than its mark says.
// Nothing was ever written to a directory without a mark.
func (j *Journal) checkMark() error {
	value, err := j.readMark()
	if err != nil || value == nil {
		return err
	}
	d := newDecoder(value)
	order := d.uint()
	for len(d.in) > 0 && !d.bad {
		b, end := d.branch(), d.uint()
		if held := j.visible.end(b); held < end {
			return j.damaged(fmt.Sprintf("journal of branch %d", b), "it ends at sequence %d, and was synced up to %d", held, end)
		}
	}
	if j.state.order < order {
		return j.damaged(keyName(stateKey), "%d batches are applied, and %d were synced", j.state.order, order)
	}
	return d.end([]byte(markFile))
}

func (j *Journal) damaged(place, format string, args ...any) error {
	return &DamageError{Dir: j.disk.Dir, Place: place, Problem: fmt.Sprintf(format, args...)}
}

// ends returns the sequences where the journals end, by the bank's order.
func (j *Journal) ends() []uint64 {
	ends := make([]uint64, len(j.branches))
	for i, b := range j.branches {
		ends[i] = j.visible.end(b)
	}
	return ends
}
