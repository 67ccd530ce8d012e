package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/signature"
	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/flags"
)

// signatureChecks say whose signatures a command believes.
type signatureChecks struct {
	// ca is the file with the certificates of the branches' CA, certsDir the directory
	// of certificates; both empty for none.
	ca, certsDir string
	// batches tells of each batch.
	batches bool
}

// caFlags adds --ca and --certs-dir.
func (s *signatureChecks) caFlags(c *cobra.Command) {
	c.Flags().StringVar(&s.ca, "ca", "", "the `file` with the certificate of the branches' CA (ca-branch.crt)")
	flags.CertsDir(c, &s.certsDir, "certificates, which has that of the branches' CA and those that are revoked")
}

// caFile returns the file with the CA's certificates; empty for none.
func (s *signatureChecks) caFile() string {
	if s.ca == "" && s.certsDir != "" {
		return filepath.Join(s.certsDir, certs.BranchCAFile)
	}
	return s.ca
}

// certifier returns who vouches for the certificates of a bank's branches; nil for
// nobody.
func (s *signatureChecks) certifier(bank string) (signature.Certifier, error) {
	switch {
	case s.ca != "":
		data, err := os.ReadFile(s.ca)
		if err != nil {
			return nil, exit.Usagef("--ca: %w", err)
		}
		ca, err := signature.NewCA(bank, data)
		if err != nil {
			return nil, exit.Usagef("--ca %s: %w", s.ca, err)
		}
		return ca, nil
	case s.certsDir != "":
		folder, err := certs.Open(s.certsDir, bank, certs.Options{})
		if err != nil {
			return nil, exit.Usagef("--certs-dir: %w", err)
		}
		return folder, nil
	}
	return nil, nil
}

// signatureInspector checks the signatures in a directory that is verified. It implements
// journal.Inspector.
type signatureInspector struct {
	checks *signatureChecks
	out    *console.Console
	dir    string
	// audit is nil until the directory has begun.
	audit *signature.Audit
	// err is why it can't check.
	err error
}

// Begin implements journal.Inspector.
func (i *signatureInspector) Begin(dir string, id journal.Identity, certificate func(ledger.Fingerprint) ([]byte, error)) error {
	var certifier signature.Certifier
	if certifier, i.err = i.checks.certifier(id.Bank.Name); i.err != nil {
		return i.err
	}
	i.dir, i.audit = dir, signature.NewAudit(id.Bank, certifier, certificate)
	return nil
}

// Batch implements journal.Inspector.
func (i *signatureInspector) Batch(o *ledger.Outline) string {
	by, err := i.audit.Batch(o)
	if i.checks.batches {
		i.out.CheckedBatch(i.dir, o.Span, by, err)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
