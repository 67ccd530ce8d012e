package journal_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// numbered returns the id of the i-th request of these tests.
func numbered(i int) string { return fmt.Sprint("id ", i) }

// record writes the requests from first on, up to the one before end.
func (b *branch) record(first, end int) {
	for first < end {
		n := min(end-first, 1000)
		entries := make([]ledger.Entry, n)
		for i := range entries {
			entries[i] = withID(numbered(first+i), deposit("x", 1))
		}
		b.write(1, entries...)
		first += n
	}
}

// checkFilter checks that the filter calls none of the first n ids new, and that it
// calls others new if and only if it is complete.
func (b *branch) checkFilter(n int, complete bool) {
	b.t.Helper()
	for i := range n {
		if b.Excludes(numbered(i)) {
			b.t.Fatalf("request id %d of %d is excluded", i, n)
		}
	}
	excluded := 0
	for i := range 1000 {
		if b.Excludes(fmt.Sprint("new ", i)) {
			excluded++
		}
	}
	if complete && excluded < 980 || !complete && excluded > 0 {
		b.t.Errorf("%d of 1,000 new ids are excluded by a filter that is complete: %t", excluded, complete)
	}
}

// forgetFilter removes the filter that was saved.
func forgetFilter(t testing.TB, fs vfs.FS) {
	t.Helper()
	if err := fs.Remove(fs.PathJoin(dir, "filter")); err != nil {
		t.Fatal(err)
	}
}

// A journal that was closed has its filter at once when it is opened, without
// reading the ids.
func TestTheFilterIsSaved(t *testing.T) {
	fs := vfs.NewMem()
	journal.HoldFilters(t)
	open(t, fs).close()
	if _, err := fs.Stat(fs.PathJoin(dir, "filter")); err == nil {
		t.Error("a filter of nothing was saved")
	}
	n, size := 0, 0
	for _, more := range []int{0, 1, 0, 999, 20_000, 0, 5_000} {
		b := open(t, fs)
		b.checkFilter(n, true)
		if got := b.FilterBytes(); got != size {
			t.Errorf("with %d ids the filter takes %d bytes, and took %d when it was saved", n, got, size)
		}
		b.record(n, n+more)
		n += more
		b.checkFilter(n, true)
		size = b.FilterBytes()
		b.close()
	}
}

// A saved filter is not used if its heads are not those of the directory, since
// entries have come or were lost.
func TestASavedFilterOfOtherHeadsIsNotTaken(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	b.record(0, 1000)
	b.close()
	first := filesOf(t, fs)
	b = open(t, fs)
	b.record(1000, 1001)
	b.close()
	second := filesOf(t, fs)
	for _, tt := range []struct {
		name      string
		directory files
		filter    []byte
		n         int
	}{
		{"of fewer entries", second, first["filter"], 1001},
		{"of more entries", first, second["filter"], 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			release := journal.HoldFilters(t)
			b := open(t, tt.directory.with(t, "filter", tt.filter))
			b.checkFilter(tt.n, false)
			release()
			b.AwaitFilter()
			b.checkFilter(tt.n, true)
			b.close()
		})
	}
}

// Nothing is lost with a saved filter that is damaged or gone: the ids are read.
func TestADamagedFilterIsNotTaken(t *testing.T) {
	const n = 500
	fs := vfs.NewMem()
	b := open(t, fs)
	b.record(0, n)
	b.close()
	all := filesOf(t, fs)
	saved := all["filter"]
	damaged := map[string][]byte{"gone": nil, "empty": {}}
	for _, size := range []int{1, 45, 46, 47, len(saved) / 2, len(saved) - 1} {
		damaged[fmt.Sprint("cut after ", size)] = saved[:size]
	}
	for at := 0; at < len(saved); at += 1 + at/10 {
		flipped := bytes.Clone(saved)
		flipped[at] ^= 1 << (at % 8)
		damaged[fmt.Sprint("bit flipped at ", at)] = flipped
	}
	for name, filter := range damaged {
		t.Run(name, func(t *testing.T) {
			release := journal.HoldFilters(t)
			b := open(t, all.with(t, "filter", filter))
			b.checkFilter(n, false)
			release()
			b.AwaitFilter()
			b.checkFilter(n, true)
			b.close()
		})
	}
}

// If the filter can't be written, that costs nothing else.
func TestAFilterThatCannotBeSaved(t *testing.T) {
	for name, kind := range map[string]errorfs.OpKind{"create": errorfs.OpCreate, "write": errorfs.OpFileWrite} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewMem()
			var failed atomic.Int64
			b := open(t, errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == kind && strings.HasSuffix(op.Path, "filter") {
					failed.Add(1)
					return errDisk
				}
				return nil
			})))
			b.record(0, 100)
			b.close()
			if failed.Load() == 0 {
				t.Error("nothing has failed")
			}
			if _, err := mem.Stat(mem.PathJoin(dir, "filter")); err == nil {
				t.Error("a part of it is left")
			}
			b = open(t, mem)
			b.AwaitFilter()
			b.checkFilter(100, true)
		})
	}
}

// The filter is written only when it has changed.
func TestASavedFilterIsKept(t *testing.T) {
	mem := vfs.NewMem()
	var created atomic.Int64
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, "filter") {
			created.Add(1)
		}
		return nil
	}))
	for i, want := range []int64{1, 1, 2} {
		b := open(t, fs)
		if i != 1 {
			b.record(i, i+1)
		}
		b.close()
		if got := created.Load(); got != want {
			t.Errorf("closed %d times: written %d times, want %d", i+1, got, want)
		}
	}
}

// With a filter that lacks an id, a request could count twice.
func TestVerifyFindsAFilterThatLacksAnID(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	b.record(0, 10)
	b.EmptyFilter()
	b.record(10, 11)
	b.close()
	findings, _, _ := verify(t, fs, dir)
	if len(findings) != 1 || !strings.Contains(findings[0], `file filter: it lacks request id "id 0"`) {
		t.Errorf("got %q", findings)
	}
	forgetFilter(t, fs)
	if findings, _, _ := verify(t, fs, dir); len(findings) > 0 {
		t.Errorf("without it: %q", findings)
	}
}

// Whatever a file says of its size, loading it uses no more memory than a filter may.
func FuzzLoadFilter(f *testing.F) {
	fs := vfs.NewMem()
	b := open(f, fs)
	b.record(0, 100)
	b.close()
	f.Add(filesOf(f, fs)["filter"])
	f.Fuzz(func(t *testing.T, file []byte) {
		bytes, err := journal.LoadFilter(file)
		if err == nil && bytes > len(file) || bytes > 64<<20 {
			t.Errorf("a file of %d bytes is a filter of %d, %v", len(file), bytes, err)
		}
	})
}
