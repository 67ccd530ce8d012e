package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal/internal/store"
	"passbook.example/passbook/branch/ledger"
)

// formatVersion is the version of the key layout and of what it means, oldestFormat the
// oldest one that is read: it has no forks, and every signature came with its batch. A
// directory gets formatVersion when it is opened. One with another version is refused.
const (
	formatVersion = 4
	oldestFormat  = 3
)

// Identity says which branch of which bank a data directory belongs to.
type Identity struct {
	// Branch is the branch whose directory it is.
	Branch ledger.BranchID
	// Branches are all branches of the bank, in any order.
	Branches []ledger.BranchID
	// Opening is the opening balance of the bank's shared account.
	Opening ledger.Amount
	// Bank is the bank. If Open or Check is given an id, the directory may have no
	// other one, and a directory without an id gets it. Without an id it may have
	// any.
	Bank ledger.Bank
}

// String implements fmt.Stringer.
func (id Identity) String() string {
	return fmt.Sprintf("branch %d of %v with branches %v and opening balance %d", id.Branch, id.Bank, id.Branches, id.Opening)
}

// sameBank reports whether two directories may belong to the same bank: one that
// has not heard of the founding may.
func (id Identity) sameBank(o Identity) bool {
	founded := id.Bank.Founded && o.Bank.Founded
	return id.Bank.Name == o.Bank.Name && (!founded || id.Bank.ID == o.Bank.ID) &&
		id.Opening == o.Opening && slices.Equal(id.Branches, o.Branches)
}

// genesis returns the hash that the first batch of every journal follows; zero while
// the bank is not founded.
func (id Identity) genesis() ledger.Hash {
	if !id.Bank.Founded {
		return ledger.Hash{}
	}
	return id.Bank.Genesis(id.Branches, id.Opening)
}

// IdentityError refuses a data directory that belongs to another branch or
// bank.
type IdentityError struct {
	// Dir is the directory.
	Dir string
	// Found is its owner, Want the branch that was to be opened.
	Found, Want Identity
}

// Error implements error.
func (e *IdentityError) Error() string {
	return fmt.Sprintf("%s holds the journal of %v, not of %v: use another --data directory", e.Dir, e.Found, e.Want)
}

// SameFile reports whether both have the same branch, branches and opening
// balance, and only the banks differ.
func (e *IdentityError) SameFile() bool {
	found, want := e.Found, e.Want
	return found.Branch == want.Branch && found.Opening == want.Opening && slices.Equal(found.Branches, want.Branches)
}

// FormatError refuses a data directory of another format.
type FormatError struct {
	// Dir is the directory.
	Dir string
	// Found is its format, Want the one that this build reads and writes.
	Found, Want uint64
}

// Error implements error.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s holds a journal in format %d, and this program reads format %d: use another --data directory, or the program that wrote it", e.Dir, e.Found, e.Want)
}

// Check returns the error with which Open would refuse the directory because of its
// identity, its format, or damage of its logs and tables that shows beforehand. It
// changes nothing. A directory that is not there, or is empty, is fine. With fs nil
// it is on the machine's file system.
func Check(dir string, id Identity, fs vfs.FS) error {
	if fs == nil {
		fs = vfs.Default
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
	}
	j := &Journal{disk: &store.Disk{FS: fs, Dir: dir}, readOnly: true, branches: slices.Sorted(slices.Values(id.Branches))}
	id.Branches = j.branches
	if _, err := fs.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if desc, err := pebble.Peek(dir, fs); err != nil || !desc.Exists {
		return errors.Join(err, j.lookAtNothing())
	}
	lock, err := j.lockDir(nil)
	if err != nil {
		return err
	}
	stored, err := j.look(lock.Options())
	if err == nil {
		err = j.fits(id, stored)
	} else {
		err = fmt.Errorf("open the store in %s: %w", dir, err)
	}
	return errors.Join(err, lock.Close())
}

// fits returns an error if the stored identity or the mark is wrong. It is called
// before the store is opened, which changes the directory.
func (j *Journal) fits(id Identity, stored []byte) error {
	if err := id.check(j.disk.Dir, stored); err != nil {
		return err
	}
	_, err := j.readMark()
	return err
}

func (id Identity) append(out []byte) []byte {
	out = binary.AppendUvarint(append(out, valueVersion), formatVersion)
	out = binary.AppendUvarint(out, uint64(id.Branch))
	out = binary.AppendUvarint(out, uint64(id.Opening))
	out = binary.AppendUvarint(out, uint64(len(id.Branches)))
	for _, b := range id.Branches {
		out = binary.AppendUvarint(out, uint64(b))
	}
	out = binary.AppendUvarint(out, uint64(len(id.Bank.Name)))
	out = append(append(out, id.Bank.Name...), id.Bank.ID[:]...)
	return binary.AppendUvarint(out, boolToUint(id.Bank.Founded))
}

// check compares the stored identity with the one that dir should have; without a
// stored one, all is well.
func (id Identity) check(dir string, value []byte) error {
	if value == nil {
		return nil
	}
	found, err := decodeIdentity(dir, value)
	if err != nil {
		return err
	}
	want := id
	want.Bank.Founded = want.Bank.ID != ledger.BankID{}
	if found.Branch != want.Branch || !found.sameBank(want) {
		return &IdentityError{Dir: dir, Found: found, Want: want}
	}
	return nil
}

func decodeIdentity(dir string, value []byte) (Identity, error) {
	d := newDecoder(value)
	if format := d.uint(); !d.bad && (format < oldestFormat || format > formatVersion) {
		return Identity{}, &FormatError{Dir: dir, Found: format, Want: formatVersion}
	}
	found := Identity{Branch: d.branch(), Opening: ledger.Amount(d.uint())}
	for range d.count() {
		found.Branches = append(found.Branches, d.branch())
	}
	found.Bank.Name = string(d.bytes(d.uint()))
	copy(found.Bank.ID[:], d.bytes(uint64(len(found.Bank.ID))))
	found.Bank.Founded = d.uint() != 0
	return found, d.end(identityKey)
}

// settle adopts the stored identity. It returns the value to store
// instead, or nil: a directory that belongs to no founded bank yet gets the one that
// is given.
func (j *Journal) settle(id Identity, value []byte) ([]byte, error) {
	if value != nil {
		if err := id.check(j.disk.Dir, value); err != nil {
			return nil, err
		}
		found, err := decodeIdentity(j.disk.Dir, value)
		if err != nil {
			return nil, err
		}
		if found.Bank.Founded || id.Bank.ID == (ledger.BankID{}) {
			id.Bank = found.Bank
			if j.id = id; bytes.Equal(value, id.append(nil)) {
				return nil, nil
			}
			return id.append(nil), nil // it is of an older format
		}
	}
	id.Bank.Founded = id.Bank.ID != ledger.BankID{}
	j.id = id
	return id.append(nil), nil
}
