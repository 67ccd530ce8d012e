// Package files handles the files that a command line names: the input, the output
// and the data directories. It reads inputs, and before anything starts it says what
// is wrong with the other files and what to do. It knows inputs and the identities of
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
	// UsualOutput is the file that a replay writes by default, so it is no input.
	UsualOutput = "output.json"
)

// ReadInput reads an input file. The user can mend all its errors.
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

// CheckBranch returns an error if the input does not have the branch.
func CheckBranch(in *customer.Input, id uint32) error {
	if ids := in.BranchIDs(); !slices.Contains(ids, id) {
		return exit.Usagef("%s has no branch %d; its branches are %s", in.Name, id, words.IDs(ids))
	}
	return nil
}

// CheckStrictly refuses an input about which there are any doubts.
func CheckStrictly(doubts []string) error {
	switch len(doubts) {
	case 0:
		return nil
	case 1:
		return exit.Usagef("%s; --strict refuses that", doubts[0])
	}
	return exit.Usagef("%s; --strict refuses that, and %s", doubts[0], words.Count(len(doubts)-1, "more doubt"))
}

// DoubtsAbout returns what is most likely a mistake in an input.
func DoubtsAbout(in *customer.Input) []string {
	return slices.Concat(in.Ignored, in.UnknownBranches())
}

// openInput opens an input file. If there is none of that name, the error names those
// that the user may have meant.
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

// filesIn names the files of a directory that may be inputs.
func filesIn(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "" // the error about the file says enough
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
