package journal_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// Gathered commits that need no sync are written once they are large, even if nothing
// else asks for that.
func TestGatheredCommitsAreBounded(t *testing.T) {
	const most = 256 << 10
	b := openWith(t, journal.Options{FS: vfs.NewMem(), Patient: true})
	gathered, largest := 0, 0
	for range 10_000 {
		b.writeUnsynced(1, deposit("shared", 1), deposit("savings", 1))
		if !b.IsGathering() {
			break
		}
		gathered++
		largest = max(largest, b.GatheredBytes())
	}
	if b.IsGathering() || gathered == 0 || largest >= most {
		t.Errorf("%d commits were gathered in %d bytes, and then written: %t; at most %d bytes are", gathered, largest, !b.IsGathering(), most)
	}
}

func TestGatheredCommitsAreWrittenSoon(t *testing.T) {
	const least, most = 50 * time.Millisecond, 100 * time.Millisecond
	for _, patient := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := openWith(t, journal.Options{FS: vfs.NewMem(), Patient: patient})
			for range 2 { // and again
				b.writeUnsynced(1, deposit("shared", 1))
				time.Sleep(least - 1)
				synctest.Wait()
				if !b.IsGathering() {
					t.Error("it is written before its time")
				}
				time.Sleep(most - least)
				synctest.Wait()
				if b.IsGathering() != patient {
					t.Errorf("patient %t: pending %t", patient, b.IsGathering())
				}
			}
			b.close()
		})
	}
}

// The memory of a commit lasts only until the ledger's next, but what is gathered
// lasts longer.
func TestWhatIsGatheredIsKept(t *testing.T) {
	fs := vfs.NewMem()
	b := openWith(t, journal.Options{FS: fs, Patient: true})
	b.writeUnsynced(1, deposit("savings", 7))
	b.writeUnsynced(1, deposit("travel", 5))
	b.writeUnsynced(1, deposit("savings", 2))
	b.close()
	again := openWith(t, journal.Options{FS: fs})
	for account, want := range map[string]ledger.Amount{"savings": 9, "travel": 5} {
		if got := again.Ledger.Balance(account); got != want {
			t.Errorf("after a restart %s has %d, want %d", account, got, want)
		}
	}
}
