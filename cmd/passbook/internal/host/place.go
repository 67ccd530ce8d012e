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

// checkData says whether the data directories of branches can be used, or made
// where they are not there. It makes none of them: a start that is refused after
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

// Check says whether the branches can be opened, and changes nothing.
func (o Options) Check() error {
	if err := checkData(o.Data, o.IDs); err != nil {
		return err
	}
	configs := o.configs(make([]net.Listener, len(o.IDs)))
	errs := make([]error, len(configs))
	someAtOnce(len(configs), func(i int) { errs[i] = branch.Check(configs[i]) })
	return cmp.Or(errs...)
}

// nearest returns the directory itself, or else the one in which it, or what leads
// to it, has to be made.
func nearest(dir string) (string, error) {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && info.IsDir():
			return at, nil
		case err == nil:
			return "", fmt.Errorf("%s is no directory", at)
		case errors.Is(err, syscall.ENOTDIR):
			continue // below a file, which is found further up
		case !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at):
			return "", err
		}
		if _, err := os.Lstat(at); err == nil {
			return "", fmt.Errorf("%s is a link to nothing", at)
		}
	}
}

// isThere says whether there is a directory already.
func isThere(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

// CheckData returns what the branches would refuse their directories for. It
// changes nothing.
func (o Options) CheckData() error {
	var errs []error
	for _, c := range o.configs(make([]net.Listener, len(o.IDs))) {
		errs = append(errs, c.CheckData())
	}
	return firstOf(errs)
}

// CheckWritable says whether files can be made in a directory.
func CheckWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".passbook-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
