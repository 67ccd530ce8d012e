package ledger

import "fmt"

// FillAccount is the account of entries that change nothing.
const FillAccount = "fork"

// Fill returns an entry of the i-th branch that changes nothing: it pays 1 into an account,
// and out again. Once a decision has left entries out of a journal, those of other branches
// may come after more entries than there are. The journal's writer fills it up with these.
//
// Customers may have paid so much into the account that the branch can't pay in more. Then
// the entry has another account, whose name nobody could know before. It returns false if
// that is full, too.
func (l *Ledger) Fill(i int) (Entry, bool) {
	for _, account := range []string{FillAccount, fmt.Sprintf("%s-%x", FillAccount, l.heads[i].Hash[:8])} {
		o := &Operations{Accounts: []string{account}, From: []uint32{0, 1}, To: []uint32{1, 0}, Amounts: []Amount{1, 1}}
		if _, err := l.Plan(i, o); err == nil {
			return Entry{Kind: Bulk, Operations: o}, true
		}
	}
	return Entry{}, false
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
