package store

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Other goroutines get the processor between the blocks of a table.
func TestTablesGiveWay(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	d := &Disk{FS: vfs.NewMem()}
	f, err := d.Create("1.sst", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	var ran atomic.Bool
	go ran.Store(true)
	for range 3 { // now and then the scheduler first resumes the goroutine that gave way
		if _, err := f.Write([]byte("a block")); err != nil {
			t.Fatal(err)
		}
	}
	if !ran.Load() { // with one processor, nothing else lets it run
		t.Error("nobody else has run")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
