package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The rights to a data directory and its files. The files say how much money
// everybody has.
const (
	privateDir  = 0o700
	privateFile = 0o600
)

// MakeDir makes the directory, for its owner alone.
func (d *Disk) MakeDir() error { return d.MkdirAll(d.Dir, privateDir) }

// Make makes a file that its owner alone may read and write.
func (d *Disk) Make(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, category)
	return d.private(f, err)
}

// private makes a file private, if it was opened without an error.
func (d *Disk) private(f vfs.File, err error) (vfs.File, error) {
	if err == nil && d.OnMachine {
		keepPrivate(f)
	}
	return f, err
}

// Lock makes the file of the lock beforehand, since the file system would make it
// readable for all.
func (d *Disk) Lock(name string) (io.Closer, error) {
	if d.OnMachine {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, privateFile)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return d.FS.Lock(name)
}

// Narrow removes the rights of everybody but the owner to the directory and its
// files, if somebody has widened them. If they can't be changed, as when the
// directory belongs to another user, it only logs a warning.
func (d *Disk) Narrow(logger *slog.Logger) {
	if !d.OnMachine {
		return
	}
	info, err := os.Stat(d.Dir)
	if err != nil || !openTo(info) {
		return
	}
	if err := narrowAll(d.Dir); err != nil {
		logger.Warn("Other users may read the data directory: its rights can't be narrowed", "directory", d.Dir, "error", err)
		return
	}
	logger.Warn(fmt.Sprintf("The data directory was open to other users (%v); it is yours alone now", info.Mode().Perm()), "directory", d.Dir)
}

func narrowAll(dir string) error {
	if err := os.Chmod(dir, privateDir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		// A compaction may have removed it since.
		if err := os.Chmod(filepath.Join(dir, e.Name()), privateFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
