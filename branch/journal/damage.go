package journal

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// DamageError says where a data directory is damaged: it does not hold what
// was written to it. A directory that a crash left behind is not damaged.
type DamageError struct {
	// Dir is the directory.
	Dir string
	// Place is the file and offset, or the key, or the branch and sequence.
	Place string
	// Problem is what is wrong there.
	Problem string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged: %s: %s", e.Dir, e.Place, e.Problem)
}

// IsDamage reports whether an error says that what was read is not what was
// written.
func IsDamage(err error) bool {
	var damage *DamageError
	return errors.As(err, &damage) || pebble.IsCorruptionError(err) || errors.Is(err, ledger.ErrBatchHash)
}
