// Package store opens a Pebble store that is tuned for a journal, on a disk that
// stops at the first change that fails. Nothing but the journal uses it. It knows
// nothing of the journal's keys: the journal says where tables are to end.
//
//   - store.go: the lock, the options, the merging of values.
//   - disk.go, private.go: the disk, and the rights to its files.
//   - log_file.go, table_file.go: how logs and tables are written.
//   - scheduler.go: when compactions run.
//   - tables.go: the check of tables.
package store

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// A process may have the journals of many branches: each store is kept small, and all
// share the cache of blocks.
const (
	// cacheBytes bounds the cache of all stores of the process, their memtables
	// included, which Pebble subtracts. One busy branch has half of it for blocks, so
	// that the filters of its tables stay there.
	cacheBytes = 64 << 20
	// MemTableBytes bounds one memtable. A store begins with a quarter of a
	// megabyte and doubles it as writes come. The larger they are, the less often
	// the levels below them are rewritten. Many stores of one process share
	// allMemTables, and each has leastMemTable at least.
	MemTableBytes = 16 << 20
	leastMemTable = 4 << 20
	allMemTables  = 8 * MemTableBytes
	// bloomBitsPerKey makes one look-up in a hundred read a block in vain.
	bloomBitsPerKey = 10
	// openFiles bounds the tables that one store keeps open.
	openFiles = 128
	// compactAt tables one above the other, each a memtable that was flushed, are
	// compacted into the level below. Each time much of that level is rewritten,
	// since new request ids lie anywhere between the old ones: with Pebble's default
	// of 4, writing costs much more. The filter of request ids spares nearly all
	// look-ups in the additional tables.
	compactAt = 12
	// StopAt tables make writes wait for a compaction. It leaves room for the tables
	// that gather in haste (see scheduler.go), and for those that come meanwhile.
	StopAt = mostPutOff + 2*compactAt
)

// stores is how many are open in this process.
var stores atomic.Int64

// memTableFor returns the size of the memtables of the nth store.
func memTableFor(nth int64) uint64 {
	return uint64(min(MemTableBytes, max(leastMemTable, allMemTables/nth)))
}

// cache is never released: it lasts as long as the process.
var cache = sync.OnceValue(func() *pebble.Cache { return pebble.NewCache(cacheBytes) })

// Config says how to open a store.
type Config struct {
	// Disk is the disk with the directory of the store.
	Disk *Disk
	// ReadOnly is whether nothing may change.
	ReadOnly bool
	// Logger gets what Pebble logs.
	Logger *slog.Logger
	// TableEnd returns the first key that must not share a table with start, or nil.
	// A table of keys that only grow at their end is moved down the levels as it
	// is, and not rewritten along with keys that lie anywhere.
	TableEnd func(start []byte) []byte
	// Flushed, unless nil, is called after each flush, with Pebble's mutex held.
	Flushed func()
}

// Locked is a directory that no other process may open until it is closed.
type Locked struct {
	config Config       // as Lock was given it
	lock   *pebble.Lock // of config's directory
	// nth is how many stores of the process were open when this one was locked: they
	// share memory.
	nth int64
}

// Lock locks the directory. It returns the errors of [pebble.LockDirectory].
func Lock(c Config) (*Locked, error) {
	lock, err := pebble.LockDirectory(c.Disk.Dir, c.Disk)
	if err != nil {
		return nil, err
	}
	return &Locked{config: c, lock: lock, nth: stores.Add(1)}, nil
}

// Close unlocks the directory. Its store must be closed.
func (l *Locked) Close() error {
	stores.Add(-1)
	return l.lock.Close()
}

// Open opens the store. From then on the first change that fails stops the disk.
func (l *Locked) Open() (*pebble.DB, error) {
	db, err := OpenWith(l.config.Disk.Dir, l.Options())
	if err == nil {
		err = l.config.Disk.Failure()
	}
	if err != nil {
		return nil, err
	}
	l.config.Disk.armed.Store(true)
	return db, nil
}

// OpenWith calls pebble.Open, and returns its panics as errors: Pebble panics on
// some damage that it does not expect.
func OpenWith(dir string, opts *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("the store can't be read: %v", r)
		}
	}()
	return pebble.Open(dir, opts)
}

// Options returns options for one opening.
func (l *Locked) Options() *pebble.Options {
	c, s := l.config, newScheduler()
	o := &pebble.Options{
		FS:                          c.Disk,
		Lock:                        l.lock,
		ReadOnly:                    c.ReadOnly,
		Logger:                      storeLogger{disk: c.Disk, log: c.Logger.With("directory", c.Disk.Dir)},
		Cache:                       cache(),
		MaxOpenFiles:                openFiles,
		MemTableSize:                memTableFor(l.nth),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       compactAt,
		L0StopWritesThreshold:       StopAt,
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		Merger:                      &pebble.Merger{Name: "passbook.oldest", Merge: mergeOldest},
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 1 },
		// A flush or compaction that failed would be tried again without end.
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { _ = c.Disk.Fail(err) },
			FlushEnd: func(pebble.FlushInfo) {
				if c.Flushed != nil {
					c.Flushed()
				}
				s.flushed()
			},
		},
	}
	o.Experimental.CompactionScheduler = s // which serves one opening
	o.Experimental.SpanPolicyFunc = func(start []byte) (pebble.SpanPolicy, []byte, error) {
		return pebble.SpanPolicy{}, c.TableEnd(start), nil
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
	}
	return o
}

// storeLogger passes on what Pebble logs. Pebble expects Fatalf to end the
// process; here it stops the disk, after which nothing that Pebble goes on to do has
// an effect.
type storeLogger struct {
	disk *Disk        // stopped by Fatalf
	log  *slog.Logger // names the directory in each line
}

// Infof implements pebble.Logger.
func (l storeLogger) Infof(format string, args ...any) {
	l.log.Debug(fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l storeLogger) Errorf(format string, args ...any) {
	l.log.Error(fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. It stops the disk.
func (l storeLogger) Fatalf(format string, args ...any) {
	_ = l.disk.Fail(fmt.Errorf(format, args...))
}

// oldest merges the values written under one key to the one written first.
type oldest struct {
	value []byte // the oldest so far
	// room is where value usually is, which saves an allocation for every request id
	// that a flush or compaction writes.
	room [24]byte
}

func mergeOldest(_, value []byte) (pebble.ValueMerger, error) {
	o := &oldest{}
	o.value = append(o.room[:0], value...)
	return o, nil
}

// MergeNewer implements pebble.ValueMerger.
func (o *oldest) MergeNewer([]byte) error { return nil }

// MergeOlder implements pebble.ValueMerger.
func (o *oldest) MergeOlder(value []byte) error {
	o.value = append(o.value[:0], value...)
	return nil
}

// Finish implements pebble.ValueMerger.
func (o *oldest) Finish(bool) ([]byte, io.Closer, error) { return o.value, nil, nil }
