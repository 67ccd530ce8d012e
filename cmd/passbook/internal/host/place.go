package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// checkData returns an error if the data directories of branches can't be used, or
// made where they are missing. It makes none of them: a start that is refused after
// this leaves nothing behind.
func checkData(data string, ids []uint32) error {
	if data == "" {
		return exit.Usagef("--data must be a directory")
	}
	writable := make(map[string]bool)
	for _, id := range ids {
		at, err := nearest(BranchDir(data, id))
		if err == nil && !writable[at] {
			err = CheckWritable(at)
			writable[at] = true
		}
		if err != nil {
			return exit.Usagef("--data %s can't be used: %w", data, err)
		}
	}
	return nil
}

// Check returns an error if the branches can't be opened. It changes nothing.
func (o Options) Check() error {
	if err := checkData(o.Data, o.IDs); err != nil {
		return err
	}
	configs := o.configs(make([]net.Listener, len(o.IDs)))
	errs := make([]error, len(configs))
	someAtOnce(len(configs), func(i int) { errs[i] = branch.Check(configs[i]) })
	return cmp.Or(errs...)
}

// nearest returns the directory itself if it exists, or else its nearest parent that
// does.
func nearest(dir string) (string, error) {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && info.IsDir():
			return at, nil
		case err == nil:
			return "", fmt.Errorf("%s is no directory", at)
		case errors.Is(err, syscall.ENOTDIR):
			continue // it is below a file, which a later round finds
		case !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at):
			return "", err
		}
		if _, err := os.Lstat(at); err == nil {
			return "", fmt.Errorf("%s is a link to nothing", at)
		}
	}
}

// isThere reports whether there is a directory already.
func isThere(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

// CheckData returns the error with which branches would refuse their directories. It
// changes nothing.
func (o Options) CheckData() error {
	var errs []error
	for _, c := range o.configs(make([]net.Listener, len(o.IDs))) {
		errs = append(errs, c.CheckData())
	}
	return firstOf(errs)
}

// CheckWritable returns an error if files can't be made in a directory.
func CheckWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".passbook-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
