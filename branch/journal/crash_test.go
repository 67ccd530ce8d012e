package journal_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	type step func(*branch)
	unsynced := func(b *branch) { b.writeUnsynced(2, deposit("a", 1)) }
	synced := func(b *branch) { b.write(1, deposit("a", 1)) }
	onlySync := func(b *branch) { b.commit(&ledger.Commit{Sync: true}) }
	for _, tt := range []struct {
		name     string
		steps    []step
		own, of2 uint64
	}{
		{"nothing", nil, 0, 0},
		{"synced", []step{synced}, 1, 0},
		{"unsynced", []step{unsynced}, 0, 0},
		{"unsynced, then synced", []step{unsynced, unsynced, synced}, 1, 2},
		{"synced, then unsynced", []step{synced, unsynced}, 1, 0},
		{"unsynced, then only a sync", []step{unsynced, onlySync}, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			b := open(t, fs)
			for _, s := range tt.steps {
				s(b)
			}
			got := open(t, fs.CrashClone(vfs.CrashCloneCfg{}))
			if own, of2 := got.Ledger.Head(0).Sequence, got.Ledger.Head(1).Sequence; own != tt.own || of2 != tt.of2 {
				t.Errorf("journals end at %d and %d, want %d and %d", own, of2, tt.own, tt.of2)
			}
			if want := ledger.Amount(tt.own + tt.of2); got.Ledger.Balance("a") != want {
				t.Errorf("balance %d, want %d", got.Ledger.Balance("a"), want)
			}
		})
	}
}

// A crash may keep any part of what was not synced. Whatever it keeps, the
// journal opens at the state after some commit, not before the last sync.
func TestCrashLeavesTheStateAfterSomeCommit(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		fs := vfs.NewCrashableMem()
		b := open(t, fs)
		var synced uint64
		for i := uint64(1); i <= 200; i++ {
			account := strings.Repeat("x", rng.IntN(100)+1)
			if rng.IntN(10) == 0 {
				b.write(2, deposit(account, 1))
				synced = i
			} else {
				b.writeUnsynced(2, deposit(account, 1))
			}
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
		got := open(t, crashed)
		end := got.Ledger.Head(1).Sequence
		var total ledger.Amount
		for _, name := range got.Ledger.Accounts() {
			total += got.Ledger.Balance(name)
		}
		batches, err := got.Batches(2, 0, 1<<20)
		if end < synced || total != 300+ledger.Amount(end) || uint64(len(batches)) != end || err != nil {
			t.Errorf("seed %d: head %d after sync at %d, total %d, %d batches, %v", seed, end, synced, total, len(batches), err)
		}
	}
}

// faults makes one kind of operation of a file system fail while failing is set.
type faults struct {
	kind    errorfs.OpKind
	failing atomic.Bool
}

var errDisk = errors.New("no space left on device")

func (f *faults) on(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if f.failing.Load() && op.Kind == f.kind {
			return errDisk
		}
		return nil
	}))
}

func TestFailedDiskStopsTheJournal(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind errorfs.OpKind
	}{
		{"write", errorfs.OpFileWrite},
		{"sync", errorfs.OpFileSyncData},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			f := &faults{kind: tt.kind}
			var told []error
			b := openWith(t, journal.Options{FS: f.on(mem), OnFailure: func(err error) { told = append(told, err) }})
			b.write(1, deposit("a", 1))
			f.failing.Store(true)
			lost := b.gather(b.post(1, deposit("a", 10)))
			first := b.Commit(lost)
			if !errors.Is(first, errDisk) {
				t.Fatalf("commit on a failing disk: %v", first)
			}
			f.failing.Store(false)
			if again := b.Commit(b.gather()); !errors.Is(again, first) {
				t.Errorf("the next commit: %v, want the same error", again)
			}
			if len(told) != 1 || !errors.Is(told[0], first) {
				t.Errorf("OnFailure was told %v, want the error once", told)
			}
			checkNotShown(t, b, 1)
			if err := b.Close(); !errors.Is(err, errDisk) {
				t.Errorf("close: %v", err)
			}
			got := open(t, mem.CrashClone(vfs.CrashCloneCfg{}))
			if balance := got.Ledger.Balance("a"); balance != 1 {
				t.Errorf("balance after reopening %d, want 1", balance)
			}
		})
	}
}

// checkNotShown reports entries of branch 1 that are read after sequence.
func checkNotShown(t *testing.T, b *branch, sequence uint64) {
	t.Helper()
	for _, newest := range []bool{false, true} {
		statement, _, err := b.Statement("a", journal.Page{Newest: newest})
		if uint64(len(statement)) != sequence || err != nil {
			t.Errorf("statement has %d entries, %v", len(statement), err)
		}
		entries, _, err := b.Entries(1, journal.Page{Newest: newest})
		if uint64(len(entries)) != sequence || err != nil {
			t.Errorf("journal has %d entries, %v", len(entries), err)
		}
	}
	if batches, err := b.Batches(1, sequence, 1<<20); len(batches) != 0 || err != nil {
		t.Errorf("Batches = %d batches, %v", len(batches), err)
	}
	if _, ok, err := b.HashAt(1, sequence+1); ok || err != nil {
		t.Errorf("HashAt = %v, %v", ok, err)
	}
	if _, ok, err := b.Request("under way"); ok || err != nil {
		t.Errorf("Request = %v, %v", ok, err)
	}
}

// The store's background work meets the failing disk, too: the table that a full
// memtable is flushed to, the log that follows, the manifest. None of it may end or
// block the process.
func TestFailureInBackgroundStopsTheJournal(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		kind       errorfs.OpKind
	}{
		{"table is not created", ".sst", errorfs.OpCreate},
		{"table is not written", ".sst", errorfs.OpFileWrite},
		{"table is not synced", ".sst", errorfs.OpFileSyncData},
		{"manifest is not written", "MANIFEST", errorfs.OpFileWrite},
		{"manifest is not synced", "MANIFEST", errorfs.OpFileSync},
		{"next log is not created", ".log", errorfs.OpCreate},
		{"last log is not synced", ".log", errorfs.OpFileSyncData},
		{"log is not written", ".log", errorfs.OpFileWrite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var failing atomic.Bool
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if failing.Load() && op.Kind == tt.kind && strings.Contains(op.Path, tt.path) {
					return errDisk
				}
				return nil
			}))
			failed := make(chan struct{})
			b := openWith(t, journal.Options{FS: fs, OnFailure: func(error) { close(failed) }})
			failing.Store(true)
			var err error
			for range 12_000 {
				entries := make([]ledger.Entry, 100)
				for i := range entries {
					entries[i] = deposit("a", 1)
				}
				c := b.gather(b.post(2, entries...))
				c.Sync = false
				if err = b.Commit(c); err != nil {
					break
				}
			}
			if !errors.Is(err, errDisk) {
				t.Fatalf("got %v, want the disk's error", err)
			}
			<-failed
			if err := b.Close(); !errors.Is(err, errDisk) {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestCommitUnderWayIsNotShown(t *testing.T) {
	var blocking atomic.Bool
	reached, release := make(chan struct{}), make(chan struct{})
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
		if isSync && strings.HasSuffix(op.Path, ".log") && blocking.CompareAndSwap(true, false) {
			close(reached)
			<-release
		}
		return nil
	}))
	b := open(t, fs)
	b.write(1, deposit("a", 1))
	c := b.gather(b.post(1, withID("under way", deposit("a", 10))))
	blocking.Store(true)
	done := make(chan error)
	go func() { done <- b.Commit(c) }()
	<-reached
	checkNotShown(t, b, 1)
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	statement, _, err := b.Statement("a", journal.Page{})
	if len(statement) != 2 || err != nil {
		t.Errorf("after the commit the statement has %d entries, %v", len(statement), err)
	}
	if _, ok, err := b.Request("under way"); !ok || err != nil {
		t.Errorf("after the commit Request = %v, %v", ok, err)
	}
}

func TestCommitThatDoesNotFitIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		bend func(*ledger.Commit)
		want string
	}{
		{"gap", func(c *ledger.Commit) { c.Batches[0].Batch.FirstSequence++ }, "begins at 3, where 2 is next"},
		{"repeated", func(c *ledger.Commit) { c.Batches = append(c.Batches, c.Batches[0]) }, "where 3 is next"},
		{"unknown branch", func(c *ledger.Commit) { c.Batches[0].Batch.Branch = 9 }, "branch 9"},
		{"not posted", func(c *ledger.Commit) { c.Batches[0].Posted = nil }, "0 are posted"},
		{"no head", func(c *ledger.Commit) { c.Heads = nil }, "not its head"},
		{"other head", func(c *ledger.Commit) { c.Heads[0].Sequence = 7 }, "head of branch 1 is at sequence 7"},
		{"unknown head", func(c *ledger.Commit) { c.Heads[0].Branch = 9 }, "head of branch 9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := vfs.NewMem()
			b := open(t, fs)
			b.write(1, deposit("a", 1))
			c := b.gather(b.post(1, deposit("a", 1)))
			tt.bend(c)
			err := b.Commit(c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an error with %q", err, tt.want)
			}
			checkNotShown(t, b, 1)
			b.Close()
			if got := open(t, fs).Ledger.Balance("a"); got != 1 {
				t.Errorf("balance after reopening %d, want 1", got)
			}
		})
	}
}
