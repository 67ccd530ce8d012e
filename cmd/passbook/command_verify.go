package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

// maxFindings is how many of the findings of one directory are shown.
const maxFindings = 20

func (a *app) verifyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify DIR...",
		Short: "Check data directories while their branches don't run",
		Long: `Verify checks data directories, and changes nothing: that every block of
every table and of every log is as it was written; that the hashes chain every
journal from the founding of the bank; and that adding up all entries again gives
the accounts, running balances, request ids and statements that are stored.
Several directories must be of one bank, hold the same journals, as far as
each goes, and have each request id once; who is behind is said, and is no
fault: a branch that runs again catches up.

DIR is the directory of a branch, of a whole bank, with one for each branch, or
one with a single bank in it.
A branch that runs holds its directory: stop it first. The exit code is 0 when
all is as it must be, 1 when it is not, and 2 when DIR can't be checked.`,
		Example: "  passbook verify ./passbook-data/three\n  passbook verify /var/lib/passbook/branch-1 /mnt/backup/branch-1 --json",
		GroupID: bankGroup,
		Args:    dataDirArguments,
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the result as one line of JSON")
	return a.does(c, func(_ context.Context, args []string) error {
		dirs, err := dataDirs(args)
		if err != nil {
			return err
		}
		r, err := verifyAll(dirs)
		switch {
		case err != nil:
			return err
		case asJSON:
			err = a.console.VerifiedJSON(r)
		default:
			err = a.console.Verified(r)
		}
		if err == nil && len(r.Findings) > 0 {
			err = fmt.Errorf("%s found", words.Count(r.Found, "fault"))
		}
		return err
	})
}

// dataDirArguments takes at least one argument.
func dataDirArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s needs a data directory, such as ./passbook-data/three", c.CommandPath())
	}
	return nil
}

// dataDirs returns the directories of branches that the arguments stand for.
func dataDirs(args []string) ([]string, error) {
	var dirs []string
	for _, arg := range args {
		below, err := branchDirs(arg)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, below...)
	}
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			return nil, exit.Usagef("%s is named twice", dir)
		}
	}
	return dirs, nil
}

// branchDirs returns the directories of branches that one argument stands for:
// those in it, those in the only bank in it, or itself.
func branchDirs(arg string) ([]string, error) {
	entries, err := os.ReadDir(arg)
	if err != nil {
		return nil, exit.Usagef("%s can't be verified: %w", arg, err)
	}
	if own := branchesIn(arg, entries); own != nil {
		return own, nil
	}
	var banks []string
	below := []string{arg}
	for _, e := range entries {
		dir := filepath.Join(arg, e.Name())
		if !leadsToDir(dir, e) {
			continue
		}
		inside, err := os.ReadDir(dir)
		if err != nil {
			return nil, exit.Usagef("%s can't be verified: %w", arg, err)
		}
		if found := branchesIn(dir, inside); found != nil {
			banks, below = append(banks, dir), found
		}
	}
	if len(banks) > 1 {
		return nil, exit.Usagef("%s has the data of %s, name one: %s", arg, words.Count(len(banks), "bank"), strings.Join(banks, ", "))
	}
	return below, nil
}

// branchesIn returns the directories of branches among the entries of dir, by
// their numbers.
func branchesIn(dir string, entries []os.DirEntry) []string {
	var found []string
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); strings.HasPrefix(e.Name(), "branch-") && leadsToDir(path, e) {
			found = append(found, path)
		}
	}
	// branch-2 comes before branch-10.
	slices.SortStableFunc(found, func(a, b string) int { return len(a) - len(b) })
	return found
}

// leadsToDir reports whether an entry is a directory, or a link to one: a branch
// takes either.
func leadsToDir(path string, e os.DirEntry) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// verifyAll verifies directories and compares them. All stay open until the
// end, so that no branch can begin to run.
func verifyAll(dirs []string) (r *console.Verification, err error) {
	r = &console.Verification{}
	shown := make(map[string]int)
	report := func(f journal.Finding) {
		r.Found++
		if shown[f.Dir]++; shown[f.Dir] <= maxFindings {
			r.Findings = append(r.Findings, f)
		}
	}
	var open []*journal.Verified
	defer func() {
		for _, v := range open {
			err = errors.Join(err, v.Close())
		}
	}()
	for _, dir := range dirs {
		v, err := journal.Verify(dir, nil, report)
		if err != nil {
			return nil, unverifiable(dir, err)
		}
		open = append(open, v)
	}
	r.Lags, err = journal.Compare(open, report)
	for _, v := range open {
		r.Checked = append(r.Checked, v.Checked)
	}
	return r, err
}

// unverifiable says why a directory could not be looked at.
func unverifiable(dir string, err error) error {
	var held *journal.HeldError
	switch {
	case errors.As(err, &held):
		return exit.Usagef("%s is in use: stop the branch first%s", dir, held.Cause())
	case errors.Is(err, journal.ErrNoJournal):
		return exit.Usagef("%w, and no directory named branch-1 or the like with one", err)
	}
	return err
}
