package protocol

import (
	"fmt"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
)

// Lie says which rule a message of a peer breaks.
type Lie uint8

// The rules that a message may break.
const (
	// BadForm: it is malformed, or names something that this bank does not have.
	BadForm Lie = iota + 1
	// BadClock: a Lamport time runs ahead of this branch's by more than
	// [ledger.MaxClockLead].
	BadClock
	// BadEpoch: a boot runs ahead of the last one known by more than
	// [ledger.MaxEpochLead].
	BadEpoch
	// BadPosition: it names entries that its sender does not show, or can't have.
	BadPosition
	// BadBatch: a batch does not follow the one before it, or breaks a rule of
	// the ledger.
	BadBatch
	// BadAccusation: it says that a journal has forked, and does not prove it.
	BadAccusation
	// BadAnswer: an answer to a call is not possible.
	BadAnswer
	// BadBank: a hello is of another bank, or in another version.
	BadBank
	// BadSignature: a batch is not signed by its writer.
	BadSignature
	// Lies is larger than any of them.
	Lies
)

// String names the rule.
func (l Lie) String() string {
	switch l {
	case BadForm:
		return "form"
	case BadClock:
		return "clock"
	case BadEpoch:
		return "epoch"
	case BadPosition:
		return "position"
	case BadBatch:
		return "batch"
	case BadAccusation:
		return "accusation"
	case BadAnswer:
		return "answer"
	case BadBank:
		return "bank"
	case BadSignature:
		return "signature"
	}
	return fmt.Sprintf("lie(%d)", uint8(l))
}

// Refusal tells the replica's owner about a message that was refused.
type Refusal struct {
	// Peer is the sender that the message names.
	Peer ledger.BranchID
	Lie  Lie
	// Text says what was wrong.
	Text string
	// Close says that the link to the peer is to be ended.
	Close bool
	// First says that it is the first of its kind from this peer.
	First bool
}

// SignatureError refuses a batch, or a certificate, because it does not prove who has
// written the batch.
type SignatureError struct {
	// Branch is the writer that the batch names, Sequence its last entry; 0 for an error
	// about a certificate.
	Branch   ledger.BranchID
	Sequence uint64
	// Problem says what is wrong.
	Problem string
}

// Error implements error.
func (e *SignatureError) Error() string {
	if e.Branch == 0 {
		return e.Problem
	}
	return fmt.Sprintf("the batch of branch %d that ends with entry %d: %s", e.Branch, e.Sequence, e.Problem)
}

// Code returns invalid_argument.
func (e *SignatureError) Code() code.Code { return code.InvalidArgument }

// LeadLie returns the rule that a batch breaks when it is too far ahead.
func LeadLie(err *ledger.LeadError) Lie {
	if err.What == "epoch" {
		return BadEpoch
	}
	return BadClock
}
