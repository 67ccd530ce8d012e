package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/signature"
	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/files"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

func (a *app) journalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "journal",
		Short: "Prove who has written an entry, and check such a proof",
		Long: `Journal is for auditors of a bank whose branches sign what they write. 'prove'
makes a file with one entry and all that proves who has written it; 'check' checks
the file, and needs nothing else but the certificate of the branches' CA.`,
		Example: "  passbook journal prove 2:17\n  passbook journal check entry.json",
		GroupID: bankGroup,
		Args:    subcommand,
	}
	c.AddCommand(a.proveCommand(), a.journalCheckCommand())
	return a.does(c, func(context.Context, []string) error {
		return exit.Usagef("say what to do: 'passbook journal prove' or 'passbook journal check'")
	})
}

// subcommand takes the name of a command below.
func subcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 || slices.ContainsFunc(c.Commands(), func(below *cobra.Command) bool { return below.Name() == args[0] }) {
		return nil
	}
	return fmt.Errorf("%s has no command %q", c.CommandPath(), args[0])
}

func (a *app) proveCommand() *cobra.Command {
	var t target
	var data string
	c := &cobra.Command{
		Use:   "prove BRANCH:SEQUENCE",
		Short: "Print what proves who has written an entry, as JSON",
		Long: `Prove prints one entry of a branch's journal with all that an auditor needs to
check who has written it: the batch that has it, the signature, and the
certificate. BRANCH:SEQUENCE is its place, as in its receipt.

It reads a data directory whose branch does not run (--data), or asks a branch that
runs (--branch or --address); any branch that has the entry will do.`,
		Example: "  passbook journal prove 2:17 --data ./passbook-data/three/branch-1\n  passbook journal prove 2:17 --branch 1 --certs-dir certs --client auditor",
		Args:    entryArgument,
	}
	t.connectFlags(c)
	f := c.Flags()
	f.StringVar(&data, "data", "", "the data `directory` of a branch, or of a bank, that does not run")
	c.MarkFlagsOneRequired("branch", "address", "data")
	c.MarkFlagsMutuallyExclusive("branch", "address", "data")
	return a.does(c, func(ctx context.Context, args []string) (err error) {
		at, err := parseEntry(args[0])
		if err != nil {
			return exit.Usage(err)
		}
		var proof *signature.Proof
		if data != "" {
			proof, err = proveFrom(data, at)
		} else {
			proof, err = t.proofOf(ctx, at)
		}
		if err != nil {
			return err
		}
		return a.console.Proof(proof)
	})
}

// entryArgument takes exactly one argument, the place of an entry.
func entryArgument(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs the place of one entry, such as 2:17, got %d arguments", c.CommandPath(), len(args))
	}
	_, err := parseEntry(args[0])
	return err
}

// parseEntry reads the place of an entry, as in 2:17.
func parseEntry(text string) (at ledger.Position, err error) {
	branch, sequence, ok := strings.Cut(text, ":")
	id, idErr := strconv.ParseUint(branch, 10, 32)
	n, err := strconv.ParseUint(sequence, 10, 64)
	if !ok || idErr != nil || err != nil || id == 0 || n == 0 {
		return at, fmt.Errorf("the place of an entry is BRANCH:SEQUENCE, such as 2:17, and not %q", text)
	}
	return ledger.Position{Branch: ledger.BranchID(id), Sequence: n}, nil
}

// proveFrom proves an entry that a data directory has, or one of those below it.
func proveFrom(data string, at ledger.Position) (proof *signature.Proof, err error) {
	dirs, err := files.DataDirs([]string{data})
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if proof, err = proveFromDir(dir, at); proof != nil || err != nil {
			return proof, err
		}
	}
	return nil, fmt.Errorf("no directory in %s has entry %d of branch %d", data, at.Sequence, at.Branch)
}

// proveFromDir returns nil if the directory does not have the entry.
func proveFromDir(dir string, at ledger.Position) (proof *signature.Proof, err error) {
	v, err := journal.Look(dir, nil)
	if err != nil {
		return nil, unverifiable(dir, err)
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	o, err := v.Batch(at)
	if err != nil || o == nil {
		return nil, err
	}
	var chain []byte
	if o.Signature != nil {
		if chain, err = v.Certificate(o.Signature.Certificate); err != nil {
			return nil, err
		}
	}
	return signature.NewProof(v.Identity.Bank, o, chain, at.Sequence)
}

// proofOf asks a branch for the proof of an entry.
func (t *target) proofOf(ctx context.Context, at ledger.Position) (proof *signature.Proof, err error) {
	err = t.call(ctx, "", func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
		res, err := client.GetBatch(ctx, &bankv1.GetBatchRequest{Branch: uint32(at.Branch), Sequence: at.Sequence})
		if err != nil {
			return err
		}
		o, err := signature.OutlineOf(res)
		if err != nil {
			return err
		}
		id, err := ledger.ParseBankID(res.GetBankId())
		if err != nil {
			return err
		}
		proof, err = signature.NewProof(ledger.Bank{Name: res.GetBankName(), ID: id, Founded: true}, o, res.GetCertificates(), at.Sequence)
		return err
	})
	return proof, err
}

func (a *app) journalCheckCommand() *cobra.Command {
	var s signatureChecks
	var asJSON bool
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a proof of an entry against the CA of the bank's branches",
		Long: `Check checks what 'passbook journal prove' has printed, in a file or, with -, on
standard input: that the entry is in the batch, that the batch is signed, and that
the CA of the branches vouches for the certificate. It needs no branch, and nothing
else from the bank but the CA's certificate. With --certs-dir, revocations count,
too. docs/security-signatures.md does the same with openssl alone.

The exit code is 0 when the proof proves what it says, 1 when it does not, and 2
when it can't be checked.`,
		Example: "  passbook journal check entry.json --ca ca-branch.crt\n  passbook journal check proof.json --ca ca-branch.crt --json",
		Args:    proofArgument,
	}
	s.caFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print the entry alone, as JSON")
	return a.does(c, func(_ context.Context, args []string) error {
		if s.caFile() == "" {
			return exit.Usagef("name the certificate of the branches' CA with --ca or --certs-dir: without it anybody could have signed")
		}
		data, err := readProof(args[0])
		if err != nil {
			return exit.Usage(err)
		}
		p, err := signature.ReadProof(data)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		certifier, err := s.certifier(p.Bank)
		if err != nil {
			return err
		}
		proven, err := p.Check(certifier)
		switch {
		case err != nil:
			return fmt.Errorf("%s proves nothing: %w", args[0], err)
		case asJSON:
			return a.console.JSON(proven.Entry)
		}
		return a.console.Proven(proven)
	})
}

// proofArgument takes exactly one argument, a file.
func proofArgument(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs one file, such as entry.json, got %d arguments", c.CommandPath(), len(args))
	}
	return nil
}

// readProof reads a file of a size that a proof may have.
func readProof(path string) ([]byte, error) {
	in := os.Stdin
	if path != console.StdoutName {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	return io.ReadAll(io.LimitReader(in, signature.MaxProofBytes+1))
}
