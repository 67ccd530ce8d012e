//go:build unix

package journal_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"passbook.example/passbook/branch/journal"
)

// walkData calls f with everything in a directory, itself included.
func walkData(t *testing.T, dir string, f func(path string, info fs.FileInfo)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			f(path, info)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// roomOf returns how many bytes of the disk a directory uses, as du counts.
func roomOf(t *testing.T, dir string) int64 {
	t.Helper()
	var total int64
	walkData(t, dir, func(_ string, info fs.FileInfo) {
		total += info.Sys().(*syscall.Stat_t).Blocks * 512
	})
	return total
}

// Fifty branches that have written nothing use 64 MiB of disk at most, even after
// they have started twice.
func TestEmptyJournalsTakeLittleRoom(t *testing.T) {
	const branches, most = 50, 64 << 20
	dir := t.TempDir()
	for start := 1; start <= 2; start++ {
		var open []*journal.Journal
		for i := range branches {
			j, _, err := journal.Open(filepath.Join(dir, fmt.Sprint(i)), bank, journal.Options{})
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, j)
		}
		if room := roomOf(t, dir); room > most {
			t.Errorf("start %d: %d empty journals take %d bytes of disk, want %d at most", start, branches, room, most)
		}
		for _, j := range open {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if room := roomOf(t, dir); room > most {
			t.Errorf("stop %d: %d empty journals take %d bytes of disk, want %d at most", start, branches, room, most)
		}
	}
}

// checkPrivate checks that only the owner has rights to a directory and to what
// is in it.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	walkData(t, dir, func(path string, info fs.FileInfo) {
		want := fs.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has the rights %v, want %v", path, got, want)
		}
	})
}

// Whatever the umask is, nobody but its owner can read a data directory.
func TestDataIsPrivate(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "data")
	write := func() {
		j, s, err := journal.Open(dir, bank, journal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b := &branch{Journal: j, State: s, t: t}
		b.write(1, withID("r", deposit("a", 1)))
		checkPrivate(t, dir)
		b.close()
		checkPrivate(t, dir)
	}
	write()
	// Somebody has widened the rights.
	walkData(t, dir, func(path string, info fs.FileInfo) {
		if err := os.Chmod(path, info.Mode().Perm()|0o055); err != nil {
			t.Fatal(err)
		}
	})
	write()
}
