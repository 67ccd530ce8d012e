package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal/internal/idfilter"
	"passbook.example/passbook/branch/journal/internal/place"
	"passbook.example/passbook/branch/journal/internal/store"
	"passbook.example/passbook/branch/ledger"
)

// ErrClosed is returned by a journal that was closed.
var ErrClosed = errors.New("the journal is closed")

// Options are the surroundings of a journal. The zero value is fit for use.
type Options struct {
	// FS is where the directory is; nil means the machine's file system.
	FS vfs.FS
	// Logger gets the log lines of the store; nil discards them.
	Logger *slog.Logger
	// OnFailure, unless nil, is called once, when the first write or sync
	// fails, even one that no Commit waits for. It may be called from any goroutine
	// and must neither block nor call the journal.
	OnFailure func(error)
	// Place tells where a file is, by which a copied directory is recognised; nil
	// means that the machine's file system does, and another one does not.
	Place func(path string) (Place, error)
	// Patient makes commits that need no sync wait for one that does, or for a
	// read, however long that takes. With it a run can be repeated exactly.
	Patient bool
}

// State is the state of a branch when its journal was opened.
type State struct {
	// Ledger is the ledger after the last commit.
	Ledger *ledger.Ledger
	// Epoch is that of this boot: larger than any that the directory has seen.
	Epoch uint64
	// Settled is whether a commit with Settled has been made.
	Settled bool
	// Doubles are the request ids that several entries have, in their order, but for
	// those that an operator has resolved.
	Doubles []ledger.Double
	// Forks are those of journals, with the decisions about them, in the order of branches
	// and entries. None of the batches that don't count is in a journal.
	Forks []ledger.Fork
	// Pending are batches that follow the end of this branch's own journal, and can't be
	// posted since a fork of another journal was mended.
	Pending []*ledger.Sealed
	// Mended says what was left out of the directory at this opening; nil for nothing.
	Mended *Mended
	// Bank is the bank that the directory belongs to, as far as that is known.
	Bank ledger.Bank
	// Copied, unless empty, is why the directory counts as a copy of another one, or
	// as restored from a copy. It does so until a commit with Settled.
	Copied string
}

// Journal is the data directory of one branch. One goroutine at a time calls
// Commit; reads may run beside it from any goroutine, and see only what was
// committed: a commit that has not returned yet shows nowhere.
type Journal struct {
	// disk is the file system with the directory, lock keeps others from opening it.
	disk *store.Disk
	lock *store.Locked
	// db is the store.
	db *pebble.DB
	// branches are those of the bank, ascending.
	branches []ledger.BranchID
	// id is what is stored; Commit changes it.
	id Identity
	// readOnly is whether nothing may change, as for [Verify].
	readOnly bool
	// booted is whether the state was read.
	booted bool
	// flushed is whether the store has flushed since the mark was written.
	flushed atomic.Bool

	// open is held for reading by every call, for writing by Close.
	open   sync.RWMutex
	closed bool // every further call fails

	// pending is whether gathered commits are still to be written.
	pending atomic.Bool
	// patient is whether they wait for a sync or a read, however long that takes.
	patient bool

	// writing guards what follows.
	writing sync.Mutex
	later   *time.Timer // writes what is pending after a moment; nil before its first use
	writer  writer      // gathers commits
	// state is as of the last commit.
	state state

	// visible is what reads see.
	visible visible
	// filter knows most request ids that are not stored.
	filter idfilter.Filter
	// home recognises a copied directory.
	home home
}

// Open opens the data directory dir, or makes it, and begins a new epoch, which is
// synced. It returns an *IdentityError when the directory belongs to another branch
// or bank, a *FormatError when it has another format, a *DamageError when it has less
// than was written to it, as far as that can be told, a *HeldError when another
// process holds it, and another error when it can't be read or contradicts itself.
// The caller closes the journal.
func Open(dir string, id Identity, opts Options) (*Journal, *State, error) {
	id.Branches = slices.Sorted(slices.Values(id.Branches))
	fresh, err := ledger.New(id.Branches, id.Opening)
	if err != nil {
		return nil, nil, err
	}
	if _, ok := fresh.Index(id.Branch); !ok {
		return nil, nil, fmt.Errorf("branch %d is not one of the branches %v", id.Branch, id.Branches)
	}
	onMachine := opts.FS == nil
	if onMachine {
		opts.FS = vfs.Default
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, nil, err
		}
	}
	j := &Journal{disk: &store.Disk{FS: opts.FS, Dir: dir, OnFailure: opts.OnFailure, OnMachine: onMachine}, branches: id.Branches, patient: opts.Patient, visible: newVisible(id.Branches), filter: idfilter.New()}
	if j.home.place = opts.Place; opts.Place == nil && onMachine {
		j.home.place = place.Of
	}
	if err := j.openStore(opts.Logger, func(stored []byte) error { return j.fits(id, stored) }); err != nil {
		return nil, nil, err
	}
	s, err := j.boot(id, fresh)
	if err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	j.disk.Narrow(loggerOr(opts.Logger))
	if j.home.away == "" { // Narrow may just have changed the file
		if err := j.settleHome(); err != nil {
			return nil, nil, errors.Join(err, j.Close())
		}
	}
	return j, s, nil
}

// boot reads the directory and begins an epoch.
func (j *Journal) boot(id Identity, fresh *ledger.Ledger) (*State, error) {
	if err := j.claim(id, fresh); err != nil {
		return nil, err
	}
	s, err := j.load(id, fresh)
	if err == nil {
		err = j.checkMark()
	}
	if err == nil {
		s, err = j.mended(id, s)
	}
	if err == nil {
		err = j.checkHome(s.Epoch == 1)
		s.Copied = j.home.away
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal in %s: %w", j.disk.Dir, err)
	}
	if err := j.takeEpoch(s.Epoch); err != nil {
		return nil, err
	}
	j.booted = true
	if err := j.mark(j.ends()); err != nil {
		return nil, err
	}
	j.fillFilter()
	return s, nil
}

// takeEpoch writes that there was a boot, before it shows anywhere.
func (j *Journal) takeEpoch(epoch uint64) error {
	batch := j.db.NewBatch()
	err := batch.Set(epochKey, appendEpoch(nil, epoch), nil)
	if err == nil && j.home.away == "" {
		err = j.drawHome(batch)
	}
	if err == nil {
		err = batch.Commit(pebble.Sync)
	}
	return errors.Join(err, batch.Close(), j.disk.Failure())
}

// Close waits for the calls that are under way, and closes the directory. All
// that was committed is then synced. It returns the failure that stopped the
// journal, if there was one; closing again does nothing.
func (j *Journal) Close() error {
	j.open.Lock()
	defer j.open.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	j.filter.Stop()
	err := j.writePending()
	j.stopLater()
	if j.booted && err == nil {
		j.saveFilter()
	}
	err = errors.Join(err, j.db.Close())
	if j.booted && err == nil {
		err = j.mark(j.ends())
	}
	if failure := j.disk.Failure(); failure != nil {
		err = failure
	}
	return errors.Join(err, j.lock.Close())
}

func (j *Journal) stopLater() {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.later != nil {
		j.later.Stop()
	}
	if out := j.writer.out; out != nil { // of a commit that failed
		_ = out.Close()
		j.writer.out = nil
	}
}

// enter begins a call; unless it returns an error, leave ends it.
func (j *Journal) enter() error {
	j.open.RLock()
	if j.closed {
		j.open.RUnlock()
		return ErrClosed
	}
	return nil
}

func (j *Journal) leave() { j.open.RUnlock() }
