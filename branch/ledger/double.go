package ledger

// MaxDoubleEntries bounds the entries that a Double names.
const MaxDoubleEntries = 4

// Double is a request id that several entries have: a customer was served as
// often. It stays until an operator has looked.
type Double struct {
	// RequestID is empty in the one that counts the request ids for which there
	// was no room.
	RequestID string
	// Entries are the first that have it, in the order in which they were applied.
	Entries []DoubleEntry
	// More counts the other entries, or the request ids.
	More uint64
	// Resolved says in a commit that the operator has looked: it is forgotten.
	Resolved bool
}

// DoubleEntry tells what an operator needs to know of an entry.
type DoubleEntry struct {
	At                 Position
	Kind               Kind
	Account, ToAccount string
	Amount             Amount
	// Operations counts those of a bulk.
	Operations int
	CustomerID int64
	RecordedAt int64
}

// NewDoubleEntry returns what an operator needs to know of an entry.
func NewDoubleEntry(at Position, e *Entry) DoubleEntry {
	d := DoubleEntry{
		At: at, Kind: e.Kind, Account: e.Account, ToAccount: e.ToAccount, Amount: e.Amount,
		CustomerID: e.CustomerID, RecordedAt: e.RecordedAt,
	}
	if e.Operations != nil {
		d.Operations = e.Operations.Len()
	}
	return d
}

// Has reports whether an entry is among those it names.
func (d *Double) Has(at Position) bool {
	for i := range d.Entries {
		if d.Entries[i].At == at {
			return true
		}
	}
	return false
}
