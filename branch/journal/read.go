package journal

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// visible is how far reads may go: Pebble shows a batch before its sync has finished,
// and it must not be seen until then.
type visible struct {
	branches []ledger.BranchID // those of the bank, ascending
	// order is that of the last batch committed.
	order atomic.Uint64
	// heads are the sequences where the journals end, by the bank's order.
	heads []atomic.Uint64
}

func newVisible(branches []ledger.BranchID) visible {
	return visible{branches: branches, heads: make([]atomic.Uint64, len(branches))}
}

func (v *visible) publish(ends []uint64, order uint64) {
	for i, end := range ends {
		v.heads[i].Store(end)
	}
	v.order.Store(order)
}

// end returns the sequence where a journal ends; 0 for a branch that the bank
// does not have.
func (v *visible) end(b ledger.BranchID) uint64 {
	if i, ok := slices.BinarySearch(v.branches, b); ok {
		return v.heads[i].Load()
	}
	return 0
}

// Request finds the entry that was first recorded of a request.
func (j *Journal) Request(request ledger.RequestKey) (ledger.Recorded, bool, error) {
	if err := j.enter(); err != nil {
		return ledger.Recorded{}, false, err
	}
	defer j.leave()
	if j.filter.Excludes(string(request)) {
		return ledger.Recorded{}, false, nil
	}
	if err := j.catchUpOn(request); err != nil {
		return ledger.Recorded{}, false, err
	}
	var rec ledger.Recorded
	err := j.eachRequest(func(find func(ledger.RequestKey) (ledger.Position, ledger.Amount, error)) (err error) {
		rec.At, rec.Balance, err = find(request)
		return err
	})
	if err != nil || rec.At.Sequence == 0 {
		return ledger.Recorded{}, false, err
	}
	err = j.scan(rec.At.Branch, rec.At.Sequence-1, func(key []byte, stored storedBatch) (bool, error) {
		s, err := stored.open(key)
		if err != nil {
			return false, err
		}
		if s.Batch.FirstSequence > rec.At.Sequence {
			return false, fmt.Errorf("%s: entry %d of branch %d is missing", request, rec.At.Sequence, rec.At.Branch)
		}
		rec.Entry = s.Batch.Entries[rec.At.Sequence-s.Batch.FirstSequence]
		if got := rec.Entry.RequestKey(); got != request {
			return false, fmt.Errorf("%s: entry %d of branch %d has %s", request, rec.At.Sequence, rec.At.Branch, got)
		}
		return false, nil
	})
	return rec, err == nil, err
}

// HashAt returns the hash of the batch of a branch that ends at sequence, or
// false when none does.
func (j *Journal) HashAt(branch ledger.BranchID, sequence uint64) (ledger.Hash, bool, error) {
	if err := j.enter(); err != nil {
		return ledger.Hash{}, false, err
	}
	defer j.leave()
	if err := j.writePending(); err != nil {
		return ledger.Hash{}, false, err
	}
	if sequence == 0 || sequence > j.visible.end(branch) {
		return ledger.Hash{}, false, nil
	}
	var hash ledger.Hash
	found := false
	err := get(j, appendBatchKey(nil, branch, sequence), &hash, func(key, value []byte) (ledger.Hash, error) {
		stored, err := decodeBatch(key, value)
		found = err == nil
		return stored.hash, err
	})
	return hash, found, err
}

// Batches returns outlines of the batches of a branch, in order, beginning with the
// one that has the entry after the given sequence: at least one if there is any, and
// about maxBytes of them at most. Each is checked against its hash; an error names
// the branch, and the sequence where the wrong batch ends.
func (j *Journal) Batches(branch ledger.BranchID, after uint64, maxBytes int) ([]*ledger.Outline, error) {
	if err := j.enter(); err != nil {
		return nil, err
	}
	defer j.leave()
	if err := j.writePending(); err != nil {
		return nil, err
	}
	var batches []*ledger.Outline
	total := 0
	err := j.scan(branch, after, func(key []byte, stored storedBatch) (bool, error) {
		if total += len(stored.bytes); total > maxBytes && len(batches) > 0 {
			return false, nil
		}
		stored.bytes = slices.Clone(stored.bytes)
		s, err := stored.outline(key)
		if err != nil {
			return false, err
		}
		batches = append(batches, s)
		return total < maxBytes, nil
	})
	if err != nil {
		return nil, err
	}
	return batches, nil
}

// scan visits the committed batches of a journal in order, beginning with the one
// that has the entry after the given sequence, until visit returns false. The key and
// the decoded value that visit gets last until it returns.
func (j *Journal) scan(branch ledger.BranchID, after uint64, visit func(key []byte, stored storedBatch) (bool, error)) (err error) {
	end := j.visible.end(branch)
	if after >= end {
		return nil
	}
	iter, err := j.batches(branch, after+1, end)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for more := iter.First(); more; more = more && iter.Next() {
		value, err := valueOf(iter)
		if err != nil {
			return err
		}
		stored, err := decodeBatch(iter.Key(), value)
		if err != nil {
			return err
		}
		if more, err = visit(iter.Key(), stored); err != nil {
			return err
		}
	}
	return iter.Error()
}

// End returns the last entry of a journal that is committed; 0 for none.
func (j *Journal) End(branch ledger.BranchID) uint64 { return j.visible.end(branch) }

// batches iterates over the batches of a journal that end from first to last.
func (j *Journal) batches(branch ledger.BranchID, first, last uint64) (*pebble.Iterator, error) {
	return j.db.NewIter(&pebble.IterOptions{
		LowerBound: appendBatchKey(nil, branch, first),
		UpperBound: append(appendBatchKey(nil, branch, last), 0),
	})
}

// current decodes the batch that an iterator is at.
func current(iter *pebble.Iterator) (storedBatch, *ledger.Sealed, error) {
	value, err := valueOf(iter)
	if err != nil {
		return storedBatch{}, nil, err
	}
	return openBatch(iter.Key(), value)
}

func valueOf(iter *pebble.Iterator) ([]byte, error) {
	value, err := iter.ValueAndErr()
	return value, named(iter.Key(), err)
}

func openBatch(key, value []byte) (storedBatch, *ledger.Sealed, error) {
	stored, err := decodeBatch(key, value)
	if err != nil {
		return stored, nil, err
	}
	sealed, err := stored.open(key)
	return stored, sealed, err
}
