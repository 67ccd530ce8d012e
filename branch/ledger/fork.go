package ledger

import (
	"bytes"
	"cmp"
	"fmt"
)

// Fork is a place in a journal where there are two different batches, which follow the
// same one: the journal has forked there. It proves itself. It stays until an operator
// decides which of the two counts.
type Fork struct {
	// Sides are the batches. The first is the one that this branch had applied when it
	// found that there are two.
	Sides [2]*Outline
	// ShownBy is the peer that has shown the second.
	ShownBy BranchID
	// Kept is the hash of the batch that counts; zero while that is not decided.
	Kept Hash
	// Decision is by whom, when and why.
	Decision Decision
}

// Decision is what is recorded with an operator's word.
type Decision struct {
	// By is who has decided, At when, in milliseconds since 1970.
	By string
	At int64
	// Note is what he has noted.
	Note string
}

// ForkKey names a fork. It is the same at every branch.
type ForkKey struct {
	Branch BranchID // the journal's writer
	First  uint64   // the first entry of both batches
	// Hashes are those of both batches, the smaller first.
	Hashes [2]Hash
}

// Key names the fork.
func (f *Fork) Key() ForkKey {
	a, b := f.Sides[0].Hash, f.Sides[1].Hash
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return ForkKey{Branch: f.Sides[0].Span.Branch, First: f.Sides[0].Span.First, Hashes: [2]Hash{a, b}}
}

// First returns the first entry of both batches.
func (f *Fork) First() uint64 { return f.Sides[0].Span.First }

// Compare orders forks by branch, place and batches.
func (k ForkKey) Compare(o ForkKey) int {
	return cmp.Or(
		cmp.Compare(k.Branch, o.Branch), cmp.Compare(k.First, o.First),
		bytes.Compare(k.Hashes[0][:], o.Hashes[0][:]), bytes.Compare(k.Hashes[1][:], o.Hashes[1][:]),
	)
}

// Decided reports whether an operator has decided which batch counts.
func (f *Fork) Decided() bool { return f.Kept != Hash{} }

// Counts returns the batch that counts; nil while that is not decided.
func (f *Fork) Counts() *Outline {
	switch f.Kept {
	case f.Sides[0].Hash:
		return f.Sides[0]
	case f.Sides[1].Hash:
		return f.Sides[1]
	}
	return nil
}

// Dropped returns the batch that does not count; nil while that is not decided.
func (f *Fork) Dropped() *Outline {
	switch f.Counts() {
	case nil:
		return nil
	case f.Sides[0]:
		return f.Sides[1]
	}
	return f.Sides[0]
}

// Dependent says what of a journal depends on a fork of another one.
type Dependent struct {
	// Branch is the journal's writer.
	Branch BranchID
	// First is the first entry that comes after entries from the fork on, or after such
	// entries of a third journal; Last is the journal's last entry.
	First, Last uint64
}

// Check reports what makes a fork none.
func (f *Fork) Check() error {
	a, b := f.Sides[0], f.Sides[1]
	switch {
	case a == nil || b == nil:
		return fmt.Errorf("a fork of one batch")
	case a.Span.Branch != b.Span.Branch || a.Span.First != b.Span.First:
		return fmt.Errorf("its batches begin at entry %d of branch %d and entry %d of branch %d", a.Span.First, a.Span.Branch, b.Span.First, b.Span.Branch)
	case a.Hash == b.Hash:
		return fmt.Errorf("both of its batches are the same")
	case f.Decided() && f.Dropped() == nil:
		return fmt.Errorf("the batch that counts is none of its batches")
	}
	return nil
}

// PostNext posts a batch if it is next in its journal and all that it depends on is
// posted. An error says why it can't be posted now, and the ledger is unchanged. Since
// other journals only ever add to what a branch may spend, a batch that can be posted now
// can also be posted later. So those that can be posted, of some batches, are the same in
// whatever order they are tried.
func (l *Ledger) PostNext(s *Sealed) ([]Posted, error) {
	if err := l.Follows(s); err != nil {
		return nil, err
	}
	return l.PostBatch(s)
}

// Follows reports why a batch is not next in its journal, or depends on what is not posted.
func (l *Ledger) Follows(s *Sealed) error {
	b := s.Batch
	i, ok := l.index[b.Branch]
	if !ok {
		return fmt.Errorf("batch of branch %d, which this bank does not have", b.Branch)
	}
	head := l.heads[i]
	switch {
	case b.FirstSequence != head.Sequence+1:
		return fmt.Errorf("entry %d of branch %d is not the next one, which is entry %d", b.FirstSequence, b.Branch, head.Sequence+1)
	case b.PrevHash != head.Hash:
		return fmt.Errorf("entry %d of branch %d follows another batch", b.FirstSequence, b.Branch)
	case b.Epoch < head.Epoch:
		return fmt.Errorf("entry %d of branch %d is of boot %d, the one before it of boot %d", b.FirstSequence, b.Branch, b.Epoch, head.Epoch)
	}
	for _, a := range b.After {
		if k, ok := l.index[a.Branch]; !ok || l.heads[k].Sequence < a.Sequence {
			return &MissingError{Branch: b.Branch, First: b.FirstSequence, At: a}
		}
	}
	if err := l.CheckLead(i, b); err != nil {
		return err
	}
	return nil
}
