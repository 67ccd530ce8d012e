package journal_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// Whatever is stored under a key is refused, or it is a value that stays the same
// when it is stored and read again. Its bytes need not stay the same, since a number
// may have been stored in more than it needs. Pebble's checksums say that the bytes
// are those that were written, and so does the hash of a batch.
func FuzzStoredValue(f *testing.F) {
	bulks := vfs.NewMem()
	b := open(f, bulks)
	someBulks(b)
	b.close()
	seed := func(db *pebble.DB) {
		iter, err := db.NewIter(nil)
		if err != nil {
			f.Fatal(err)
		}
		defer iter.Close()
		for iter.First(); iter.Valid(); iter.Next() {
			value, err := iter.ValueAndErr()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(bytes.Clone(iter.Key()), bytes.Clone(value))
			f.Add(bytes.Clone(iter.Key()), bytes.Clone(value[:len(value)/2]))
		}
	}
	editStore(f, sample(f), seed)
	editStore(f, bulks, seed)
	f.Add([]byte(statementKey("a", 1)), []byte{1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		journal.KeyName(key)
		again, err := journal.DecodeValue(key, value)
		if err != nil || again == nil {
			return
		}
		if len(again) > len(value) {
			t.Errorf("%x grew to %x", value, again)
		}
		twice, err := journal.DecodeValue(key, again)
		if err != nil || !bytes.Equal(twice, again) {
			t.Errorf("%x became %x, which became %x, %v", value, again, twice, err)
		}
	})
}

// Whatever bytes a log has, reading it ends, and ends inside it.
func FuzzLog(f *testing.F) {
	for name, content := range filesOf(f, sample(f)) {
		if strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "MANIFEST") {
			content = content[:min(len(content), len(bytes.TrimRight(content, "\x00"))+100)] // the filled log is too large
			f.Add(content, uint32(4), strings.HasPrefix(name, "MANIFEST"))
			f.Add(content[:len(content)/2], uint32(6), false)
		}
	}
	f.Add(make([]byte, 40<<10), uint32(0), false)
	f.Fuzz(func(t *testing.T, data []byte, number uint32, manifest bool) {
		if len(data) > 1<<17 {
			return
		}
		before := bytes.Clone(data)
		records, end, damage := journal.ReadLog(data, number, manifest)
		if records < 0 || end < 0 || end > len(data) || damage != "" && end == len(data) {
			t.Errorf("%d records up to %d of %d bytes; damage %q", records, end, len(data), damage)
		}
		if !bytes.Equal(before, data) {
			t.Error("the bytes were changed")
		}
	})
}

// Whatever page is asked for, it has at most as many entries as asked for, and
// the cursor leads on.
func FuzzPage(f *testing.F) {
	b := open(f, vfs.NewMem())
	for range 20 {
		b.write(1, deposit("a", 3), transfer("a", "b", 1), grant("a", 2, 1))
		b.write(2, deposit("a", 1))
	}
	f.Add("a", uint32(0), false, 10, uint64(0))
	f.Add("b", uint32(1), true, 1, uint64(8192*4+1))
	f.Add("", uint32(9), true, -1, uint64(1<<64-1))
	f.Add(strings.Repeat("x", 200), uint32(1<<31), false, 1<<30, uint64(1<<63))
	f.Fuzz(func(t *testing.T, account string, writer uint32, newest bool, limit int, cursor uint64) {
		page := journal.Page{Newest: newest, Limit: limit, Cursor: cursor}
		for _, list := range []func() ([]journal.Listed, uint64, error){
			func() ([]journal.Listed, uint64, error) { return b.Statement(account, page) },
			func() ([]journal.Listed, uint64, error) { return b.Entries(ledger.BranchID(writer), page) },
		} {
			items, next, err := list()
			if err != nil || limit > 0 && len(items) > limit || len(items) > journal.MaxPage {
				t.Errorf("%d entries, %v", len(items), err)
			}
			if next != 0 && cursor != 0 && (next > cursor) == newest {
				t.Errorf("cursor %d after %d", next, cursor)
			}
		}
		if _, _, err := b.Request(ledger.RequestKey(account)); err != nil {
			t.Error(err)
		}
		if _, err := b.Batches(ledger.BranchID(writer), cursor, limit); err != nil {
			t.Error(err)
		}
	})
}
