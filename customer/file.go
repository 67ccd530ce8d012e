package customer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteOutput writes the output.json of a report to a file, or to those that
// [OutputFiles] names: each whole or not at all, so on an error a file is as it was
// before. A path that is no regular file, such as /dev/stdout, is written to directly.
func WriteOutput(path string, report *Report, form OutputForm) error {
	contents, err := encodeFiles(report, form)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	for i, file := range OutputFiles(path, form) {
		if err := WriteFile(file, contents[i]); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes a file, whole or not at all, as [WriteOutput] does.
func WriteFile(path string, data []byte) error {
	// A rename would replace a symbolic link instead of the file behind it.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode := fs.FileMode(0o666) // less the umask, as for any new file
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return writeDirectly(path, data)
	case err == nil:
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return replaceFile(path, data, mode)
}

// writeDirectly writes to a device or a pipe, which a rename would replace.
func writeDirectly(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// replaceFile puts data in place of a file by way of a temporary one beside it,
// which is synced first, so that a crash leaves the old content or the new.
func replaceFile(path string, data []byte, mode fs.FileMode) error {
	temporary := path + "." + rand.Text() + ".tmp"
	if err := writeSynced(temporary, data, mode); err != nil {
		// The error is already told; a file that was never made is fine.
		_ = os.Remove(temporary)
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

func writeSynced(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDirectory makes a rename durable.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
