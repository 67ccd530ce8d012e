package signature

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"time"

	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/ledger"
)

// Audit checks the signatures of the journals on one disk, and counts who has signed
// what.
type Audit struct {
	bank      ledger.Bank
	certifier Certifier
	// stored returns the chain of a certificate that is on the disk.
	stored func(ledger.Fingerprint) ([]byte, error)
	// signers are the certificates seen so far; an error is why one does not count.
	signers map[ledger.Fingerprint]audited
	// journals are those seen so far, by their writers.
	journals map[ledger.BranchID]*AuditedJournal
}

// audited is a certificate, or why it does not count.
type audited struct {
	*signer
	err error
}

// AuditedJournal is what an audit has found out of one journal.
type AuditedJournal struct {
	// Branch is the writer.
	Branch ledger.BranchID
	// Batches counts the batches, Signed those with a good signature, Wrong those whose
	// signature does not count.
	Batches, Signed, Wrong uint64
	// From is the first entry of the first batch with a good signature; 0 for none.
	From uint64
	// Unsigned counts the batches without a signature after that one. UnsignedAt is the
	// first entry of the first of them; 0 for none.
	Unsigned, UnsignedAt uint64
	// Certificates are those that have signed, in the order of their first batches.
	Certificates []*AuditedCertificate
}

// AuditedCertificate is a certificate that has signed batches of a journal.
type AuditedCertificate struct {
	// Fingerprint names it.
	Fingerprint ledger.Fingerprint
	// Until is when it expires, or has expired.
	Until time.Time
	// Batches counts what it has signed, First and Last are the first and the last entry
	// of that.
	Batches, First, Last uint64
}

// NewAudit returns an audit of journals of a bank. stored returns the chain of a
// certificate that is on the same disk. Without a certifier, what is on the disk counts
// as vouched for.
func NewAudit(bank ledger.Bank, c Certifier, stored func(ledger.Fingerprint) ([]byte, error)) *Audit {
	if c == nil {
		c = anybody(bank.Name)
	}
	return &Audit{bank: bank, certifier: c, stored: stored, signers: map[ledger.Fingerprint]audited{}, journals: map[ledger.BranchID]*AuditedJournal{}}
}

// Batch checks the next batch of its journal. It returns the certificate that the batch
// is signed with, nil for none, and an error if the signature does not count.
func (a *Audit) Batch(o *ledger.Outline) (*ledger.Fingerprint, error) {
	j := a.journals[o.Span.Branch]
	if j == nil {
		j = &AuditedJournal{Branch: o.Span.Branch}
		a.journals[o.Span.Branch] = j
	}
	j.Batches++
	if o.Signature == nil {
		if j.From > 0 {
			j.Unsigned++
			j.UnsignedAt = cmp.Or(j.UnsignedAt, o.Span.First)
		}
		return nil, nil
	}
	f := o.Signature.Certificate
	s := a.signerOf(f)
	err := s.err
	if err == nil {
		err = s.wrote(o, a.bank.ID, a.certifier, isOf)
	}
	if err != nil {
		j.Wrong++
		return &f, err
	}
	j.Signed++
	j.From = cmp.Or(j.From, o.Span.First)
	j.note(f, s.leaf.NotAfter, o.Span)
	return &f, nil
}

// note counts what a certificate has signed.
func (j *AuditedJournal) note(f ledger.Fingerprint, until time.Time, s ledger.Span) {
	i := slices.IndexFunc(j.Certificates, func(c *AuditedCertificate) bool { return c.Fingerprint == f })
	if i < 0 {
		i = len(j.Certificates)
		j.Certificates = append(j.Certificates, &AuditedCertificate{Fingerprint: f, Until: until, First: s.First})
	}
	c := j.Certificates[i]
	c.Batches++
	c.Last = s.Last
}

// signerOf returns a certificate that is on the disk.
func (a *Audit) signerOf(f ledger.Fingerprint) audited {
	s, ok := a.signers[f]
	if ok {
		return s
	}
	chain, err := a.stored(f)
	var certificates [][]byte
	switch {
	case err != nil:
	case chain == nil:
		err = fmt.Errorf("it is signed with certificate %.8s…, which is not there", f)
	default:
		if certificates, err = split(chain); err == nil {
			s.signer, err = vouched(a.certifier, certificates, chain)
		}
	}
	if err == nil && FingerprintOf(certificates[0]) != f {
		err = fmt.Errorf("certificate %.8s… is another one", f)
	}
	s.err = err
	a.signers[f] = s
	return s
}

// Journals returns what was found of each journal, in the order of their writers.
func (a *Audit) Journals() []*AuditedJournal {
	return slices.SortedFunc(maps.Values(a.journals), func(x, y *AuditedJournal) int { return cmp.Compare(x.Branch, y.Branch) })
}

// anybody believes all certificates that say that they are those of a branch of a bank.
type anybody string

// SignerOf implements Certifier.
func (bank anybody) SignerOf(chain [][]byte) (uint32, *x509.Certificate, error) {
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return 0, nil, err
	}
	branch, err := branchOf(leaf, string(bank))
	return branch, leaf, err
}

// RevokedFrom implements Certifier.
func (anybody) RevokedFrom(*x509.Certificate) (uint64, bool) { return 0, false }

// branchOf returns the branch of a bank for which a certificate speaks, if it is genuine.
func branchOf(leaf *x509.Certificate, bank string) (uint32, error) {
	id, err := identity.OfCertificate(leaf)
	switch {
	case err != nil:
		return 0, err
	case id.Bank != bank:
		return 0, fmt.Errorf("it speaks for %v, and not for bank %q", id, bank)
	case id.Branch == 0:
		return 0, fmt.Errorf("it speaks for %v, and not for a branch", id)
	}
	return id.Branch, nil
}
