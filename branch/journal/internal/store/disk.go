package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Disk is a file system that stops at the first change that fails: that one and all
// later ones are dropped, though Pebble is told that they succeeded.
//
// Pebble itself answers a failed write or sync by ending the process, by a
// panic that can't be recovered (it holds a mutex), or by trying again for
// ever while writers wait, as the case may be. With a stopped disk it does none of
// that: its call returns, and the journal then sees the failure and reports it. The
// directory is as a crash at that moment would have left it, which is what recovery
// is made for.
type Disk struct {
	vfs.FS
	// Dir is the directory of the store.
	Dir string
	// OnFailure, unless nil, is called with the error that stops the disk.
	OnFailure func(error)
	// armed says that a change that fails stops the disk. Until then the errors go to
	// Pebble, whose Open returns them.
	armed atomic.Bool
	// OnMachine is whether FS is the machine's own file system, where files have
	// rights.
	OnMachine bool
	first     atomic.Pointer[error] // the error that stopped the disk; nil until then
	// meanwhile is what to do while the log is next synced, or nil.
	meanwhile atomic.Pointer[task]
}

// Failure returns the error that stopped the disk, or nil.
func (d *Disk) Failure() error {
	if err := d.first.Load(); err != nil {
		return *err
	}
	return nil
}

// Fail stops the disk, and returns the error that did so first.
func (d *Disk) Fail(err error) error {
	err = fmt.Errorf("journal in %s stopped: %w", d.Dir, err)
	if d.first.CompareAndSwap(nil, &err) && d.OnFailure != nil {
		d.OnFailure(err)
	}
	return d.Failure()
}

// change carries out one change of the directory, unless the disk has stopped.
func (d *Disk) change(carryOut func() error) error {
	if d.Failure() != nil {
		return nil
	}
	err := carryOut()
	if err == nil || !d.armed.Load() {
		return err
	}
	_ = d.Fail(err)
	return nil
}

// create opens a file for writing; on a stopped disk, one that drops everything.
func (d *Disk) create(open func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	err := d.change(func() (err error) {
		f, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	if f == nil {
		f = vfs.NewMemFile(nil)
	}
	return &diskFile{File: f, disk: d}, nil
}

// Create syncs the directory before it creates a marker, which names the file
// that counts. Pebble syncs that file but not its name in the directory, so a crash
// could keep the marker alone.
func (d *Disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(d.PathBase(name), "marker.") {
		if err := d.SyncDir(); err != nil {
			return nil, err
		}
	}
	f, err := d.create(func() (vfs.File, error) { return d.Make(name, category) })
	switch {
	case err != nil:
		return nil, err
	case isLog(name):
		return newLogFile(f, 0), nil
	case strings.HasSuffix(name, TableSuffix):
		return &tableFile{diskFile: f.(*diskFile)}, nil
	}
	return f, nil
}

// SyncDir makes the names of the files in the directory durable.
func (d *Disk) SyncDir() error {
	f, err := d.OpenDir(d.Dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// OpenReadWrite opens a file for reading and writing, which only its owner may do.
func (d *Disk) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.create(func() (vfs.File, error) {
		f, err := d.FS.OpenReadWrite(name, category, opts...)
		return d.private(f, err)
	})
}

// ReuseForWrite implements vfs.FS.
func (d *Disk) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.create(func() (vfs.File, error) { return d.FS.ReuseForWrite(oldname, newname, category) })
	if err != nil || !isLog(newname) {
		return f, err
	}
	size := int64(0)
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	return newLogFile(f, size), nil
}

// OpenDir implements vfs.FS.
func (d *Disk) OpenDir(name string) (vfs.File, error) {
	return d.create(func() (vfs.File, error) { return d.FS.OpenDir(name) })
}

// Link implements vfs.FS.
func (d *Disk) Link(oldname, newname string) error {
	return d.change(func() error { return d.FS.Link(oldname, newname) })
}

// Rename implements vfs.FS.
func (d *Disk) Rename(oldname, newname string) error {
	return d.change(func() error { return d.FS.Rename(oldname, newname) })
}

// MkdirAll implements vfs.FS.
func (d *Disk) MkdirAll(dir string, perm os.FileMode) error {
	return d.change(func() error { return d.FS.MkdirAll(dir, perm) })
}

// Remove loses nothing when it fails: its error goes to Pebble.
func (d *Disk) Remove(name string) error {
	if d.Failure() != nil {
		return nil
	}
	return d.FS.Remove(name)
}

// RemoveAll is like Remove.
func (d *Disk) RemoveAll(name string) error {
	if d.Failure() != nil {
		return nil
	}
	return d.FS.RemoveAll(name)
}

// Path returns the path of a file in the directory of the store.
func (d *Disk) Path(name string) string { return d.PathJoin(d.Dir, name) }

// Unwrap returns the file system below.
func (d *Disk) Unwrap() vfs.FS { return d.FS }

// diskFile is a file of a disk, open for writing.
type diskFile struct {
	vfs.File
	disk *Disk // is stopped by a change that fails, and then drops all others
}

// Write implements io.Writer.
func (f *diskFile) Write(p []byte) (int, error) {
	return len(p), f.disk.change(func() error {
		_, err := f.File.Write(p)
		return err
	})
}

// WriteAt implements io.WriterAt.
func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	return len(p), f.disk.change(func() error {
		_, err := f.File.WriteAt(p, off)
		return err
	})
}

// Sync implements vfs.File.
func (f *diskFile) Sync() error { return f.disk.change(f.File.Sync) }

// SyncData implements vfs.File.
func (f *diskFile) SyncData() error { return f.disk.change(f.File.SyncData) }

// SyncTo implements vfs.File.
func (f *diskFile) SyncTo(length int64) (fullSync bool, err error) {
	err = f.disk.change(func() (err error) {
		fullSync, err = f.File.SyncTo(length)
		return err
	})
	return fullSync, err
}

// Close closes the file, even on a stopped disk.
func (f *diskFile) Close() error {
	if err := f.File.Close(); err != nil && f.disk.Failure() == nil {
		return f.disk.change(func() error { return err })
	}
	return nil
}
