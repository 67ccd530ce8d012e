package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// A process may hold the journals of many branches: each store is kept small,
// and all share the cache of blocks.
const (
	// cacheBytes bounds the cache of all stores of the process, their memtables
	// included: Pebble takes those off. One busy branch has half of it for blocks,
	// so that the filters of its tables stay there.
	cacheBytes = 64 << 20
	// memTableBytes bounds one memtable. A store begins with a quarter of a
	// megabyte and doubles it as writes come. The larger they are, the less often
	// what is below them is rewritten. Many stores of one process share
	// allMemTables, and have leastMemTable at least.
	memTableBytes = 16 << 20
	leastMemTable = 4 << 20
	allMemTables  = 8 * memTableBytes
	// bloomBitsPerKey makes one look-up in a hundred read a block in vain.
	bloomBitsPerKey = 10
	// openFiles bounds the tables that one store keeps open.
	openFiles = 128
	// compactAt tables one above the other, each a memtable that was flushed,
	// are compacted into the level below; stopAt have writes wait for that. Each
	// time much of that level is rewritten, since new request ids lie anywhere
	// between the old ones: with 4, as Pebble has it, writing costs much more.
	// What look-ups pay for more tables, the filter spares nearly all of them.
	// In haste more gather (see scheduler.go), and stopAt leaves room for those
	// that come while they are compacted.
	compactAt = 12
	stopAt    = mostPutOff + 2*compactAt
)

// stores is how many are open in this process.
var stores atomic.Int64

// memTableFor returns the size of the memtables of the nth store.
func memTableFor(nth int64) uint64 {
	return uint64(min(memTableBytes, max(leastMemTable, allMemTables/nth)))
}

// cache is never released: it lasts as long as the process.
var cache = sync.OnceValue(func() *pebble.Cache { return pebble.NewCache(cacheBytes) })

// HeldError says that another process holds a directory.
type HeldError struct {
	Dir string
	Err error
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("another process holds %s: stop it, or use another --data directory%s", e.Dir, e.Cause())
}

// Cause says, after a colon, why there is no lock; nothing where the system says
// only that it can't be had at this moment.
func (e *HeldError) Cause() string {
	if errors.Is(e.Err, syscall.EAGAIN) {
		return ""
	}
	return fmt.Sprintf(": %v", e.Err)
}

func (e *HeldError) Unwrap() error { return e.Err }

// openStore opens the store, once check finds no fault with the identity that is
// stored; nil if there is none. Until then it changes nothing.
func (j *Journal) openStore(logger *slog.Logger, check func(stored []byte) error) (err error) {
	nth := stores.Add(1)
	defer func() {
		if err != nil {
			stores.Add(-1)
		}
	}()
	dir := j.disk.dir
	if !j.readOnly {
		if err := j.disk.MkdirAll(dir, privateDir); err != nil {
			return err
		}
	}
	lock, err := j.lockDir()
	if err != nil {
		return err
	}
	opts := j.options(lock, nth, logger)
	stored, err := j.look(opts)
	if err == nil {
		if err := check(stored); err != nil {
			return errors.Join(err, lock.Close())
		}
		// A scheduler serves one store, once, and looking has had its own.
		j.scheduler = newScheduler()
		opts.Experimental.CompactionScheduler = j.scheduler
		j.db, err = openPebble(dir, opts)
	}
	if err == nil {
		err = j.disk.failure()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open the store in %s: %w", dir, err), lock.Close())
	}
	j.lock = lock
	j.disk.armed.Store(true)
	return nil
}

// lockDir keeps other processes from the directory.
func (j *Journal) lockDir() (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(j.disk.dir, j.disk)
	if path := (*os.PathError)(nil); err == nil || errors.As(err, &path) {
		return lock, err
	}
	return nil, &HeldError{Dir: j.disk.dir, Err: err}
}

func (j *Journal) options(lock *pebble.Lock, nth int64, logger *slog.Logger) *pebble.Options {
	logger = loggerOr(logger)
	o := &pebble.Options{
		FS:                          j.disk,
		Lock:                        lock,
		ReadOnly:                    j.readOnly,
		Logger:                      storeLogger{disk: j.disk, log: logger.With("directory", j.disk.dir)},
		Cache:                       cache(),
		MaxOpenFiles:                openFiles,
		MemTableSize:                memTableFor(nth),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       compactAt,
		L0StopWritesThreshold:       stopAt,
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		Merger:                      &pebble.Merger{Name: "passbook.oldest", Merge: mergeOldest},
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 1 },
		// A flush or compaction that failed would be tried again without end.
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { _ = j.disk.fail(err) },
			FlushEnd: func(pebble.FlushInfo) {
				j.flushed.Store(true)
				j.scheduler.flushed()
			},
		},
	}
	o.Experimental.CompactionScheduler = newScheduler()
	o.Experimental.SpanPolicyFunc = splitter{groups: groupsOf(j.branches)}.policy
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
	}
	return o
}

// loggerOr returns a logger in any case.
func loggerOr(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return logger
}

// storeLogger passes on what Pebble logs. Pebble expects Fatalf to end the
// process; here it freezes the disk, after which nothing that Pebble goes on to
// do has an effect.
type storeLogger struct {
	disk *disk
	log  *slog.Logger
}

func (l storeLogger) Infof(format string, args ...any) {
	l.log.Debug(fmt.Sprintf(format, args...))
}

func (l storeLogger) Errorf(format string, args ...any) {
	l.log.Error(fmt.Sprintf(format, args...))
}

func (l storeLogger) Fatalf(format string, args ...any) {
	_ = l.disk.fail(fmt.Errorf(format, args...))
}

// oldest merges the values written under one key to the one written first.
type oldest struct {
	value []byte
	// room is where value usually is: there is one for every request id that a
	// flush or compaction writes.
	room [24]byte
}

func mergeOldest(_, value []byte) (pebble.ValueMerger, error) {
	o := &oldest{}
	o.value = append(o.room[:0], value...)
	return o, nil
}

func (o *oldest) MergeNewer([]byte) error { return nil }

func (o *oldest) MergeOlder(value []byte) error {
	o.value = append(o.value[:0], value...)
	return nil
}

func (o *oldest) Finish(bool) ([]byte, io.Closer, error) { return o.value, nil, nil }
