package journal_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"passbook.example/passbook/branch/journal"
)

// crasher is a file system that is copied as a crash would leave it, before
// some of its operations.
type crasher struct {
	mem *vfs.MemFS
	// synced is how much is known to be on disk.
	synced func() int

	mu      sync.Mutex
	rng     *rand.Rand
	one     int // a copy is made before one operation in so many
	crashed []crash
}

type crash struct {
	fs     *vfs.MemFS
	synced int
	before string
}

func (c *crasher) fs() vfs.FS {
	return errorfs.Wrap(c.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && c.rng.IntN(c.one) == 0 {
			synced := c.synced()
			c.crashed = append(c.crashed, crash{c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: c.rng}), synced, op.Path})
		}
		return nil
	}))
}

// A crash is not damage. Whenever the machine stops, even while it opens the
// directory that the last crash has left, and whatever it keeps of what was not
// synced, the journal opens with all that was synced.
func TestCrashIsNotTakenForDamage(t *testing.T) {
	first, again := 0, 0
	for seed := range uint64(*everyDamage) {
		one, two := crashEverywhere(t, seed)
		first, again = first+one, again+two
	}
	if first < 2 || again < 10 {
		t.Errorf("only %d crashes, and %d while opening", first, again)
	}
	t.Logf("%d crashes, and %d more while opening", first, again)
}

// crashEverywhere returns how often it crashed, and how often while opening.
func crashEverywhere(t *testing.T, seed uint64) (first, again int) {
	c := &crasher{mem: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(5, seed)), one: 15 * min(sparse, 3)}
	var known atomic.Int64
	c.synced = func() int { return int(known.Load()) }
	b := openWith(t, journal.Options{FS: c.fs()})
	h := livelyBranch(b, func(commits int) bool { return commits < 160 }, func(synced int) { known.Store(int64(synced)) })
	b.close()
	d := directory{history: h}
	for _, crashed := range c.crashed {
		next := &crasher{mem: crashed.fs, rng: c.rng, one: 8, synced: func() int { return crashed.synced }}
		d.checkCrash(t, crashed, next.fs())
		for _, twice := range next.crashed {
			d.checkCrash(t, twice, twice.fs)
			again++
		}
	}
	return len(c.crashed), again
}

func (d directory) checkCrash(t *testing.T, c crash, fs vfs.FS) {
	t.Helper()
	if got := d.reopen(fs); got.err != nil || got.order < c.synced {
		t.Errorf("crash before writing %s: %d of %d batches, %v", c.before, got.order, c.synced, got.err)
	}
}
