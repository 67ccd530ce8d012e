package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/name"
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
			err = a.ui.verifiedJSON(r)
		default:
			err = a.ui.verified(r)
		}
		if err == nil && len(r.Findings) > 0 {
			err = fmt.Errorf("%s found", words.Count(r.found, "fault"))
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

// verification is what verify has to tell.
type verification struct {
	Checked  []journal.Checked
	Lags     []journal.Lag
	Findings []journal.Finding
	// found counts the findings, also those that are not shown.
	found int
}

// verifyAll verifies directories and compares them. All stay open until the
// end, so that no branch can begin to run.
func verifyAll(dirs []string) (r *verification, err error) {
	r = &verification{}
	shown := make(map[string]int)
	report := func(f journal.Finding) {
		r.found++
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

// banks says which banks the directories belong to, each once.
func (r *verification) banks() []string {
	var lines []string
	for _, c := range r.Checked {
		if c.Identity.Branch == 0 {
			continue // it could not be read
		}
		if line := bankLine(c.Identity.Bank.Name, bankID(c.Identity.Bank)); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// bankID returns the id of a bank that is founded.
func bankID(b ledger.Bank) string {
	if !b.Founded {
		return ""
	}
	return b.ID.String()
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

// verified tells what was checked, and what was found.
func (u *ui) verified(r *verification) error {
	t := table{header: []string{"DIRECTORY", ">BRANCH", ">JOURNALS", ">BATCHES", ">ENTRIES", ">REQUEST IDS", ">ACCOUNTS", "RESULT"}}
	for _, c := range r.Checked {
		result := "good"
		if c.Findings > 0 {
			result = words.Count(c.Findings, "fault")
		}
		t.add(c.Dir, c.Identity.Branch, len(c.Journals), c.Batches, c.Entries, c.Requests, c.Accounts, result)
	}
	if err := t.write(u.out, u.outTerminal, true); err != nil {
		return err
	}
	for _, line := range r.banks() {
		fmt.Fprintln(u.out, name.Printable(line))
	}
	for _, f := range r.Findings {
		fmt.Fprintln(u.out, name.Printable(f.String()))
	}
	if more := r.found - len(r.Findings); more > 0 {
		fmt.Fprintf(u.out, "and %s\n", words.Count(more, "more fault"))
	}
	for _, l := range r.Lags {
		fmt.Fprintf(u.out, "%s is behind: the journal of branch %d ends at %d there; %s has %s more\n", name.Printable(l.Dir), l.Branch, l.At, name.Printable(l.Ahead), words.Count(int(l.Missing), "entry"))
	}
	return nil
}

// verifiedJSON tells the same to a program.
func (u *ui) verifiedJSON(r *verification) error {
	type directory struct {
		Directory  string `json:"directory"`
		Branch     uint32 `json:"branch"`
		Bank       string `json:"bank"`
		BankID     string `json:"bankId"`
		Batches    uint64 `json:"batches"`
		Entries    uint64 `json:"entries"`
		RequestIDs uint64 `json:"requestIds"`
		Accounts   uint64 `json:"accounts"`
		Faults     int    `json:"faults"`
	}
	type fault struct {
		Directory string `json:"directory"`
		Place     string `json:"place"`
		Problem   string `json:"problem"`
	}
	type lag struct {
		Directory string `json:"directory"`
		Ahead     string `json:"ahead"`
		Journal   uint32 `json:"journal"`
		Sequence  uint64 `json:"sequence"`
		Missing   uint64 `json:"missing"`
	}
	out := struct {
		Good        bool        `json:"good"`
		Directories []directory `json:"directories"`
		Faults      []fault     `json:"faults"`
		Behind      []lag       `json:"behind"`
	}{Good: r.found == 0, Directories: []directory{}, Faults: []fault{}, Behind: []lag{}}
	for _, c := range r.Checked {
		out.Directories = append(out.Directories, directory{c.Dir, uint32(c.Identity.Branch), c.Identity.Bank.Name, bankID(c.Identity.Bank), c.Batches, c.Entries, c.Requests, c.Accounts, c.Findings})
	}
	for _, f := range r.Findings {
		out.Faults = append(out.Faults, fault{f.Dir, f.Place, f.Problem})
	}
	for _, l := range r.Lags {
		out.Behind = append(out.Behind, lag{l.Dir, l.Ahead, uint32(l.Branch), l.At, l.Missing})
	}
	data, err := json.Marshal(out)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(u.out, string(data))
	return err
}
