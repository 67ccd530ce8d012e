package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal"
)

// everyKindOfFile returns a directory that was closed, with tables that were flushed
// and compacted, a log, and a saved filter.
func everyKindOfFile(t *testing.T) files {
	t.Helper()
	fs := vfs.NewMem()
	open := func(t *testing.T, fs vfs.FS) *branch { return openWith(t, journal.Options{FS: fs, Place: placeIn(fs)}) }
	b := open(t, fs)
	for k := range 20 {
		b.write(1, withID(fmt.Sprint("a", k), deposit(fmt.Sprint("account ", k), 5)), withID(fmt.Sprint("b", k), transfer(fmt.Sprint("account ", k), "other", 2)))
	}
	b.close()
	editStore(t, fs, func(db *pebble.DB) {
		if err := db.Compact(t.Context(), []byte{0}, []byte{255}, false); err != nil {
			t.Fatal(err)
		}
	})
	for _, id := range []string{"c", "d"} { // what is in a log goes to a table at the next opening
		b = open(t, fs)
		b.write(2, withID(id, deposit("other", 1)))
		b.close()
	}
	return filesOf(t, fs)
}

// Verify finds every changed byte, in whatever file and whatever it is for: also in
// the tables' filters, indexes and properties, and where the branch would never read
// it.
func TestVerifyFindsEveryChangedByte(t *testing.T) {
	all := everyKindOfFile(t)
	if findings, _, _ := verify(t, all.with(t, "", nil), dir); len(findings) > 0 {
		t.Fatalf("found %q", findings)
	}
	current, err := pebble.Peek(dir, all.with(t, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for name, content := range all {
		kind := name
		if at := strings.LastIndexByte(name, '.'); at >= 0 && !strings.HasPrefix(name, "marker") {
			kind = name[at:]
		}
		if strings.HasPrefix(name, "OPTIONS") || name == "LOCK" || strings.HasPrefix(name, "MANIFEST") && !strings.HasSuffix(current.ManifestFilename, name) {
			continue // they are not read
		}
		end := len(strings.TrimRight(string(content), "\x00"))
		if kind == ".log" {
			end -= 8 // which say that the log was closed; without them it looks crashed
		}
		for at := 0; at < end; at += 1 + end/700*sparse {
			kinds[kind]++
			damaged := append([]byte(nil), content...)
			damaged[at] ^= 1 << (at % 8)
			found := 0
			v, err := journal.Verify(dir, all.with(t, name, damaged), func(journal.Finding) { found++ })
			if err == nil {
				v.Close()
				if found == 0 {
					t.Errorf("%s, byte %d of %d: nothing is found", name, at, end)
				}
			}
		}
	}
	t.Log(kinds)
	for _, kind := range []string{".sst", ".log", "synced", "filter", "home"} {
		if kinds[kind] == 0 {
			t.Errorf("there is no byte of the kind %s", kind)
		}
	}
}

// A filter that is damaged keeps the branch from starting, instead of failing the
// first listing that needs it.
func TestADamagedFilterBlockIsFoundAtTheStart(t *testing.T) {
	all := everyKindOfFile(t)
	fs := all.with(t, "", nil)
	tried := 0
	for name, content := range all {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		places, err := journal.FilterBlocks(fs, fs.PathJoin(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range places {
			tried++
			damaged := append([]byte(nil), content...)
			damaged[at] ^= 4
			_, _, err := journal.Open(dir, bank, journal.Options{FS: all.with(t, name, damaged)})
			var damage *journal.DamageError
			if !errors.As(err, &damage) || damage.Place != "file "+name {
				t.Errorf("%s, byte %d: %v, want damage of that file", name, at, err)
			}
		}
	}
	if tried == 0 {
		t.Error("no table has a filter")
	}
}
