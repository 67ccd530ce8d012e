package journal_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// The filter excludes nothing that was added, and nearly all else, and uses a few
// bytes an id.
func TestTheFilterExcludesNewIDs(t *testing.T) {
	j := open(t, vfs.NewMem())
	n := 0
	for _, ids := range []int{0, 1, 1_000, 30_000, 300_000} {
		for ; n < ids; n++ {
			j.AddToFilter(fmt.Sprint("old ", n))
		}
		for i := range ids {
			if id := fmt.Sprint("old ", i); j.Excludes(id) {
				t.Fatalf("%q of %d ids is excluded", id, ids)
			}
		}
		const asked = 100_000
		wrong := 0
		for i := range asked {
			if !j.Excludes(fmt.Sprint("new ", i)) {
				wrong++
			}
		}
		if wrong > asked/100 {
			t.Errorf("with %d ids, %d of %d new ones are not excluded, want 1 in 100 at most", ids, wrong, asked)
		}
		if got, want := j.FilterBytes(), 4<<10+6*ids; got > want {
			t.Errorf("with %d ids the filter takes %d bytes, want %d at most", ids, got, want)
		}
	}
}

// An id that was looked up in vain, and then added, is found, although the filter
// remembers what it has excluded. An id that is added twice is known the second time.
func TestWhatIsExcludedAndThenAddedIsFound(t *testing.T) {
	j := open(t, vfs.NewMem())
	for i := range 500_000 { // so that it remembers what it excludes
		j.AddToFilter(fmt.Sprint("old ", i))
	}
	for i := range 100_000 {
		id := fmt.Sprint("new ", i)
		j.Excludes(id)
		if i%2 == 0 {
			j.Excludes(fmt.Sprint("never ", i)) // which may take its place
		}
		first := j.AddNewToFilter(id)
		if j.Excludes(id) || j.AddNewToFilter(id) {
			t.Fatalf("%q is excluded, or new twice, after it was added", id)
		}
		if again := fmt.Sprint("new ", i/2); j.AddNewToFilter(again) {
			t.Fatalf("%q is new, and was added before; %q: %t", again, id, first)
		}
	}
}

// A filter that would have to grow over its bound is given up. Request ids are
// then looked up on disk.
func TestTheFilterIsBounded(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	const bound = 28 << 10 // three generations
	b.BoundFilter(bound)
	n, kept := 0, 0
	for b.Excludes("new") && n < 100_000 {
		kept = b.FilterBytes()
		if kept > bound {
			t.Fatalf("the filter takes %d bytes, want %d at most", kept, bound)
		}
		entries := make([]ledger.Entry, 1000)
		for i := range entries {
			entries[i] = withID(fmt.Sprint(n), deposit("x", 1))
			n++
		}
		b.write(1, entries...)
	}
	if kept != bound || b.FilterBytes() != 0 {
		t.Errorf("the filter took %d bytes, and then %d, want %d and 0", kept, b.FilterBytes(), bound)
	}
	look := func() {
		t.Helper()
		for id := range n {
			if at, err := b.Positions([]ledger.RequestKey{ledger.RequestKey(fmt.Sprint(id))}); err != nil || len(at) != 1 || at[0].Sequence != uint64(id+1) {
				t.Fatalf("request id %d: got %v, %v, want entry %d", id, at, err, id+1)
			}
		}
		if _, ok, err := b.Request("new"); ok || err != nil {
			t.Fatalf("a new request id: got %t, %v", ok, err)
		}
	}
	look()
	b.close()
	release := journal.HoldFilters(t)
	b = open(t, fs)
	b.BoundFilter(bound)
	release()
	b.AwaitFilter()
	if b.Excludes("new") || b.FilterBytes() != 0 {
		t.Error("a filter is kept although more was read into it than it has room for")
	}
	look()
}

// The ids that are read into the filter while commits go on, and those that the
// commits add, are all found at every moment. Once all are read, new ids are
// excluded.
func TestRequestsAreFoundWhileTheFilterIsFilled(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	const old, fresh = 20_000, 2_000
	id := func(i int) string { return fmt.Sprint("id ", i) }
	for n := 0; n < old; n += 1000 {
		entries := make([]ledger.Entry, 1000)
		for i := range entries {
			entries[i] = withID(id(n+i), deposit("x", 1))
		}
		b.write(1, entries...)
	}
	b.close()
	forgetFilter(t, fs)
	release := journal.HoldFilters(t)
	b = open(t, fs)
	if b.Excludes("new") {
		t.Error("a filter excludes that lacks what is on disk")
	}
	found := func(i int) error {
		rec, ok, err := b.Request(ledger.RequestKey(id(i)))
		if err != nil || !ok || rec.At.Sequence != uint64(i+1) {
			return fmt.Errorf("request id %d: got %v, %t, %w", i, rec.At, ok, err)
		}
		return nil
	}
	for i := old; i < old+fresh; i++ {
		if i == old+100 {
			release()
		}
		b.writeUnsynced(1, withID(id(i), deposit("x", 1)))
		if err := errors.Join(found(i), found(i-1), found(i*7919%i)); err != nil {
			t.Fatal(err)
		}
	}
	b.AwaitFilter()
	if !b.Excludes("new") {
		t.Error("a new id is not excluded")
	}
	var readers sync.WaitGroup
	for first := range 4 {
		readers.Go(func() {
			for i := first; i < old+fresh; i += 4 {
				if b.Excludes(id(i)) {
					t.Errorf("request id %d is excluded", i)
					return
				}
			}
		})
	}
	for i := old + fresh; i < old+2*fresh; i++ {
		b.writeUnsynced(1, withID(id(i), deposit("x", 1)))
	}
	readers.Wait()
}

// Close does not wait until the filter is filled, also when the filling has not
// begun.
func TestCloseEndsTheFillingOfTheFilter(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	entries := make([]ledger.Entry, ledger.MaxBatchEntries)
	for i := range entries {
		entries[i] = withID(fmt.Sprint(i), deposit("x", 1))
	}
	b.write(1, entries...)
	b.close()
	forgetFilter(t, fs)
	release := journal.HoldFilters(t)
	open(t, fs).close()
	release()
	for range 20 {
		_ = fs.Remove(fs.PathJoin(dir, "filter")) // there if the filling was done
		open(t, fs).close()
	}
}

// A patient journal has read all ids when it is opened.
func TestThePatientFilterIsFilledAtOnce(t *testing.T) {
	opts := journal.Options{FS: vfs.NewMem(), Patient: true}
	b := openWith(t, opts)
	b.write(1, withID("old", deposit("x", 1)))
	b.close()
	forgetFilter(t, opts.FS)
	b = openWith(t, opts)
	if !b.Excludes("new") || b.Excludes("old") {
		t.Errorf("got new %t and old %t, want only the new id excluded", b.Excludes("new"), b.Excludes("old"))
	}
}

// Whatever is committed, written or not, and however often the journal is
// opened again: an id is found where it was first recorded, and no other id is.
func TestRequestsAgainstAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fs := vfs.NewMem()
		b := open(t, fs)
		first := map[ledger.RequestKey]ledger.Position{}
		key := rapid.Custom(func(rt *rapid.T) ledger.RequestKey {
			return ledger.NewRequestKey(rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(rt, "customer"), fmt.Sprint("id ", rapid.IntRange(0, 20).Draw(rt, "id")))
		})
		rt.Repeat(map[string]func(*rapid.T){
			"commit": func(rt *rapid.T) {
				writer := ledger.BranchID(rapid.Uint32Range(1, 3).Draw(rt, "writer"))
				var entries []ledger.Entry
				for _, key := range rapid.SliceOfN(key, 1, 4).Draw(rt, "keys") {
					customer, id := key.Split()
					entries = append(entries, of(customer, withID(id, deposit("x", 1))))
				}
				batch := b.post(writer, entries...)
				for _, e := range batch.Batch.Entries {
					if _, ok := first[e.RequestKey()]; !ok {
						first[e.RequestKey()] = ledger.Position{Branch: writer, Sequence: e.Sequence}
					}
				}
				c := b.gather(batch)
				c.Sync = rapid.Bool().Draw(rt, "sync")
				b.commit(c)
			},
			"reopen": func(rt *rapid.T) {
				b.close()
				if rapid.Bool().Draw(rt, "forget") {
					_ = fs.Remove(fs.PathJoin(dir, "filter")) // which may not be there
				}
				b = openWith(t, journal.Options{FS: fs, Patient: rapid.Bool().Draw(rt, "patient")})
			},
			"fill":  func(*rapid.T) { b.AwaitFilter() },
			"bound": func(rt *rapid.T) { b.BoundFilter(rapid.SampledFrom([]int{0, 64 << 10}).Draw(rt, "bytes")) },
			"positions": func(rt *rapid.T) {
				keys := rapid.SliceOfN(key, 1, 10).Draw(rt, "keys")
				at, err := b.Positions(keys)
				if err != nil {
					rt.Fatal(err)
				}
				for i, key := range keys {
					var got ledger.Position
					if at != nil {
						got = at[i]
					}
					if got != first[key] {
						rt.Fatalf("position of %s: got %v, want %v", key, got, first[key])
					}
				}
			},
			"request": func(rt *rapid.T) {
				key := key.Draw(rt, "key")
				rec, ok, err := b.Request(key)
				want, wantOK := first[key]
				if err != nil || ok != wantOK || rec.At != want {
					rt.Fatalf("%s: got %v, %t, %v, want %v, %t", key, rec.At, ok, err, want, wantOK)
				}
			},
		})
		b.close()
	})
}
