package journal

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// Limits of a page.
const (
	// DefaultPage is the length of a page that names no limit.
	DefaultPage = 100
	// MaxPage is the length of the longest page.
	MaxPage = 1000
	// maxPageBytes bounds the size of the entries of a page, since a bulk may be as
	// large as thousands of others. A page has one entry at least.
	maxPageBytes = 1 << 20
)

// Page says which part of a listing is asked for.
type Page struct {
	// Newest asks for the newest entries first, instead of the oldest.
	Newest bool
	// Limit is the number of entries at most; 0 means DefaultPage, and more
	// than MaxPage means MaxPage.
	Limit int
	// Cursor is where the page begins, as the page before it returned it; 0 is
	// the beginning.
	Cursor uint64
}

// Listed is an entry in a listing.
type Listed struct {
	// At is where the entry is.
	At ledger.Position
	// Entry is the entry.
	Entry ledger.Entry
	// Balance is the balance right after the entry, as this branch saw it: in a
	// statement that of its account, in a journal that of the entry's account.
	Balance ledger.Amount
}

// lister gathers a page. Cursors name the last entry that a page has.
type lister struct {
	page  Page     // as asked for, with a limit of 1 to MaxPage
	items []Listed // in the page's order
	// bytes is the most that the entries may have.
	bytes int
	last  uint64 // the cursor of the last item
	// next is the cursor of the next page, or 0 when there is no more.
	next uint64
}

func newLister(q Page) *lister {
	if q.Limit <= 0 {
		q.Limit = DefaultPage
	}
	q.Limit = min(q.Limit, MaxPage)
	return &lister{page: q}
}

// after reports whether the entry at a cursor comes after the page before.
func (l *lister) after(cursor uint64) bool {
	switch {
	case l.page.Cursor == 0:
		return true
	case l.page.Newest:
		return cursor < l.page.Cursor
	}
	return cursor > l.page.Cursor
}

// add adds an entry, and returns false when the page was full without it.
func (l *lister) add(cursor uint64, item Listed) bool {
	bytes := item.Entry.MaxBytes()
	if len(l.items) == l.page.Limit || len(l.items) > 0 && l.bytes+bytes > maxPageBytes {
		l.next = l.last
		return false
	}
	l.bytes += bytes
	l.items, l.last = append(l.items, item), cursor
	return true
}

// indexes visits 0 to n-1 in the page's order until visit returns false, and
// returns whether it never did.
func (l *lister) indexes(n int, visit func(int) bool) bool {
	for k := range n {
		i := k
		if l.page.Newest {
			i = n - 1 - k
		}
		if !visit(i) {
			return false
		}
	}
	return true
}

// walk visits what iter has, from where start puts it and in the page's order,
// until visit returns false; then it closes iter.
func (l *lister) walk(iter *pebble.Iterator, start func() bool, visit func() (bool, error)) (err error) {
	defer func() { err = damaged(errors.Join(err, iter.Close())) }()
	next := iter.Next
	if l.page.Newest {
		next = iter.Prev
	}
	for ok := start(); ok; ok = next() {
		if more, err := visit(); err != nil || !more {
			return err
		}
	}
	return iter.Error()
}
