package journal_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// everyDamage makes the tests of damage try far more places, for many minutes.
var everyDamage = flag.Int("damage", 1, "how many times as many places to damage as usual")

// history is what a branch wrote: the state after each commit, by the order of
// its last batch, and what it synced.
type history struct {
	states  []any
	batches []ledger.StoredBatch
	// synced is the order up to which commits were synced.
	synced int
	// known is the order up to which a loss can't go unnoticed.
	known int
}

// livelyBranch writes commits until more returns false: own ones, those of peers,
// with and without a sync, and more than fits into a memtable. It calls synced with
// how many batches are synced.
func livelyBranch(b *branch, more func(commits int) bool, synced ...func(batches int)) *history {
	rng := rand.New(rand.NewPCG(1, 2))
	h := &history{states: []any{stateOf(b.Ledger)}}
	accounts := []string{"shared", "savings", strings.Repeat("long", 20)}
	id := 0
	for commits := 0; more(commits); commits++ {
		var c []ledger.StoredBatch
		// Commits of several batches have one state, that of the last.
		for range 1 + rng.IntN(2) {
			writer := ledger.BranchID(1 + rng.IntN(3))
			var entries []ledger.Entry
			for range 1 + rng.IntN(20) {
				id++
				account := accounts[rng.IntN(len(accounts))]
				entries = append(entries, withID(fmt.Sprintf("%0120d", id), deposit(account, ledger.Amount(2+rng.IntN(9)))))
				switch rng.IntN(6) {
				case 0:
					entries = append(entries, transfer(account, "other", 1))
				case 1:
					entries = append(entries, grant(account, 1+writer%3, 1))
				case 2:
					entries = append(entries, withdrawal(account, 1))
				}
			}
			c = append(c, b.post(writer, entries...))
			h.states = append(h.states, nil)
		}
		out := b.gather(c...)
		out.Sync = rng.IntN(3) > 0
		b.commit(out)
		h.batches = append(h.batches, c...)
		h.states[len(h.states)-1] = stateOf(b.Ledger)
		for _, tell := range synced {
			if out.Sync {
				tell(len(h.batches))
			}
		}
	}
	b.commit(&ledger.Commit{Sync: true, Clock: b.Ledger.Clock()})
	h.synced = len(h.batches)
	return h
}

// files is a directory as it was at one moment.
type files map[string][]byte

func filesOf(t testing.TB, fs vfs.FS) files {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := files{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if out[name], err = io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return out
}

// with returns a file system that has the files, of which one is replaced, or missing
// if data is nil.
func (f files) with(t testing.TB, replaced string, data []byte) vfs.FS {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range f {
		if name == replaced {
			if content = data; data == nil {
				continue
			}
		}
		w, err := fs.Create(fs.PathJoin(dir, name), vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		// A copy: with the race detector, Pebble's file system scribbles on it.
		if _, err := w.Write(slices.Clone(content)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Sync(), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return fs
}

// directory is a directory to damage.
type directory struct {
	files
	*history
}

// closedDirectory returns a directory that was closed.
func closedDirectory(t *testing.T) directory {
	fs := vfs.NewMem()
	b := open(t, fs)
	h := livelyBranch(b, func(commits int) bool { return commits < 150 })
	b.close()
	h.known = h.synced
	return directory{filesOf(t, fs), h}
}

// crashedDirectory returns one that crashed, some commits after its log changed.
func crashedDirectory(t *testing.T) directory {
	fs := vfs.NewCrashableMem()
	b := open(t, fs)
	h := livelyBranch(b, func(commits int) bool { return commits < 230 })
	crashed := filesOf(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	return directory{crashed, h}
}

// flushingDirectory returns one that crashed while a table was being written: both
// logs count.
func flushingDirectory(t *testing.T) directory {
	mem := vfs.NewCrashableMem()
	var blocking atomic.Bool
	release := make(chan struct{})
	reached := make(chan struct{})
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") && blocking.CompareAndSwap(true, false) {
			close(reached)
			<-release
		}
		return nil
	}))
	b := open(t, fs)
	blocking.Store(true)
	const before, during = 150, 40
	h := livelyBranch(b, func(commits int) bool {
		if commits == before {
			if err := b.StartFlush(); err != nil {
				t.Fatal(err)
			}
			<-reached
		}
		return commits < before+during
	})
	crashed := filesOf(t, mem.CrashClone(vfs.CrashCloneCfg{}))
	close(release)
	return directory{crashed, h}
}

var directories = []struct {
	name string
	make func(*testing.T) directory
}{
	{"closed", closedDirectory},
	{"crashed", crashedDirectory},
	{"crashed while flushing", flushingDirectory},
}

// place matches what an error must name: a file, or a place in a journal.
var place = regexp.MustCompile(`\d{6}\.?|MANIFEST|OPTIONS|marker|file synced|branch \d|account "|meta "`)

// outcome is what opening a damaged directory led to.
type outcome struct {
	// order is how much was recovered, if all of that was as it was written.
	order int
	err   error
}

// reopen opens a directory and reads all there is.
func (d directory) reopen(fs vfs.FS) outcome {
	j, s, err := journal.Open(dir, bank, journal.Options{FS: fs})
	if err != nil {
		return outcome{err: err}
	}
	order, err := d.readAll(j, s)
	if closing := j.Close(); err == nil && closing != nil {
		err = closing
	}
	return outcome{order, err}
}

// mismatchError says that what was read was never written.
type mismatchError struct{ error }

func mismatch(format string, args ...any) error { return mismatchError{fmt.Errorf(format, args...)} }

func (d directory) readAll(j *journal.Journal, s *journal.State) (order int, err error) {
	var read int
	requests := 0
	for i, writer := range s.Ledger.Branches() {
		batches, err := j.Batches(writer, 0, 1<<30)
		if err != nil {
			return 0, err
		}
		read += len(batches)
		k := 0
		for n, b := range d.batches {
			if b.Batch.Branch != writer || k == len(batches) {
				continue
			}
			if batches[k].Hash != b.Hash {
				return 0, mismatch("batch %d of branch %d", k, writer)
			}
			order = max(order, n+1)
			k++
		}
		if end := s.Ledger.Head(i).Sequence; k != len(batches) || k > 0 && end != batches[k-1].Span.Last {
			return 0, mismatch("head of branch %d at %d after %d batches", writer, end, len(batches))
		}
	}
	if read != order || d.states[order] == nil {
		return 0, mismatch("%d batches, up to the one of order %d", read, order)
	}
	if diff := cmp.Diff(d.states[order], stateOf(s.Ledger)); diff != "" {
		return 0, mismatch("state after order %d:\n%s", order, diff)
	}
	for n, b := range d.batches {
		for i, e := range b.Batch.Entries {
			if e.RequestID == "" {
				continue
			}
			// All of the last ones, and some of the others.
			if requests++; n < order-5 && requests%31 > 0 {
				continue
			}
			rec, ok, err := j.Request(e.RequestKey())
			if err != nil {
				return 0, err
			}
			if ok != (n < order) || ok && (rec.Balance != b.Posted[i].Balance || rec.Entry != e) {
				return 0, mismatch("request id %s of order %d: %v, %+v", e.RequestID, n+1, ok, rec)
			}
		}
	}
	return order, d.readStatements(j, order)
}

func (d directory) readStatements(j *journal.Journal, order int) error {
	for _, account := range []string{"other"} {
		var want []journal.Listed
		for _, b := range d.batches[:order] {
			for i, e := range b.Batch.Entries {
				item := journal.Listed{At: ledger.Position{Branch: b.Batch.Branch, Sequence: e.Sequence}, Entry: e, Balance: b.Posted[i].Balance}
				if e.Kind == ledger.Transfer && e.ToAccount == account {
					item.Balance = b.Posted[i].ToBalance
				} else if e.Account != account || e.Kind == ledger.Grant {
					continue
				}
				want = append(want, item)
			}
		}
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			page, next, err := j.Statement(account, journal.Page{Limit: 1000, Cursor: cursor})
			if err != nil {
				return err
			}
			if len(page) > len(want) || !slices.Equal(page, want[:len(page)]) {
				return mismatch("statement of %s at order %d", account, order)
			}
			want, cursor = want[len(page):], next
		}
		if len(want) > 0 {
			return mismatch("statement of %s lacks %d entries", account, len(want))
		}
	}
	return nil
}

// damage is one change of one file.
type damage struct {
	file string
	what string
	data func() []byte
	// cut is whether the last log lost its end, as it may in a crash.
	cut bool
}

// truncations cuts files short: small ones at every byte, large ones at bytes
// all over, and most of all near their end and around the borders of blocks.
func (d directory) truncations(rng *rand.Rand) (out []damage) {
	for _, name := range d.names() {
		content := d.files[name]
		for _, n := range d.places(rng, content, 4) {
			out = append(out, damage{name, fmt.Sprintf("cut to %d of %d bytes", n, len(content)), func() []byte { return content[:n:n] }, name == d.lastLog()})
		}
		if name != "LOCK" && !strings.HasPrefix(name, "marker.format") {
			out = append(out, damage{name, "removed", func() []byte { return nil }, name == d.lastLog()})
		}
	}
	return out
}

// flips flips single bits.
func (d directory) flips(rng *rand.Rand) (out []damage) {
	for _, name := range d.names() {
		content := d.files[name]
		for _, n := range d.places(rng, content, 4) {
			bit := rng.IntN(8)
			out = append(out, damage{name, fmt.Sprintf("bit %d of byte %d of %d flipped", bit, n, len(content)), func() []byte {
				flipped := slices.Clone(content)
				flipped[n] ^= 1 << bit
				return flipped
			}, false})
		}
	}
	return out
}

func (d directory) names() (names []string) {
	for name := range d.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// lastLog returns the newest write-ahead log.
func (d directory) lastLog() (last string) {
	for _, name := range d.names() {
		if strings.HasSuffix(name, ".log") {
			last = name
		}
	}
	return last
}

// places returns offsets in a file: all of a small one, and a few in the zeros with
// which a log is filled.
func (d directory) places(rng *rand.Rand, content []byte, sample int) (out []int) {
	sample *= *everyDamage
	size := len(bytes.TrimRight(content, "\x00"))
	if zeros := len(content) - size; zeros > 0 {
		for n := range sample {
			out = append(out, size+min(n, zeros-1), size+rng.IntN(zeros))
		}
	}
	if size <= 3*sample {
		for n := range size {
			out = append(out, n)
		}
		return out
	}
	for range sample {
		out = append(out, rng.IntN(size))
	}
	for n := range sample / 3 {
		out = append(out, n, size-1-n)
	}
	around := min(*everyDamage, 60)
	for border := 32 << 10; border < size-30; border += 32 << 10 {
		for n := range around {
			out = append(out, border-30+n*60/around)
		}
	}
	return out
}

// Opening a damaged directory gives back the commits from the first up to some other,
// or an error that names the place. It does not lose what was synced without saying
// so, but for the one case in which nothing tells damage from a crash: the last log
// of a branch that crashed, cut short.
func TestDamage(t *testing.T) {
	for _, tt := range directories {
		d := tt.make(t)
		rng := rand.New(rand.NewPCG(3, 4))
		for _, kind := range []struct {
			name    string
			damages []damage
		}{
			{"truncated", d.truncations(rng)},
			{"flipped", d.flips(rng)},
		} {
			t.Run(tt.name+", "+kind.name, func(t *testing.T) { d.try(t, kind.damages) })
		}
	}
}

func (d directory) try(t *testing.T, damages []damage) {
	if intact := d.reopen(d.with(t, "", nil)); intact.err != nil || intact.order != d.synced {
		t.Fatalf("undamaged: %d of %d batches, %v", intact.order, d.synced, intact.err)
	}
	var refused, whole, less atomic.Int64
	work := make(chan damage)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for c := range work {
				got := d.reopen(d.with(t, c.file, c.data()))
				var wrong mismatchError
				switch {
				case errors.As(got.err, &wrong):
					t.Errorf("%s, %s: what was read was never written: %v", c.file, c.what, wrong)
				case got.err != nil && !place.MatchString(got.err.Error()):
					t.Errorf("%s, %s: the error names no place: %v", c.file, c.what, got.err)
				case got.err != nil:
					refused.Add(1)
				case got.order == d.synced:
					whole.Add(1)
				case !c.cut || got.order < d.known:
					t.Errorf("%s, %s: %d of %d batches are left, and nothing says so", c.file, c.what, got.order, d.synced)
				default:
					less.Add(1)
				}
			}
		})
	}
	for i, c := range damages {
		if i%sparse == 0 {
			work <- c
		}
	}
	close(work)
	workers.Wait()
	t.Logf("%d damages: %d refused, %d harmless, %d taken for a crash", (len(damages)+sparse-1)/sparse, refused.Load(), whole.Load(), less.Load())
}
