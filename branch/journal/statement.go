package journal

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// Statement lists the entries that changed an account's balance, in the order
// in which this branch applied them, each with the account's balance right
// after it. It returns the page and the cursor of the next one, or 0 when
// there is no more.
func (j *Journal) Statement(account string, q Page) ([]Listed, uint64, error) {
	if err := j.enter(); err != nil {
		return nil, 0, err
	}
	defer j.leave()
	if err := j.writePending(); err != nil {
		return nil, 0, err
	}
	l := newLister(q)
	first, last := uint64(1), j.visible.order.Load()
	if q.Newest && q.Cursor != 0 {
		last = min(last, orderOf(q.Cursor))
	} else {
		first = max(first, orderOf(q.Cursor))
	}
	if len(account) > ledger.MaxNameBytes || first > last {
		return nil, 0, nil
	}
	iter, err := j.db.NewIter(&pebble.IterOptions{
		LowerBound: appendStatementKey(nil, account, first),
		UpperBound: append(appendStatementKey(nil, account, last), 0),
	})
	if err != nil {
		return nil, 0, damaged(err)
	}
	start := iter.First
	if q.Newest {
		start = iter.Last
	}
	err = l.walk(iter, start, func() (bool, error) { return j.addMentioned(l, account, iter) })
	if err != nil {
		return nil, 0, err
	}
	return l.items, l.next, nil
}

// The cursor of an entry in a statement is the order of its batch and, below
// that, its index in the batch.
func statementCursor(order uint64, index int) uint64 {
	return order*ledger.MaxBatchEntries + uint64(index)
}

func orderOf(cursor uint64) uint64 { return cursor / ledger.MaxBatchEntries }

// addMentioned adds the entries that the statement key at iter names.
func (j *Journal) addMentioned(l *lister, account string, iter *pebble.Iterator) (more bool, err error) {
	value, err := iter.ValueAndErr()
	if err != nil {
		return false, fmt.Errorf("%s: %w", keyName(iter.Key()), err)
	}
	m, err := decodeMention(iter.Key(), value)
	if err != nil {
		return false, err
	}
	key := appendBatchKey(nil, m.branch, m.last)
	value, closer, err := j.db.Get(key)
	if err != nil {
		return false, fmt.Errorf("%s names the %s: %w", keyName(iter.Key()), keyName(key), err)
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	stored, sealed, err := openBatch(key, value)
	if err != nil {
		return false, err
	}
	posted, err := stored.balances(key, sealed.Batch.Entries)
	if err != nil {
		return false, err
	}
	if n := len(m.indexes); n > 0 && m.indexes[n-1] >= len(posted) {
		return false, fmt.Errorf("%s names entry %d of the %s, which has %d", keyName(iter.Key()), m.indexes[n-1]+1, keyName(key), len(posted))
	}
	order := statementOrder(iter.Key())
	return l.indexes(len(m.indexes), func(k int) bool {
		cursor := statementCursor(order, m.indexes[k])
		return !l.after(cursor) || l.add(cursor, mentioned(account, sealed.Batch, posted, m.indexes[k]))
	}), nil
}

// mentioned returns an entry as the statement of an account shows it.
func mentioned(account string, b *ledger.Batch, posted []ledger.Posted, index int) Listed {
	e := b.Entries[index]
	return Listed{At: ledger.Position{Branch: b.Branch, Sequence: e.Sequence}, Entry: e, Balance: posted[index].BalanceOf(&e, account)}
}
