package journal_test

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// openOnDisk opens a directory of the machine.
func openOnDisk(t *testing.T, dir string) *branch {
	t.Helper()
	j, s, err := journal.Open(dir, bank, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return &branch{Journal: j, State: s, t: t}
}

// settle commits that the branch knows what its peers have.
func (b *branch) settle() {
	b.t.Helper()
	b.commit(&ledger.Commit{Settled: true, Sync: true})
}

func shell(t *testing.T, dir, script string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-ec", script, "sh"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// A directory that was copied, or restored from a copy, is recognised whichever
// way that was done, until its branch has heard from all others. No other directory
// counts as a copy.
func TestACopiedDirectoryIsRecognised(t *testing.T) {
	if skipped := journal.PlaceOfMachine == nil; skipped {
		t.Skip("this system does not tell where a file is")
	}
	for name, tt := range map[string]struct {
		// script runs where data is the directory and backup is an older copy.
		script, want string
	}{
		"started again":            {":", ""},
		"moved":                    {"mv data elsewhere; mv elsewhere data", ""},
		"backed up":                {"cp -a data another; tar cf data.tar data", ""},
		"read":                     {"cat data/* >/dev/null", ""},
		"a copy":                   {"mv data old; cp -r old data", "another one"},
		"a copy with all it has":   {"mv data old; cp -a old data", "another one"},
		"a copy as an archive":     {"tar cf data.tar data; rm -r data; tar xf data.tar", "another one"},
		"restored":                 {"rm -r data; mv backup data", "another one"},
		"restored in place":        {"cp -r backup/. data", "changed since"},
		"restored in place, dated": {"cp -a backup/. data", "changed since"},
		"unpacked over it":         {"tar cf data.tar -C backup .; tar xf data.tar -C data", "another one"},
		"unpacked into it":         {"tar cf data.tar -C backup .; tar xf data.tar --overwrite -C data", "changed since"},
		"without the mark":         {"rm data/home", "missing"},
		"with half a mark":         {"truncate -s 5 data/home", "changed since"},
		"only the store restored":  {"cp data/home home; rm -r data; mv backup data; cat home >data/home", "another one"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			data := filepath.Join(root, "data")
			b := openOnDisk(t, data)
			if b.Copied != "" {
				t.Fatalf("a new directory is taken for a copy: %s", b.Copied)
			}
			b.settle()
			b.close()
			shell(t, root, "cp -a data backup")
			b = openOnDisk(t, data)
			b.write(1, deposit("a", 1))
			b.close()
			shell(t, root, tt.script)
			for range 2 { // until it has settled again, it stays one
				b = openOnDisk(t, data)
				if (b.Copied == "") != (tt.want == "") || !strings.Contains(b.Copied, tt.want) {
					t.Fatalf("it is taken for a copy because %q, want %q", b.Copied, tt.want)
				}
				b.close()
			}
			b = openOnDisk(t, data)
			b.settle()
			b.close()
			if b = openOnDisk(t, data); b.Copied != "" {
				t.Errorf("once it has settled, it is taken for a copy because %q", b.Copied)
			}
			b.close()
			if findings, _, _ := verify(t, vfs.Default, data); len(findings) > 0 {
				t.Errorf("found %q", findings)
			}
		})
	}
}

// A backup of a running branch, written back only over the files that have changed,
// as some programs do, is recognised unless it is younger than the interval.
func TestARunningBranchDrawsItsMarkNowAndThen(t *testing.T) {
	if skipped := journal.PlaceOfMachine == nil; skipped {
		t.Skip("this system does not tell where a file is")
	}
	root := t.TempDir()
	data := filepath.Join(root, "data")
	mark := filepath.Join(data, "home")
	b := openOnDisk(t, data)
	read := func() string {
		text, err := os.ReadFile(mark)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := read()
	b.write(1, deposit("a", 1))
	if read() != first {
		t.Error("the mark is drawn anew with each commit")
	}
	shell(t, root, "cp -a data backup")
	b.PassHomeInterval()
	b.write(1, deposit("a", 2))
	if read() == first {
		t.Fatal("the mark is not drawn anew after the interval")
	}
	b.close()
	shell(t, root, "cd backup; for f in *; do cmp -s $f ../data/$f || cp -a $f ../data/$f; done")
	if b = openOnDisk(t, data); !strings.Contains(b.Copied, "changed since") {
		t.Errorf("it is taken for a copy because %q", b.Copied)
	}
	b.close()
}

// placeIn stands in for the places of files in memory: a file has changed when its
// content has.
func placeIn(fs vfs.FS) func(string) (journal.Place, error) {
	return func(path string) (journal.Place, error) {
		f, err := fs.Open(path)
		if err != nil {
			return journal.Place{}, err
		}
		defer f.Close()
		hash := fnv.New64()
		if _, err := io.Copy(hash, f); err != nil {
			return journal.Place{}, err
		}
		return journal.Place{Inode: 1, Changed: int64(hash.Sum64() >> 1)}, nil
	}
}

// A directory does not count as a copy after a crash, whenever that happens and
// whatever it leaves of what was not synced.
func TestACrashedDirectoryIsAtHome(t *testing.T) {
	c := &crasher{mem: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(5, 1)), one: 3, synced: func() int { return 0 }}
	for range 2 {
		b := openWith(t, journal.Options{FS: c.fs(), Place: placeIn(c.mem)})
		b.settle()
		b.PassHomeInterval()
		b.write(1, deposit("a", 1))
		b.close()
	}
	again := 0
	for _, crashed := range c.crashed {
		next := &crasher{mem: crashed.fs, rng: c.rng, one: 6, synced: c.synced}
		crashes := []crash{{fs: next.mem, before: crashed.before}}
		for k := 0; k < len(crashes); k++ {
			fs := vfs.FS(crashes[k].fs)
			if k == 0 {
				fs = next.fs()
			}
			b := openWith(t, journal.Options{FS: fs, Place: placeIn(crashes[k].fs)})
			if b.Copied != "" {
				t.Errorf("after a crash before writing %s and %s it is taken for a copy because %q", crashed.before, crashes[k].before, b.Copied)
			}
			b.close()
			if k == 0 {
				crashes = append(crashes, next.crashed...)
				again += len(next.crashed)
			}
		}
	}
	if len(c.crashed) < 50 || again < 50 {
		t.Errorf("only %d crashes, and %d more while opening", len(c.crashed), again)
	}
}
