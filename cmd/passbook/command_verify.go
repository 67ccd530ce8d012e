package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

// maxFindings is how many of the findings of one directory are shown.
const maxFindings = 20

func (a *app) verifyCommand() *cobra.Command {
	var asJSON bool
	var s signatureChecks
	c := &cobra.Command{
		Use:   "verify DIR...",
		Short: "Check data directories while their branches don't run",
		Long: `Verify checks data directories, and changes nothing: that every block of
every table and of every log is as it was written; that the hashes chain every
journal from the founding of the bank; and that adding up all entries again gives
the accounts, running balances, request ids and statements that are stored.
Several directories must be of one bank, hold the same journals, as far as
each goes, and have each request id once. Verify names branches that are behind,
which is no fault: a branch that runs again catches up.

Where branches have signed what they wrote, verify checks each signature, says from
which entry on each journal is signed and with which certificates, and counts the
batches since that are not. With --ca, or the directory of --certs-dir, the
certificates are checked, too; without, those that are stored with the journals are
believed. --batches tells of each batch.

DIR is the directory of a branch, of a whole bank, with one for each branch, or
one with a single bank in it.
A branch that runs holds its directory: stop it first. The exit code is 0 when
nothing is wrong, 1 when something is, and 2 when DIR can't be checked.`,
		Example: "  passbook verify ./passbook-data/three\n  passbook verify /var/lib/passbook/branch-1 /mnt/backup/branch-1 --json\n  passbook verify ./passbook-data/three --ca ca-branch.crt --batches",
		GroupID: bankGroup,
		Args:    dataDirArguments,
	}
	f := c.Flags()
	f.BoolVar(&asJSON, "json", false, "print the result as one line of JSON")
	f.BoolVar(&s.batches, "batches", false, "tell of each batch who has signed it")
	s.caFlags(c)
	c.MarkFlagsMutuallyExclusive("json", "batches")
	return a.does(c, func(_ context.Context, args []string) error {
		dirs, err := files.DataDirs(args)
		if err != nil {
			return err
		}
		r, err := verifyAll(dirs, a.console, &s)
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

// verifyAll verifies directories and compares them. All stay open until the
// end, so that no branch can begin to run.
func verifyAll(dirs []string, out *console.Console, s *signatureChecks) (r *console.Verification, err error) {
	r = &console.Verification{CA: s.caFile()}
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
		look := &signatureInspector{checks: s, out: out}
		v, err := journal.Inspect(dir, nil, report, look)
		if look.err != nil {
			err = look.err
		}
		if v != nil {
			open = append(open, v)
		}
		if err != nil {
			return nil, unverifiable(dir, err)
		}
		if look.audit != nil {
			r.Signed = append(r.Signed, console.Signed{Dir: dir, Journals: look.audit.Journals()})
		}
	}
	r.Lags, err = journal.Compare(open, report)
	for _, v := range open {
		r.Checked = append(r.Checked, v.Checked)
	}
	return r, err
}

// unverifiable says why a directory could not be checked.
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
