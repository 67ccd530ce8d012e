package journal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal/internal/store"
	"passbook.example/passbook/branch/ledger"
)

// View is a data directory that is only looked at. Nothing in it is checked but what is
// read.
type View struct {
	// Identity is the branch and the bank that the directory belongs to.
	Identity Identity
	j        *Journal // read-only
}

// Look opens a data directory for looking, without changing it. Its errors are those of
// Verify. The caller closes what it returns.
func Look(dir string, fs vfs.FS) (*View, error) {
	if fs == nil {
		fs = vfs.Default
	}
	j := &Journal{disk: &store.Disk{FS: fs, Dir: dir}, readOnly: true}
	if desc, err := pebble.Peek(dir, fs); err != nil {
		return nil, err
	} else if !desc.Exists {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoJournal)
	}
	if err := j.openStore(nil, func([]byte) error { return nil }); err != nil {
		return nil, err
	}
	v := &View{j: j}
	if err := v.read(); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return v, nil
}

// read reads the identity and the heads.
func (v *View) read() error {
	err := get(v.j, identityKey, &v.Identity, func(_, value []byte) (Identity, error) { return decodeIdentity(v.j.disk.Dir, value) })
	if err != nil {
		return err
	}
	if v.Identity.Branch == 0 {
		return v.j.damaged(keyName(identityKey), "it is missing")
	}
	v.j.branches = slices.Sorted(slices.Values(v.Identity.Branches))
	v.j.visible = newVisible(v.j.branches)
	for i, b := range v.j.branches {
		var h ledger.Head
		if err := get(v.j, appendHeadKey(nil, b), &h, decodeHead); err != nil {
			return err
		}
		v.j.visible.heads[i].Store(h.Sequence)
	}
	return nil
}

// Batch returns the batch that has an entry; nil if there is none.
func (v *View) Batch(at ledger.Position) (*ledger.Outline, error) { return v.j.BatchOf(at) }

// Certificate returns the chain of a certificate that a batch names; nil if there is
// none.
func (v *View) Certificate(f ledger.Fingerprint) ([]byte, error) { return v.j.Certificate(f) }

// Close closes the directory.
func (v *View) Close() error { return v.j.Close() }

// BatchOf returns the batch that has an entry; nil if there is none.
func (j *Journal) BatchOf(at ledger.Position) (*ledger.Outline, error) {
	if at.Sequence == 0 {
		return nil, nil
	}
	batches, err := j.Batches(at.Branch, at.Sequence-1, 1)
	if err != nil || len(batches) == 0 {
		return nil, damaged(err)
	}
	return batches[0], nil
}
