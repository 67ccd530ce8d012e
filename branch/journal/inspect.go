package journal

import "passbook.example/passbook/branch/ledger"

// Inspector looks at what is verified, for something that the journal does not know, such
// as who has signed it.
type Inspector interface {
	// Begin is told of a directory before its first batch. certificate returns the chain
	// of a certificate that a batch names, nil if there is none.
	Begin(dir string, id Identity, certificate func(ledger.Fingerprint) ([]byte, error)) error
	// Batch looks at a batch, in the order in which the branch has applied them. It
	// returns what is wrong with it; nothing if nothing is.
	Batch(o *ledger.Outline) (problem string)
}
