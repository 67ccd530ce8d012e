package journal

import (
	"encoding/binary"
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// formatVersion is that of the key layout and of what it means. A directory of
// another one is refused.
const formatVersion = 2

// Identity says which branch of which bank a data directory belongs to.
type Identity struct {
	// Branch is the branch whose directory it is.
	Branch ledger.BranchID
	// Branches are all branches of the bank, in any order.
	Branches []ledger.BranchID
	// Opening is the opening balance of the bank's shared account.
	Opening ledger.Amount
}

func (id Identity) String() string {
	return fmt.Sprintf("branch %d of the bank with branches %v and opening balance %d", id.Branch, id.Branches, id.Opening)
}

func (id Identity) equal(o Identity) bool {
	return id.Branch == o.Branch && id.Opening == o.Opening && slices.Equal(id.Branches, o.Branches)
}

// IdentityError refuses a data directory that belongs to another branch or
// bank.
type IdentityError struct {
	Dir         string
	Found, Want Identity
}

func (e *IdentityError) Error() string {
	return fmt.Sprintf("%s holds the journal of %v, not of %v: use another --data directory", e.Dir, e.Found, e.Want)
}

// FormatError refuses a data directory of another format.
type FormatError struct {
	Dir         string
	Found, Want uint64
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s holds a journal in format %d, and this program reads format %d: use another --data directory, or the program that wrote it", e.Dir, e.Found, e.Want)
}

func (id Identity) append(out []byte) []byte {
	out = binary.AppendUvarint(append(out, valueVersion), formatVersion)
	out = binary.AppendUvarint(out, uint64(id.Branch))
	out = binary.AppendUvarint(out, uint64(id.Opening))
	out = binary.AppendUvarint(out, uint64(len(id.Branches)))
	for _, b := range id.Branches {
		out = binary.AppendUvarint(out, uint64(b))
	}
	return out
}

// check compares the stored identity with what dir should hold.
func (id Identity) check(dir string, value []byte) error {
	found, err := decodeIdentity(dir, value)
	if err != nil {
		return err
	}
	if !found.equal(id) {
		return &IdentityError{Dir: dir, Found: found, Want: id}
	}
	return nil
}

func decodeIdentity(dir string, value []byte) (Identity, error) {
	d := newDecoder(value)
	if format := d.uint(); !d.bad && format != formatVersion {
		return Identity{}, &FormatError{Dir: dir, Found: format, Want: formatVersion}
	}
	found := Identity{Branch: d.branch(), Opening: ledger.Amount(d.uint())}
	for range d.count() {
		found.Branches = append(found.Branches, d.branch())
	}
	return found, d.end(identityKey)
}
