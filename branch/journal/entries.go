package journal

import (
	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// Entries lists the journal of a branch, grants included. It returns the page
// and the cursor of the next one, or 0 when there is no more.
func (j *Journal) Entries(branch ledger.BranchID, q Page) ([]Listed, uint64, error) {
	if err := j.enter(); err != nil {
		return nil, 0, err
	}
	defer j.leave()
	if err := j.writePending(); err != nil {
		return nil, 0, err
	}
	l := newLister(q)
	first, end := uint64(1), j.visible.end(branch)
	if !q.Newest {
		first = q.Cursor + 1
	}
	if first == 0 || first > end {
		return nil, 0, nil
	}
	iter, err := j.batches(branch, first, end)
	if err != nil {
		return nil, 0, damaged(err)
	}
	start := iter.First
	if q.Newest {
		start = func() bool { return seekEntry(iter, branch, min(q.Cursor-1, end)) }
	}
	err = l.walk(iter, start, func() (bool, error) { return l.addEntries(iter) })
	if err != nil {
		return nil, 0, err
	}
	return l.items, l.next, nil
}

// seekEntry moves iter to the batch that has an entry, if there is one.
func seekEntry(iter *pebble.Iterator, branch ledger.BranchID, sequence uint64) bool {
	return sequence > 0 && iter.SeekGE(appendBatchKey(nil, branch, sequence))
}

// addEntries adds the entries of the batch that iter is at. The cursor of an
// entry is its sequence.
func (l *lister) addEntries(iter *pebble.Iterator) (bool, error) {
	stored, sealed, err := current(iter)
	if err != nil {
		return false, err
	}
	b := sealed.Batch
	posted, err := stored.balances(iter.Key(), b.Entries)
	if err != nil {
		return false, err
	}
	return l.indexes(len(b.Entries), func(i int) bool {
		e := b.Entries[i]
		at := ledger.Position{Branch: b.Branch, Sequence: e.Sequence}
		return !l.after(e.Sequence) || l.add(e.Sequence, Listed{At: at, Entry: e, Balance: posted[i].Balance})
	}), nil
}
