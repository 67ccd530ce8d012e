package journal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

func TestBatches(t *testing.T) {
	b := open(t, vfs.NewMem())
	var ends []uint64
	var size int
	for range 4 {
		posted := b.post(2, deposit("a", 1), deposit("a", 1))
		b.commit(b.gather(posted))
		ends, size = append(ends, posted.Batch.LastSequence()), len(posted.Bytes)
	}
	for _, tt := range []struct {
		name     string
		after    uint64
		maxBytes int
		want     []uint64
	}{
		{"all", 0, 1 << 20, ends},
		{"after the first", 2, 1 << 20, ends[1:]},
		{"after half of the second", 3, 1 << 20, ends[1:]},
		{"at the end", 8, 1 << 20, nil},
		{"beyond the end", 1<<64 - 1, 1 << 20, nil},
		{"at least one", 0, 0, ends[:1]},
		{"two fit", 2, 2*size + 10, ends[1:3]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			batches, err := b.Batches(2, tt.after, tt.maxBytes)
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, s := range batches {
				got = append(got, s.Span.Last)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ends (-want +got):\n%s", diff)
			}
		})
	}
	for _, none := range []uint64{0, 1, 3, 9} {
		if _, ok, err := b.HashAt(2, none); ok || err != nil {
			t.Errorf("HashAt(2, %d) = %v, %v; no batch ends there", none, ok, err)
		}
	}
}

// batchKey is the key of the batch of branch 1 that ends at sequence.
func batchKey(sequence byte) []byte {
	return []byte{'b', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, sequence}
}

// flip changes one bit of a stored value. If where is negative it counts from the
// end.
func flip(t *testing.T, fs vfs.FS, key []byte, where int) {
	t.Helper()
	editStore(t, fs, func(db *pebble.DB) {
		value, closer, err := db.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		flipped := append([]byte(nil), value...)
		closer.Close()
		if where < 0 {
			where += len(flipped)
		}
		flipped[where] ^= 1
		if err := db.Set(key, flipped, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFlippedBitInABatchIsFound(t *testing.T) {
	const name = "batch of branch 1 that ends at sequence 4"
	for _, where := range []int{1, 32, -1, -40} { // hash, hash, bytes, bytes
		fs := vfs.NewMem()
		b := open(t, fs)
		fill(b)
		b.close()
		flip(t, fs, batchKey(4), where)

		b = open(t, fs)
		if batches, err := b.Batches(1, 4, 1<<20); len(batches) != 1 || err != nil {
			t.Errorf("the sound batch: %d batches, %v", len(batches), err)
		}
		_, err := b.Batches(1, 0, 1<<20)
		if !errors.Is(err, ledger.ErrBatchHash) || !strings.Contains(err.Error(), name) {
			t.Errorf("flip at %d: %v; want a hash error that names the %s", where, err, name)
		}
	}
}

// The error of a listing that is damaged has the code data_loss.
func TestAListingOfDamageIsDataLoss(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	fill(b)
	b.close()
	flip(t, fs, batchKey(4), -1)
	b = open(t, fs)
	_, _, journalErr := b.Entries(1, journal.Page{})
	_, _, statementErr := b.Statement("a", journal.Page{})
	for _, err := range []error{journalErr, statementErr, &journal.DamageError{}} {
		var coded interface{ Code() code.Code }
		if !errors.As(err, &coded) || coded.Code() != code.DataLoss {
			t.Errorf("%v says no data_loss", err)
		}
	}
}

func TestOpenChecksTheEndOfEachJournal(t *testing.T) {
	last := batchKey(6)
	for _, tt := range []struct {
		name string
		bend func(*testing.T, vfs.FS)
		want string
	}{
		{"flipped bit in the last batch", func(t *testing.T, fs vfs.FS) { flip(t, fs, last, -1) }, "batch of branch 1 that ends at sequence 6: the hash"},
		{"last batch is missing", func(t *testing.T, fs vfs.FS) { remove(t, fs, last) }, "head of branch 1 is at sequence 6, its journal ends at 4"},
		{"head is missing", func(t *testing.T, fs vfs.FS) { remove(t, fs, []byte{'h', 0, 0, 0, 1}) }, "head of branch 1 is at sequence 0, its journal ends at 6"},
		{"head has another hash", func(t *testing.T, fs vfs.FS) { flip(t, fs, []byte{'h', 0, 0, 0, 1}, 5) }, "does not have the hash of the head of branch 1"},
		{"escrow that does not add up", func(t *testing.T, fs vfs.FS) { flip(t, fs, []byte("aa"), 1) }, `account "a"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := vfs.NewMem()
			b := open(t, fs)
			fill(b)
			b.close()
			tt.bend(t, fs)
			_, _, err := journal.Open(dir, bank, journal.Options{FS: fs})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// readAll opens a journal and reads everything in it.
func readAll(fs vfs.FS) error {
	j, _, err := journal.Open(dir, bank, journal.Options{FS: fs})
	if err != nil {
		return err
	}
	defer j.Close()
	_, _, request := j.Request("x")
	_, one := j.Batches(1, 0, 1<<20)
	_, two := j.Batches(2, 0, 1<<20)
	_, _, entries := j.Entries(1, journal.Page{})
	_, _, statement := j.Statement("a", journal.Page{})
	return errors.Join(request, one, two, entries, statement)
}

// A value that is cut short, or replaced by anything else, is an error that names the
// key; nothing panics.
func TestMalformedValuesAreErrors(t *testing.T) {
	base := vfs.NewCrashableMem()
	b := open(t, base)
	b.write(1, withID("x", deposit("a", 1)), transfer("a", "b", 1))
	b.close()
	for _, tt := range []struct{ name, key, want string }{
		{"identity", "midentity", `meta "identity"`},
		{"epoch", "mepoch", `meta "epoch"`},
		{"state", "mstate", `meta "state"`},
		{"head", "h\x00\x00\x00\x01", "head of branch 1"},
		{"account", "aa", `account "a"`},
		{"batch", string(batchKey(2)), "batch of branch 1 that ends at sequence 2"},
		{"request", "rx", `request id "x"`},
		{"statement", "s\x01a\x00\x00\x00\x00\x00\x00\x00\x01", `statement of account "a" at order 1`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			value := stored(t, base, tt.key)
			bad := [][]byte{{}, {0xff}, append([]byte{2}, value[1:]...), append([]byte{1}, strings.Repeat("\xff", 40)...)}
			for n := 1; n < len(value); n += 1 + len(value)/16 {
				bad = append(bad, value[:n])
			}
			for _, v := range bad {
				fs := base.CrashClone(vfs.CrashCloneCfg{})
				put(t, fs, tt.key, v)
				err := readAll(fs)
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("value %x: got %v, want an error that names %s", v, err, tt.want)
				}
			}
		})
	}
}

func stored(t *testing.T, fs *vfs.MemFS, key string) (value []byte) {
	t.Helper()
	editStore(t, fs.CrashClone(vfs.CrashCloneCfg{}), func(db *pebble.DB) {
		v, closer, err := db.Get([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		value = append(value, v...)
		closer.Close()
	})
	return value
}
