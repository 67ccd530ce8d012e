package journal_test

import (
	"io"
	"path"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble keeps to its bounds by itself: this checks those that it was given, which it
// writes to a file beside the store.
func TestTheStoreIsGivenItsBounds(t *testing.T) {
	fs := vfs.NewMem()
	open(t, fs)
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var options string
	for _, name := range names {
		if !strings.HasPrefix(name, "OPTIONS-") {
			continue
		}
		f, err := fs.Open(path.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		options += string(text)
		f.Close()
	}
	for _, want := range []string{"cache_size=67108864", "mem_table_size=16777216", "mem_table_stop_writes_threshold=4", "l0_compaction_threshold=12", "l0_stop_writes_threshold=64", "max_open_files=128"} {
		if !strings.Contains(options, "  "+want+"\n") {
			t.Errorf("the options don't have %s:\n%s", want, options)
		}
	}
}
