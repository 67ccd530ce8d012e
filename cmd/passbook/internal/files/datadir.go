package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
)

const (
	// DataRoot has the data of banks without --data, each in a directory named after
	// its file: two files must not share one.
	DataRoot = "passbook-data"
	// maxSuggested bounds the search for a name that is free.
	maxSuggested = 1000
)

// DefaultData returns the data directory of a file for which no --data is given:
// passbook-data/three for examples/three.json, and passbook-data/three-red where
// --bank says red.
func DefaultData(file, bank string) string {
	name := filepath.Base(file)
	if stem := strings.TrimSuffix(name, filepath.Ext(name)); strings.Trim(stem, ".") != "" {
		name = stem
	}
	if bank != branch.DefaultBank {
		name += "-" + strings.ReplaceAll(bank, string(filepath.Separator), "-")
	}
	return "." + string(filepath.Separator) + filepath.Join(DataRoot, name)
}

// occupiedError says that a data directory is another bank's, and how to go on.
type occupiedError struct {
	error
	// lines say what the directory has, what the file says, and which commands go on.
	lines []string
}

// Unwrap returns the wrapped error.
func (e *occupiedError) Unwrap() error { return e.error }

// Hints returns the lines.
func (e *occupiedError) Hints() []string { return e.lines }

// Occupied adds hints to an error about the identity of a data directory: what the
// directory has, what the file says, and the two ways to go on. These are the command
// args with another directory, or moving this one away. Other errors stay as they
// are.
func Occupied(err error, in *customer.Input, data string, args []string) error {
	var (
		identity *journal.IdentityError
		format   *journal.FormatError
		holds    string
		says     = fmt.Sprintf("%s has %s", in.Name, fileText(in))
	)
	switch {
	case errors.As(err, &identity) && identity.SameFile():
		holds = identity.Found.Bank.String()
		says = fmt.Sprintf("the command names %v", identity.Want.Bank)
	case errors.As(err, &identity):
		holds = bankText(identity.Found)
	case errors.As(err, &format):
		holds = fmt.Sprintf("a bank in format %d, which this program can't read", format.Found)
	default:
		return err
	}
	return &occupiedError{
		error: fmt.Errorf("%s holds another bank than that of %s; nothing was started", data, in.Name),
		lines: []string{
			fmt.Sprintf("%s holds %s", data, holds),
			says,
			"To keep both, give this bank a directory of its own:",
			"  " + commandWith(args, freeName(data)),
			"Or move the other one away, and give the command again:",
			fmt.Sprintf("  mv %s %s", words.Quote(data), words.Quote(freeName(data+"-old"))),
		},
	}
}

// commandWith returns the command that was given, with another --data.
func commandWith(args []string, data string) string {
	parts := []string{words.Program()}
	flag, end := "--data="+data, len(args)
	if i := slices.Index(args, "--"); i >= 0 {
		end = i
	}
	for i := 0; i < end; i++ {
		switch word := args[i]; {
		case word == "--data":
			i++
		case !strings.HasPrefix(word, "--data="):
			parts = append(parts, words.Quote(word))
		}
	}
	parts = append(parts, words.Quote(flag))
	for _, word := range args[end:] {
		parts = append(parts, words.Quote(word))
	}
	return strings.Join(parts, " ")
}

// bankText says which branch of which bank a data directory belongs to.
func bankText(id journal.Identity) string {
	ids := make([]uint32, len(id.Branches))
	for i, b := range id.Branches {
		ids[i] = uint32(b)
	}
	return fmt.Sprintf("%s of a bank with %s, opening balance %d", words.Branches([]uint32{uint32(id.Branch)}), words.Branches(ids), id.Opening)
}

// fileText says which bank a file describes.
func fileText(in *customer.Input) string {
	return fmt.Sprintf("%s, opening balance %d", words.Branches(in.BranchIDs()), in.Opening())
}

// freeName returns the name if there is no such file yet, and otherwise the name
// with a number.
func freeName(name string) string {
	name = strings.TrimRight(name, "/")
	free := name
	for n := 2; n < maxSuggested; n++ {
		if _, err := os.Lstat(free); errors.Is(err, os.ErrNotExist) {
			break
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}
