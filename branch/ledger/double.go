package ledger

// MaxDoubleEntries bounds the entries that a Double names.
const MaxDoubleEntries = 4

// Double is a request id of a customer that several entries have, so a request was
// carried out more than once. It stays until an operator resolves it.
type Double struct {
	// Customer is the name of the customer whose request id it is; empty for nobody.
	Customer string
	// RequestID is empty in the one that counts the request ids for which there
	// was no room.
	RequestID string
	// Entries are the first entries that have it, in the order in which they were
	// applied.
	Entries []DoubleEntry
	// More counts the other entries, or the request ids.
	More uint64
	// Resolved says, in a commit, that an operator has resolved it: it is forgotten.
	Resolved bool
}

// DoubleEntry is what an operator needs to know about an entry.
type DoubleEntry struct {
	At                 Position // where the entry is
	Kind               Kind     // says which of the fields below the entry has
	Account, ToAccount string   // as in Entry; empty for a bulk
	Amount             Amount   // as in Entry; 0 for a bulk
	// Operations is the number of operations of a bulk.
	Operations int
	CustomerID int64 // the customer who asked
	RecordedAt int64 // the writer's wall time, in milliseconds since 1970
}

// NewDoubleEntry returns what an operator needs to know about an entry.
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

// Key returns what the request is known by; the empty key in the one that counts the
// request ids for which there was no room.
func (d *Double) Key() RequestKey { return NewRequestKey(d.Customer, d.RequestID) }

// Has reports whether an entry is among Entries.
func (d *Double) Has(at Position) bool {
	for i := range d.Entries {
		if d.Entries[i].At == at {
			return true
		}
	}
	return false
}

// Keep forgets the entries that are not there any more. If fewer than two are left, it is
// resolved.
func (d *Double) Keep(there func(Position) bool) {
	if d.RequestID == "" {
		return
	}
	var kept []DoubleEntry
	for i := range d.Entries {
		if there(d.Entries[i].At) {
			kept = append(kept, d.Entries[i])
		}
	}
	d.Entries = kept
	d.Resolved = uint64(len(kept))+d.More < 2
}
