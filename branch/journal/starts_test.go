package journal

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal/internal/store"
	"passbook.example/passbook/branch/ledger"
)

// Every start leaves a table. With many of them Pebble makes writes wait for a
// compaction, but the store goes on taking writes.
func TestManyStartsDoNotStopWrites(t *testing.T) {
	const starts = store.StopAt + 8
	fs := vfs.NewCrashableMem()
	id := Identity{Branch: 1, Branches: []ledger.BranchID{1}}
	for n := range starts {
		j, _, err := Open("data", id, Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.db.Set([]byte(fmt.Sprint("zz", n)), make([]byte, 1000), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		if n == starts-1 {
			for k := range 3 * store.MemTableBytes / 1000 {
				if err := j.db.Set([]byte(fmt.Sprint("zz", k)), make([]byte, 1000), pebble.NoSync); err != nil {
					t.Fatal(err)
				}
			}
		}
		left := fs.CrashClone(vfs.CrashCloneCfg{})
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		fs = left
	}
}
