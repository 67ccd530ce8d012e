package journal_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook/branch/journal"
)

// What commits gather that need no sync is written when it is large, also if
// nothing else asks for it.
func TestGatheredCommitsAreBounded(t *testing.T) {
	const most = 256 << 10
	b := openWith(t, journal.Options{FS: vfs.NewMem(), Patient: true})
	gathered, largest := 0, 0
	for range 10_000 {
		b.writeUnsynced(1, deposit("shared", 1), deposit("savings", 1))
		if !b.Pending() {
			break
		}
		gathered++
		largest = max(largest, b.GatheredBytes())
	}
	if b.Pending() || gathered == 0 || largest >= most {
		t.Errorf("%d commits were gathered in %d bytes, and then written: %t; at most %d bytes are", gathered, largest, !b.Pending(), most)
	}
}

func TestGatheredCommitsAreWrittenSoon(t *testing.T) {
	for _, patient := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := openWith(t, journal.Options{FS: vfs.NewMem(), Patient: patient})
			for range 2 { // and again
				b.writeUnsynced(1, deposit("shared", 1))
				time.Sleep(10*time.Millisecond - 1)
				synctest.Wait()
				if !b.Pending() {
					t.Error("it is written before its time")
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if b.Pending() != patient {
					t.Errorf("patient %t: pending %t", patient, b.Pending())
				}
			}
			b.close()
		})
	}
}
