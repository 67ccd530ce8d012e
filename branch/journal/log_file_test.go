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

// lastLog returns the write-ahead log that is being written.
func lastLog(t *testing.T, fs vfs.FS) []byte {
	t.Helper()
	d := directory{files: filesOf(t, fs)}
	return d.files[d.lastLog()]
}

// The log does not grow with each small commit, but seldom and by much. Its content
// survives a crash.
func TestLogsAreFilledAhead(t *testing.T) {
	fs := vfs.NewCrashableMem()
	b := open(t, fs)
	var sizes []int
	for i := range 600 {
		b.write(1, withID(fmt.Sprint(strings.Repeat("x", 100), i), deposit("a", 1)))
		if size := len(lastLog(t, fs)); len(sizes) == 0 || size != sizes[len(sizes)-1] {
			sizes = append(sizes, size)
		}
	}
	data := lastLog(t, fs)
	written := len(bytes.TrimRight(data, "\x00"))
	if len(sizes) > 1+written/journal.FillBytes || len(data)-written > journal.FillBytes || written < 600*100 {
		t.Errorf("the log of %d bytes has sizes %v", written, sizes)
	}
	again := open(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	if sequence := again.Ledger.Head(0).Sequence; sequence != 600 {
		t.Errorf("after a crash: %d entries", sequence)
	}
}

// Large commits leave nothing to fill but a log's beginning.
func TestLogsAreNotFilledForLargeCommits(t *testing.T) {
	var logs, filled atomic.Int64
	b := open(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch {
		case op.Kind == errorfs.OpFileWriteAt:
			filled.Add(1)
		case (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite) && strings.HasSuffix(op.Path, ".log"):
			logs.Add(1)
		}
		return nil
	})))
	for i := range 60 {
		var batches []ledger.StoredBatch
		for k := range 400 {
			batches = append(batches, b.post(1, withID(fmt.Sprint(strings.Repeat("x", 100), i, k), deposit("a", 1))))
		}
		b.commit(b.gather(batches...))
	}
	if filled.Load() > logs.Load() {
		t.Errorf("%d logs are filled %d times", logs.Load(), filled.Load())
	}
}

// A log that can't be filled grows with each commit, and nothing else happens.
func TestLogsThatCannotBeFilledGrow(t *testing.T) {
	fs := vfs.NewCrashableMem()
	f := &faults{kind: errorfs.OpFileWriteAt}
	f.failing.Store(true)
	b := open(t, f.on(fs))
	size := 0
	for i := range 10 {
		b.write(1, deposit("a", 1))
		if now := len(lastLog(t, fs)); now <= size {
			t.Errorf("commit %d: the log had %d bytes before and %d after it", i, size, now)
		} else {
			size = now
		}
	}
	again := open(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	if sequence := again.Ledger.Head(0).Sequence; sequence != 10 {
		t.Errorf("after a crash: %d entries", sequence)
	}
}
