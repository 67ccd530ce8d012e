package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal/internal/place"
	"passbook.example/passbook/branch/ledger"
)

// A directory that was copied, or restored from a copy, may be old, whatever it
// says of itself: the branch on it must ask every other one before it writes. It
// is recognised by something that copying does not preserve. The file "home" has a
// random number that is drawn anew at each opening, and now and then after. The store
// has the same number, and the place of the file: its inode, when it was made, and
// when it was last changed. A copy is another file, and a file that was written over
// has changed since.
//
// The number is drawn in three steps, each synced: the store gets the next number,
// the file is written, the store gets the place of the file. A crash between them
// leaves a directory that is at home: the file has the number before, unchanged, or
// the next.
const (
	homeFile    = "home"
	homeVersion = 1
	// homeEvery is how often the number is drawn while the branch writes. A
	// restored backup has an older number, unless the backup is younger than that.
	homeEvery = time.Minute
)

// Place is where a file is, as far as its file system tells.
type Place = place.Place

type homeNumber [16]byte

// homeRecord is what the store knows of the file "home".
type homeRecord struct {
	// number is in the file, and place is where the file is.
	number homeNumber
	place  Place
	// next is the number that is being written; zero when none is.
	next homeNumber
}

func (h homeRecord) append(out []byte) []byte {
	out = append(append(out, valueVersion), h.number[:]...)
	out = append(out, h.next[:]...)
	out = binary.AppendUvarint(out, h.place.Inode)
	out = binary.AppendVarint(out, h.place.Born)
	out = binary.AppendVarint(out, h.place.Changed)
	return binary.AppendUvarint(out, h.place.System)
}

func decodeHomeRecord(key, value []byte) (homeRecord, error) {
	d := newDecoder(value)
	var h homeRecord
	copy(h.number[:], d.bytes(uint64(len(h.number))))
	copy(h.next[:], d.bytes(uint64(len(h.next))))
	h.place = Place{Inode: d.uint(), Born: d.int(), Changed: d.int(), System: d.uint()}
	return h, d.end(key)
}

// home is what a journal knows about whether its directory is where it was.
type home struct {
	// place tells where a file is; nil if the system does not.
	place func(path string) (Place, error)
	// away is why the directory counts as a copy; empty if it does not.
	away   string
	record homeRecord // as the store has it
	drawn  time.Time  // when the number was last drawn
}

// checkHome finds out whether the directory is a copy. isNew says that it is
// opened for the first time.
func (j *Journal) checkHome(isNew bool) error {
	h := &j.home
	if h.place == nil {
		return nil
	}
	if err := get(j, homeKey, &h.record, decodeHomeRecord); err != nil {
		return err
	}
	if isNew {
		return nil
	}
	var err error
	h.away, err = j.whyAway()
	return err
}

func (j *Journal) whyAway() (string, error) {
	h := &j.home
	first := h.record.number == homeNumber{}
	if first && h.record.next != (homeNumber{}) {
		return "", nil // its first opening broke off
	}
	at, err := h.place(j.disk.Path(homeFile))
	switch {
	case errors.Is(err, os.ErrNotExist), first:
		return fmt.Sprintf("the file %s is missing", homeFile), nil
	case err != nil:
		return "", err
	}
	number, whole, err := j.readHome()
	switch {
	case err != nil:
		return "", err
	case !at.SameFile(h.record.place):
		return fmt.Sprintf("the file %s is another one than was written here", homeFile), nil
	case whole && number == h.record.number && at.Changed == h.record.place.Changed:
		return "", nil
	case h.record.next != homeNumber{} && (!whole || number == h.record.next):
		// Drawing broke off. The next drawing may, too, before it writes the file.
		h.record.number, h.record.place = number, at
		return "", nil
	}
	return fmt.Sprintf("the file %s has been changed since it was written", homeFile), nil
}

// readHome returns the number in the file, and whether the file is whole.
func (j *Journal) readHome() (number homeNumber, whole bool, err error) {
	data, err := readFile(j.disk, j.disk.Path(homeFile))
	if err != nil {
		return number, false, err
	}
	n := len(data) - crc32.Size
	if n != 1+len(number) || data[0] != homeVersion || crc32.Checksum(data[:n], castagnoli) != binary.BigEndian.Uint32(data[n:]) {
		return number, false, nil
	}
	return homeNumber(data[1:n]), true, nil
}

// drawHome is the first step: it adds the next number to a batch that will be synced.
func (j *Journal) drawHome(to *pebble.Batch) error {
	h := &j.home
	if h.place == nil {
		return nil
	}
	_, _ = rand.Read(h.record.next[:]) // it never fails
	return to.Set(homeKey, h.record.append(nil), nil)
}

// settleHome is the other two steps: after them the directory is at home here.
func (j *Journal) settleHome() error {
	h := &j.home
	if h.place == nil {
		return nil
	}
	if err := j.writeHome(h.record.next); err != nil {
		return err
	}
	at, err := h.place(j.disk.Path(homeFile))
	if err != nil {
		return err
	}
	h.record = homeRecord{number: h.record.next, place: at}
	if err := j.db.Set(homeKey, h.record.append(nil), pebble.Sync); err != nil {
		return err
	}
	h.away, h.drawn = "", time.Now()
	return j.disk.Failure()
}

// writeHome writes the number over the one in the file, which stays the same
// file.
func (j *Journal) writeHome(number homeNumber) error {
	value := append([]byte{homeVersion}, number[:]...)
	value = binary.BigEndian.AppendUint32(value, crc32.Checksum(value, castagnoli))
	f, err := j.disk.OpenReadWrite(j.disk.Path(homeFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(value, 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return j.disk.SyncDir()
}

// comeHome draws another number. A directory that counted as a copy then no longer
// does.
func (j *Journal) comeHome() error {
	batch := j.db.NewBatch()
	err := j.drawHome(batch)
	if err == nil {
		err = batch.Commit(pebble.Sync)
	}
	if err = errors.Join(err, batch.Close(), j.disk.Failure()); err != nil {
		return err
	}
	return j.settleHome()
}

// keepHome draws another number after a commit, if one is due.
func (j *Journal) keepHome(c *ledger.Commit) error {
	h := &j.home
	switch {
	case h.place == nil:
		return nil
	case h.away != "" && c.Settled, h.away == "" && c.Sync && !j.patient && time.Since(h.drawn) >= homeEvery:
		return j.comeHome()
	}
	return nil
}

// home checks the file by which a copy is recognised, if the directory has one.
// Its place does not matter: a backup's is another.
func (v *verification) home() error {
	record := &v.j.home.record
	if err := get(v.j, homeKey, record, decodeHomeRecord); err != nil {
		v.found(keyName(homeKey), "%v", err)
		return nil
	}
	if record.number == (homeNumber{}) {
		return nil
	}
	number, whole, err := v.j.readHome()
	switch broken := record.next != (homeNumber{}); {
	case errors.Is(err, os.ErrNotExist):
		v.found("file "+homeFile, "it is missing: the branch takes the directory for a copy")
	case err != nil:
		return err
	case !whole && !broken:
		v.found("file "+homeFile, "it does not have its checksum: the branch takes the directory for a copy")
	case whole && number != record.number && (!broken || number != record.next):
		v.found("file "+homeFile, "it is not the one that belongs to the store: the branch takes the directory for a restored one")
	}
	return nil
}
