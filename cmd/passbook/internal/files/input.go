// Package files has the files that a command line names: the input, the output and
// the data directories. It reads inputs, and says before anything starts what is
// wrong with the others, and what to do. It knows inputs and the identities of
// journals; the commands know it.
package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
)

const (
	// maxNamedFiles bounds the files that an error names.
	maxNamedFiles = 8
	// UsualOutput is what a replay writes unless told otherwise: no input.
	UsualOutput = "output.json"
)

// ReadInput reads an input file. All its errors are the user's to mend.
func ReadInput(name string) (*customer.Input, error) {
	f, err := openInput(name)
	if err != nil {
		return nil, err
	}
	in, err := customer.ReadInput(name, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, exit.Usage(err)
	}
	return in, nil
}

// CheckBranch says whether the input has the branch.
func CheckBranch(in *customer.Input, id uint32) error {
	if ids := in.BranchIDs(); !slices.Contains(ids, id) {
		return exit.Usagef("%s has no branch %d; its branches are %s", in.Name, id, words.IDs(ids))
	}
	return nil
}

// CheckStrictly refuses an input that there is anything to warn of.
func CheckStrictly(in *customer.Input) error {
	doubts := DoubtsAbout(in)
	switch len(doubts) {
	case 0:
		return nil
	case 1:
		return exit.Usagef("%s; --strict refuses that", doubts[0])
	}
	return exit.Usagef("%s; --strict refuses that, and %s", doubts[0], words.Count(len(doubts)-1, "more doubt"))
}

// DoubtsAbout are what is most likely a mistake in an input.
func DoubtsAbout(in *customer.Input) []string {
	return slices.Concat(in.Ignored, in.UnknownBranches())
}

// openInput opens an input file. Where there is none of that name, the error
// names those that may have been meant.
func openInput(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, exit.Usagef("%s: there is no such file%s", name.Printable(path), filesIn(filepath.Dir(path)))
	case err == nil && info.IsDir():
		return nil, exit.Usagef("%s is a directory, not an input file%s", name.Printable(path), filesIn(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, exit.Usage(err)
	}
	return f, nil
}

// filesIn says which input files a directory may have.
func filesIn(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "" // which the file's error has said
	}
	var files []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".json" && e.Name() != UsualOutput && !e.IsDir() {
			files = append(files, name.Printable(e.Name()))
		}
	}
	switch n := len(files); {
	case n == 0:
		return ""
	case n > maxNamedFiles:
		files = append(files[:maxNamedFiles], fmt.Sprintf("%d more", n-maxNamedFiles))
	}
	return fmt.Sprintf("; %s has %s", name.Printable(dir), strings.Join(files, ", "))
}
