package journal

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is a file system that freezes at the first change that fails: that one
// and all later ones are dropped, though Pebble is told that they succeeded.
//
// Pebble itself answers a failed write or sync by ending the process, by a
// panic that can't be recovered (it holds a mutex), or by trying again for
// ever while writers wait, as the case may be. With a frozen disk it does none
// of that: its call returns, [Journal.Commit] then sees the failure and
// reports it, and the directory is as a crash at that moment would have left
// it, which recovery is made for.
type disk struct {
	vfs.FS
	dir       string
	onFailure func(error)
	// armed says that changes freeze the disk; until then their errors go to
	// Pebble, whose Open returns them.
	armed atomic.Bool
	// onMachine is whether FS is the machine's own file system, where files have
	// rights.
	onMachine bool
	first     atomic.Pointer[error]
}

// failure returns the error that froze the disk, or nil.
func (d *disk) failure() error {
	if err := d.first.Load(); err != nil {
		return *err
	}
	return nil
}

// fail freezes the disk, and returns the error that did so first.
func (d *disk) fail(err error) error {
	err = fmt.Errorf("journal in %s stopped: %w", d.dir, err)
	if d.first.CompareAndSwap(nil, &err) && d.onFailure != nil {
		d.onFailure(err)
	}
	return d.failure()
}

// change carries out one change of the directory, unless the disk is frozen.
func (d *disk) change(carryOut func() error) error {
	if d.failure() != nil {
		return nil
	}
	err := carryOut()
	if err == nil || !d.armed.Load() {
		return err
	}
	_ = d.fail(err)
	return nil
}

// create opens a file for writing; on a frozen disk, one that drops all.
func (d *disk) create(open func() (vfs.File, error)) (vfs.File, error) {
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
// that counts: Pebble syncs that file but not that it is there, and a crash
// could keep the marker alone.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(d.PathBase(name), "marker.") {
		if err := d.syncDir(); err != nil {
			return nil, err
		}
	}
	f, err := d.create(func() (vfs.File, error) { return d.make(name, category) })
	switch {
	case err != nil:
		return nil, err
	case isLog(name):
		return newLogFile(f, 0), nil
	case strings.HasSuffix(name, tableSuffix):
		return &tableFile{diskFile: f.(*diskFile)}, nil
	}
	return f, nil
}

func (d *disk) syncDir() error {
	f, err := d.OpenDir(d.dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *disk) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.create(func() (vfs.File, error) {
		f, err := d.FS.OpenReadWrite(name, category, opts...)
		return d.private(f, err)
	})
}

func (d *disk) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
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

func (d *disk) OpenDir(name string) (vfs.File, error) {
	return d.create(func() (vfs.File, error) { return d.FS.OpenDir(name) })
}

func (d *disk) Link(oldname, newname string) error {
	return d.change(func() error { return d.FS.Link(oldname, newname) })
}

func (d *disk) Rename(oldname, newname string) error {
	return d.change(func() error { return d.FS.Rename(oldname, newname) })
}

func (d *disk) MkdirAll(dir string, perm os.FileMode) error {
	return d.change(func() error { return d.FS.MkdirAll(dir, perm) })
}

// Remove loses nothing when it fails: its error goes to Pebble.
func (d *disk) Remove(name string) error {
	if d.failure() != nil {
		return nil
	}
	return d.FS.Remove(name)
}

// RemoveAll is as Remove.
func (d *disk) RemoveAll(name string) error {
	if d.failure() != nil {
		return nil
	}
	return d.FS.RemoveAll(name)
}

// Unwrap returns the file system below.
func (d *disk) Unwrap() vfs.FS { return d.FS }

// diskFile is a file of a disk, open for writing.
type diskFile struct {
	vfs.File
	disk *disk
}

func (f *diskFile) Write(p []byte) (int, error) {
	return len(p), f.disk.change(func() error {
		_, err := f.File.Write(p)
		return err
	})
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	return len(p), f.disk.change(func() error {
		_, err := f.File.WriteAt(p, off)
		return err
	})
}

func (f *diskFile) Sync() error     { return f.disk.change(f.File.Sync) }
func (f *diskFile) SyncData() error { return f.disk.change(f.File.SyncData) }

func (f *diskFile) SyncTo(length int64) (fullSync bool, err error) {
	err = f.disk.change(func() (err error) {
		fullSync, err = f.File.SyncTo(length)
		return err
	})
	return fullSync, err
}

// Close closes the file also on a frozen disk.
func (f *diskFile) Close() error {
	if err := f.File.Close(); err != nil && f.disk.failure() == nil {
		return f.disk.change(func() error { return err })
	}
	return nil
}
