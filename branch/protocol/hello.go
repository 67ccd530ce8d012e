package protocol

import (
	"crypto/sha256"
	"encoding/binary"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
)

// Version is the version of the protocol between branches. A branch that speaks
// another one is refused.
const Version = 1

// BankHash returns a hash of the branches of a bank, ascending, and its opening
// balance. Branches refuse links with a branch whose hash is another.
func BankHash(branches []ledger.BranchID, opening ledger.Amount) ledger.Hash {
	text := []byte("passbook bank 1\n")
	text = binary.BigEndian.AppendUint64(text, uint64(opening))
	for _, b := range branches {
		text = binary.BigEndian.AppendUint32(text, uint32(b))
	}
	return sha256.Sum256(text)
}

// StrangerError refuses a link with a branch of another bank, or one that
// speaks another version.
type StrangerError struct {
	// Branch is the one that is refused.
	Branch ledger.BranchID
	// Problem says why.
	Problem string
}

// Error implements error.
func (e *StrangerError) Error() string { return e.Problem }

// Code returns failed_precondition.
func (e *StrangerError) Code() code.Code { return code.FailedPrecondition }

// Hello says which branch speaks, and how far it has applied and synced every
// journal.
type Hello struct {
	// Version is the speaker's.
	Version    uint32
	Branch, To ledger.BranchID
	Epoch      uint64
	Applied    []ledger.MarkedPosition
	// Holds is how far the speaker has the listener's journal, with the batches that it can't
	// post since a fork was mended; 0 if that is no further than it has applied it.
	Holds uint64
	// Bank is the [BankHash] of the speaker, Identity the bank that the speaker has
	// recorded as its own.
	Bank     ledger.Hash
	Identity ledger.Bank
}
