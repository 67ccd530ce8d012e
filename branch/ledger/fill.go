package ledger

import "fmt"

// FillAccount is the account of entries that change nothing.
const FillAccount = "fork"

// Fill returns an entry that changes nothing: it pays 1 into an account, and out again. Once
// a decision has left entries out of a journal, those of other branches may come after more
// entries than there are. The journal's writer fills it up with these.
func Fill() Entry {
	return Entry{Kind: Bulk, Operations: &Operations{Accounts: []string{FillAccount}, From: []uint32{0, 1}, To: []uint32{1, 0}, Amounts: []Amount{1, 1}}}
}

// MissingError says that a batch comes after an entry that is not posted.
type MissingError struct {
	// Branch and First name the batch by its first entry.
	Branch BranchID
	First  uint64
	// At is the entry.
	At Position
}

// Error implements error.
func (e *MissingError) Error() string {
	return fmt.Sprintf("entry %d of branch %d comes after entry %d of branch %d, which is missing", e.First, e.Branch, e.At.Sequence, e.At.Branch)
}
