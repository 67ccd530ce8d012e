package store

import (
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// noted is a log whose calls to the disk are noted, and fail if that is set.
type noted struct {
	disk  *Disk
	log   vfs.File
	order []string
	fails map[errorfs.OpKind]error
}

func newNoted(t *testing.T) *noted {
	t.Helper()
	n := &noted{fails: map[errorfs.OpKind]error{}}
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if what := map[errorfs.OpKind]string{errorfs.OpFileWrite: "written", errorfs.OpFileSyncTo: "begun", errorfs.OpFileSyncData: "synced"}[op.Kind]; what != "" {
			n.order = append(n.order, what)
		}
		return n.fails[op.Kind]
	}))
	n.disk = &Disk{FS: fs, Dir: "data"}
	n.disk.armed.Store(true)
	log, err := n.disk.create(func() (vfs.File, error) { return fs.Create("1.log", vfs.WriteCategoryUnspecified) })
	if err != nil {
		t.Fatal(err)
	}
	n.log = newLogFile(log, FillBytes)
	return n
}

func (n *noted) write() error {
	_, err := n.log.Write([]byte("a commit"))
	return errors.Join(err, n.log.SyncData())
}

// meanwhile does some work beside a commit.
func (n *noted) meanwhile(commit func() error) error {
	return n.disk.Meanwhile(commit, func() { n.order = append(n.order, "done") })
}

// The work is done when the device has begun to write and is not waited for yet; the log after it
// is synced as ever.
func TestWorkWhileTheLogIsSynced(t *testing.T) {
	n := newNoted(t)
	if err := errors.Join(n.meanwhile(n.write), n.write()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"written", "begun", "done", "synced", "written", "synced"}; !slices.Equal(n.order, want) {
		t.Errorf("it was %q, want %q", n.order, want)
	}
}

// The work is done once, and before Meanwhile returns, also if nothing is synced, or the disk fails.
func TestWorkIsDoneWhateverTheDiskDoes(t *testing.T) {
	broken := errors.New("the disk is broken")
	for what, c := range map[string]struct {
		fails  errorfs.OpKind
		commit func(n *noted) error
		want   []string
		stops  bool
	}{
		"nothing is synced": {commit: func(*noted) error { return nil }, want: []string{"done"}},
		"no commit":         {commit: func(*noted) error { return broken }, want: []string{"done"}},
		"two syncs":         {commit: func(n *noted) error { return errors.Join(n.write(), n.write()) }, want: []string{"written", "begun", "done", "synced", "written", "synced"}},
		"no write":          {errorfs.OpFileWrite, (*noted).write, []string{"written", "done"}, true},
		"no begin":          {errorfs.OpFileSyncTo, (*noted).write, []string{"written", "begun", "done"}, true},
		"no sync":           {errorfs.OpFileSyncData, (*noted).write, []string{"written", "begun", "done", "synced"}, true},
	} {
		n := newNoted(t)
		if c.stops {
			n.fails[c.fails] = broken
		}
		err := n.meanwhile(func() error { return c.commit(n) })
		if !slices.Equal(n.order, c.want) {
			t.Errorf("%s: it was %q, want %q", what, n.order, c.want)
		}
		if stopped := errors.Is(n.disk.Failure(), broken); stopped != c.stops {
			t.Errorf("%s: the disk has stopped: %t, want %t", what, stopped, c.stops)
		}
		if errors.Is(err, broken) != (what == "no commit") {
			t.Errorf("%s: got %v", what, err)
		}
		if n.disk.meanwhile.Load() != nil {
			t.Errorf("%s: the work is still to be done", what)
		}
	}
}
