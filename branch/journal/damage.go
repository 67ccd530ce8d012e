package journal

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
)

// DamageError says where a data directory is damaged: it does not have what was
// written to it. A directory that a crash left behind is not damaged.
type DamageError struct {
	// Dir is the directory.
	Dir string
	// Place is the file and offset, or the key, or the branch and sequence.
	Place string
	// Problem is what is wrong there.
	Problem string
}

// Error implements error.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged: %s: %s", e.Dir, e.Place, e.Problem)
}

// Code returns data_loss.
func (e *DamageError) Code() code.Code { return code.DataLoss }

// damaged gives an error of a read the code data_loss if it says that other data was
// read than was written. It returns any other error as it is.
func damaged(err error) error {
	if pebble.IsCorruptionError(err) || errors.Is(err, ledger.ErrBatchHash) {
		return code.Errorf(code.DataLoss, "%w", err)
	}
	return err
}
