package journal_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// line returns a Listed in short: the journal and sequence, what happened, and the
// balance right after it.
func line(l journal.Listed) string {
	return fmt.Sprintf("%d/%d %v %d -> %d", l.At.Branch, l.At.Sequence, l.Entry.Kind, l.Entry.Amount, l.Balance)
}

// listing is Statement or Entries of one account or branch.
type listing func(journal.Page) ([]journal.Listed, uint64, error)

// pages reads a whole listing, limit entries at a time.
func pages(t *testing.T, list listing, newest bool, limit int) []string {
	t.Helper()
	var lines []string
	for cursor := uint64(0); ; {
		items, next, err := list(journal.Page{Newest: newest, Limit: limit, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		if len(items) > limit || next != 0 && len(items) < limit {
			t.Fatalf("a page of %d has %d entries, next %d", limit, len(items), next)
		}
		for _, item := range items {
			lines = append(lines, line(item))
		}
		if next == 0 {
			return lines
		}
		cursor = next
	}
}

// fill writes a few batches of two journals in three commits.
func fill(b *branch) {
	b.write(1, deposit("a", 100), deposit("c", 7), transfer("a", "b", 30), withdrawal("a", 5))
	b.commit(b.gather(
		b.post(2, deposit("a", 50), grant("a", 1, 20), transfer("a", "c", 1)),
		b.post(1, grant("a", 2, 3), transfer("b", "a", 10)),
	))
	b.writeUnsynced(2, deposit("d", 1))
	b.write(2, withdrawal("a", 2), deposit("a", 4))
}

func TestListings(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	fill(b)
	tests := []struct {
		name string
		list func(*branch) listing
		want []string
	}{
		{"statement of a", statementOf("a"), []string{
			"1/1 deposit 100 -> 100", "1/3 transfer 30 -> 70", "1/4 withdrawal 5 -> 65",
			"2/1 deposit 50 -> 115", "2/3 transfer 1 -> 114", "1/6 transfer 10 -> 124",
			"2/5 withdrawal 2 -> 122", "2/6 deposit 4 -> 126",
		}},
		{"statement of b", statementOf("b"), []string{"1/3 transfer 30 -> 30", "1/6 transfer 10 -> 20"}},
		{"statement of c", statementOf("c"), []string{"1/2 deposit 7 -> 7", "2/3 transfer 1 -> 8"}},
		{"statement of nobody", statementOf("nobody"), nil},
		{"statement of a prefix", statementOf(""), nil},
		{"journal of 1", entriesOf(1), []string{
			"1/1 deposit 100 -> 100", "1/2 deposit 7 -> 7", "1/3 transfer 30 -> 70", "1/4 withdrawal 5 -> 65",
			"1/5 grant 3 -> 114", "1/6 transfer 10 -> 20",
		}},
		{"journal of 2", entriesOf(2), []string{
			"2/1 deposit 50 -> 115", "2/2 grant 20 -> 115", "2/3 transfer 1 -> 114",
			"2/4 deposit 1 -> 1", "2/5 withdrawal 2 -> 122", "2/6 deposit 4 -> 126",
		}},
		{"journal of 3", entriesOf(3), nil},
		{"journal of no branch", entriesOf(9), nil},
	}
	for _, reopened := range []bool{false, true} {
		if reopened {
			b.close()
			b = open(t, fs)
		}
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s/reopened=%v", tt.name, reopened), func(t *testing.T) {
				reversed := slices.Clone(tt.want)
				slices.Reverse(reversed)
				for limit := 1; limit <= 9; limit++ {
					if diff := cmp.Diff(tt.want, pages(t, tt.list(b), false, limit)); diff != "" {
						t.Errorf("oldest first, %d a page (-want +got):\n%s", limit, diff)
					}
					if diff := cmp.Diff(reversed, pages(t, tt.list(b), true, limit)); diff != "" {
						t.Errorf("newest first, %d a page (-want +got):\n%s", limit, diff)
					}
				}
			})
		}
	}
}

func statementOf(account string) func(*branch) listing {
	return func(b *branch) listing {
		return func(q journal.Page) ([]journal.Listed, uint64, error) { return b.Statement(account, q) }
	}
}

func entriesOf(id ledger.BranchID) func(*branch) listing {
	return func(b *branch) listing {
		return func(q journal.Page) ([]journal.Listed, uint64, error) { return b.Entries(id, q) }
	}
}

func TestPageLimits(t *testing.T) {
	b := open(t, vfs.NewMem())
	entries := make([]ledger.Entry, journal.MaxPage+1)
	for i := range entries {
		entries[i] = deposit("a", 1)
	}
	b.write(1, entries...)
	for _, tt := range []struct{ limit, want int }{
		{-1, journal.DefaultPage},
		{0, journal.DefaultPage},
		{1, 1},
		{journal.MaxPage, journal.MaxPage},
		{journal.MaxPage + 1, journal.MaxPage},
	} {
		for _, list := range []listing{statementOf("a")(b), entriesOf(1)(b)} {
			items, next, err := list(journal.Page{Limit: tt.limit})
			if len(items) != tt.want || next == 0 || err != nil {
				t.Errorf("limit %d: %d entries, next %d, %v; want %d and more to come", tt.limit, len(items), next, err, tt.want)
			}
		}
	}
}

func TestCursorBeyondTheEnd(t *testing.T) {
	b := open(t, vfs.NewMem())
	fill(b)
	const far = 1<<64 - 1
	for _, list := range []listing{statementOf("a")(b), entriesOf(1)(b)} {
		if items, next, err := list(journal.Page{Cursor: far}); len(items) != 0 || next != 0 || err != nil {
			t.Errorf("oldest first: %d entries, next %d, %v", len(items), next, err)
		}
		all := pages(t, list, true, 100)
		items, _, err := list(journal.Page{Newest: true, Cursor: far})
		if len(items) != len(all) || err != nil {
			t.Errorf("newest first: %d entries, %v; want all %d", len(items), err, len(all))
		}
		if items, _, err := list(journal.Page{Newest: true, Cursor: 1}); len(items) != 0 || err != nil {
			t.Errorf("newest first from the first entry: %d entries, %v", len(items), err)
		}
	}
}

// Account names are any text, also one that is the beginning of another or
// has the bytes of a key.
func TestAccountNamesDoNotMix(t *testing.T) {
	b := open(t, vfs.NewMem())
	names := []string{"a", "ab", "a\x00", "a\x00\x00\x00\x00\x00\x00\x00\x01", "é"}
	for i, name := range names {
		b.write(1, deposit(name, ledger.Amount(i+1)))
	}
	for i, name := range names {
		want := []string{fmt.Sprintf("1/%d deposit %d -> %d", i+1, i+1, i+1)}
		if diff := cmp.Diff(want, pages(t, statementOf(name)(b), false, 10)); diff != "" {
			t.Errorf("statement of %q (-want +got):\n%s", name, diff)
		}
	}
}

func TestFirstUseOfARequestIDWins(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	b.commit(b.gather(
		b.post(1, withID("x", deposit("a", 1)), withID("y", deposit("a", 2))),
		b.post(2, withID("x", deposit("a", 4))),
	))
	b.write(2, withID("y", deposit("a", 8)), withID("y", deposit("a", 16)), withID("z", transfer("a", "b", 3)))
	for _, reopened := range []bool{false, true} {
		if reopened {
			b.close()
			b = open(t, fs)
		}
		for id, want := range map[string]string{"x": "1/1 deposit 1 -> 1", "y": "1/2 deposit 2 -> 3", "z": "2/4 transfer 3 -> 28"} {
			rec, ok, err := b.Request(ledger.RequestKey(id))
			if !ok || err != nil {
				t.Fatalf("request %q: %v, %v", id, ok, err)
			}
			if got := line(journal.Listed(rec)); got != want || rec.Entry.RequestID != id {
				t.Errorf("request %q is %s, want %s", id, got, want)
			}
		}
		for _, id := range []string{"", "w", "xx"} {
			if _, ok, err := b.Request(ledger.RequestKey(id)); ok || err != nil {
				t.Errorf("request %q: %v, %v; want none", id, ok, err)
			}
		}
	}
}

// The same holds once the store has moved the ids from memory into tables and
// merged those.
func TestFirstUseOfARequestIDWinsAfterCompaction(t *testing.T) {
	b := open(t, vfs.NewMem())
	for k := range 60 {
		entries := make([]ledger.Entry, 1000)
		for i := range entries {
			entries[i] = withID(fmt.Sprintf("id %d", i+k), deposit("a", 1))
		}
		c := b.gather(b.post(2, entries...))
		c.Sync = false
		b.commit(c)
	}
	for id := range 1059 {
		rec, ok, err := b.Request(ledger.RequestKey(fmt.Sprintf("id %d", id)))
		batch, index := max(0, id-999), min(id, 999)
		if want := uint64(1000*batch + index + 1); rec.At.Sequence != want || !ok || err != nil {
			t.Fatalf("id %d is entry %d, %v, %v; want entry %d", id, rec.At.Sequence, ok, err, want)
		}
	}
}
