package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/host"
)

// CheckOutput returns an error if the output of a replay of that file can't be
// written. It is called before anything starts.
func CheckOutput(path, file string) error {
	if err := checkApart(path, file); err != nil || path == console.StdoutName {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return exit.Usagef("--output %s is a directory", path)
	case err == nil && !info.Mode().IsRegular():
		return nil // a device or a pipe
	case errors.Is(err, fs.ErrNotExist) && !isDir(filepath.Dir(path)):
		return exit.Usagef("--output %s can't be written: there is no directory %s", path, filepath.Dir(path))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return exit.Usagef("--output: %w", err)
	}
	if err := host.CheckWritable(filepath.Dir(path)); err != nil {
		return exit.Usagef("--output %s can't be written: %w", path, err)
	}
	return nil
}

// checkApart refuses an output that is the same file as the input, by whatever name:
// through a link, another path, or standard input or output.
func checkApart(path, file string) error {
	input, err := os.Stat(file)
	if err != nil || !input.Mode().IsRegular() {
		return nil // reading it returns the error; a pipe can't be overwritten
	}
	var output fs.FileInfo
	if path == console.StdoutName {
		output, err = os.Stdout.Stat()
	} else {
		output, err = os.Stat(path)
	}
	if err == nil && os.SameFile(input, output) {
		return exit.Usagef("--output %s is the input, %s, which it would overwrite: choose another", path, file)
	}
	return nil
}

// isDir reports whether there is a directory at the path.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
