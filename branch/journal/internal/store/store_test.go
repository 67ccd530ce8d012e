package store

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A few stores of a process have large memtables, and fifty not much more in all.
func TestManyStoresHaveSmallerMemtables(t *testing.T) {
	var sum uint64
	for nth := int64(1); nth <= 50; nth++ {
		size := memTableFor(nth)
		if nth <= 8 && size != MemTableBytes || size < leastMemTable {
			t.Errorf("store %d has memtables of %d bytes", nth, size)
		}
		sum += size
	}
	if most := uint64(3 * allMemTables); sum > most {
		t.Errorf("50 stores have memtables of %d bytes, want %d at most", sum, most)
	}
	before := stores.Load()
	d := &Disk{FS: vfs.NewMem(), Dir: "data"}
	if err := d.MakeDir(); err != nil {
		t.Fatal(err)
	}
	l, err := Lock(Config{
		Disk:     d,
		Logger:   slog.New(slog.DiscardHandler),
		TableEnd: func([]byte) []byte { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := l.Open()
	if err != nil {
		t.Fatal(err)
	}
	if n := stores.Load() - before; n != 1 {
		t.Errorf("opening a store counts as %d", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := stores.Load() - before; n != 0 {
		t.Errorf("%d stores are counted that are closed", n)
	}
}
