package journal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

func bulk(o ledger.Operations) ledger.Entry {
	return ledger.Entry{Kind: ledger.Bulk, Operations: &o}
}

// someBulks has a deposit into a, and bulks of two branches: the first one
// changes a and b, also names c, and was refused a withdrawal from d.
func someBulks(b *branch) {
	b.write(1, deposit("a", 100))
	b.commit(b.gather(
		b.post(2, withID("list", bulk(ledger.Operations{
			Accounts: []string{"a", "b", "c", "d"}, From: []uint32{0, 0, 2, 4}, To: []uint32{1, 2, 1, 0}, Amounts: []ledger.Amount{5, 9, 2, 1}, Insufficient: []uint32{3},
		})), deposit("b", 1)),
		b.post(1, bulk(ledger.Operations{Accounts: []string{"a", "b"}, From: []uint32{1, 1}, To: []uint32{0, 2}, Amounts: []ledger.Amount{60, 7}, AllOrNone: true})),
	))
}

func TestListingsOfBulks(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	someBulks(b)
	tests := []struct {
		name string
		list func(*branch) listing
		want []string
	}{
		{"statement of a", statementOf("a"), []string{"1/1 deposit 100 -> 100", "2/1 bulk 0 -> 107", "1/2 bulk 0 -> 40"}},
		{"statement of b", statementOf("b"), []string{"2/1 bulk 0 -> 7", "2/2 deposit 1 -> 8", "1/2 bulk 0 -> 15"}},
		{"an account that no operation names", statementOf("c"), nil},
		{"one of which everything was refused", statementOf("d"), nil},
		{"journal of 2", entriesOf(2), []string{"2/1 bulk 0 -> 0", "2/2 deposit 1 -> 8"}},
	}
	for _, reopened := range []bool{false, true} {
		if reopened {
			b.close()
			b = open(t, fs)
		}
		for _, tt := range tests {
			reversed := slices.Clone(tt.want)
			slices.Reverse(reversed)
			for limit := 1; limit <= 4; limit++ {
				if diff := cmp.Diff(tt.want, pages(t, tt.list(b), false, limit)); diff != "" {
					t.Errorf("%s, reopened %t, oldest first, %d a page (-want +got):\n%s", tt.name, reopened, limit, diff)
				}
				if diff := cmp.Diff(reversed, pages(t, tt.list(b), true, limit)); diff != "" {
					t.Errorf("%s, reopened %t, newest first, %d a page (-want +got):\n%s", tt.name, reopened, limit, diff)
				}
			}
		}
		rec, ok, err := b.Request("list")
		if !ok || err != nil || rec.At != (ledger.Position{Branch: 2, Sequence: 1}) {
			t.Fatalf("request: %+v, %t, %v", rec, ok, err)
		}
		items, _, err := b.Entries(2, journal.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(items[0].Entry, rec.Entry); diff != "" || rec.Entry.Operations.Len() != 4 || !slices.Equal(rec.Entry.Operations.Insufficient, []uint32{3}) {
			t.Errorf("the request gives back %+v: %s", rec.Entry.Operations, diff)
		}
	}
}

// A page ends before its entries exceed 1 MiB, wherever it begins, and has one entry
// at least; the next page goes on right after it.
func TestTheBytesOfAPageAreBounded(t *testing.T) {
	const maxBytes, bulks = 1 << 20, 9
	b := open(t, vfs.NewMem())
	large := func(accounts int) ledger.Entry {
		o := ledger.Operations{From: make([]uint32, ledger.MaxOperations), Amounts: slices.Repeat([]ledger.Amount{1}, ledger.MaxOperations)}
		for k := range accounts {
			o.Accounts = append(o.Accounts, strings.Repeat("a", 100)+string(rune('a'+k/1000))+string(rune('a'+k/100%10))+string(rune('a'+k/10%10))+string(rune('a'+k%10)))
		}
		for k := range ledger.MaxOperations {
			o.To = append(o.To, uint32(k%accounts+1))
		}
		return bulk(o)
	}
	for range bulks {
		b.write(1, large(100), deposit("x", 1))
	}
	b.write(1, large(8000), deposit("x", 1)) // larger than a page by itself
	b.write(1, large(100))
	account := large(1).Operations.Accounts[0]
	for name, list := range map[string]listing{"journal": entriesOf(1)(b), "statement": statementOf(account)(b)} {
		for _, newest := range []bool{false, true} {
			var all []journal.Listed
			pages := 0
			for cursor := uint64(0); ; pages++ {
				items, next, err := list(journal.Page{Newest: newest, Limit: journal.MaxPage, Cursor: cursor})
				if err != nil {
					t.Fatal(err)
				}
				bytes := 0
				for _, item := range items {
					bytes += item.Entry.MaxBytes()
				}
				if len(items) == 0 || bytes > maxBytes && len(items) > 1 {
					t.Fatalf("%s: a page has %d entries of %d bytes", name, len(items), bytes)
				}
				all = append(all, items...)
				if cursor = next; cursor == 0 {
					break
				}
			}
			want := map[string]int{"journal": 2*bulks + 3, "statement": bulks + 2}[name]
			if len(all) != want || pages < 2 {
				t.Errorf("%s, newest first %t: %d entries on %d pages, want %d", name, newest, len(all), pages+1, want)
			}
			if !slices.IsSortedFunc(all, func(a, b journal.Listed) int {
				if newest {
					a, b = b, a
				}
				return int(a.At.Sequence) - int(b.At.Sequence)
			}) {
				t.Errorf("%s, newest first %t: out of order", name, newest)
			}
		}
	}
}

func TestVerifyFindsWhatIsWrongWithABulk(t *testing.T) {
	make := func(t *testing.T) vfs.FS {
		fs := vfs.NewMem()
		b := open(t, fs)
		someBulks(b)
		b.close()
		return fs
	}
	if findings, _, _ := verify(t, make(t), dir); len(findings) > 0 {
		t.Fatalf("found %v", findings)
	}
	for _, tt := range []struct {
		name, key string
		edit      func([]byte) []byte
		want      string
	}{
		// After the version, the hash, the order and the length come the
		// balances of a, b, c and d.
		{"wrong balance", key('b', 2, 2), func(v []byte) []byte { v[36] ^= 1; return v }, "entry 1 leads to balance [107 7 0 0], and [107 6 0 0] is stored"},
		{"wrong balance of an account that it leaves alone", key('b', 2, 2), func(v []byte) []byte { v[37] ^= 1; return v }, "entry 1 leads to balance [107 7 0 0], and [107 7 1 0] is stored"},
		{"statement gone", statementKey("b", 2), nil, `statement of account "b" at order 2: it is missing`},
		{"request id gone", "rlist", nil, `request id "list": it is missing: entry 1 of branch 2 has it`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := make(t)
			editStore(t, fs, func(db *pebble.DB) {
				value, closer, err := db.Get([]byte(tt.key))
				if err != nil {
					t.Fatal(err)
				}
				defer closer.Close()
				if tt.edit == nil {
					err = db.Delete([]byte(tt.key), pebble.Sync)
				} else {
					err = db.Set([]byte(tt.key), tt.edit(slices.Clone(value)), pebble.Sync)
				}
				if err != nil {
					t.Fatal(err)
				}
			})
			findings, _, _ := verify(t, fs, dir)
			if !strings.Contains(strings.Join(findings, "\n"), tt.want) {
				t.Errorf("found %v, want %q", findings, tt.want)
			}
		})
	}
}
