package console

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/branch/signature"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

// maxShownCertificates bounds the certificates that a line names.
const maxShownCertificates = 4

// Signed is who has signed the journals in one directory.
type Signed struct {
	// Dir is the directory.
	Dir string
	// Journals are those with batches in it.
	Journals []*signature.AuditedJournal
}

// any reports whether anybody has signed anything.
func (s *Signed) any() bool {
	return slices.ContainsFunc(s.Journals, func(j *signature.AuditedJournal) bool { return j.Signed+j.Wrong > 0 })
}

// CheckedBatch tells of one batch of a directory: which certificate it is signed with, nil
// for none, and why that does not count, nil if it does.
func (c *Console) CheckedBatch(dir string, s ledger.Span, by *ledger.Fingerprint, problem error) {
	verdict := "not signed"
	switch {
	case problem != nil:
		verdict = problem.Error()
	case by != nil:
		verdict = "signed by certificate " + by.String()
	}
	entries := fmt.Sprintf("entry %d", s.First)
	if s.Last > s.First {
		entries = fmt.Sprintf("entries %d to %d", s.First, s.Last)
	}
	fmt.Fprintf(c.Out, "%s: branch %d, %s: %s\n", name.Printable(dir), s.Branch, entries, name.Printable(verdict))
}

// signatures tells who has signed what, where anybody has: one line for all directories
// that say the same of a journal.
func (c *Console) signatures(r *Verification) error {
	t := table{header: []string{"JOURNAL", ">DIRECTORIES", ">BATCHES", ">SIGNED", ">FROM ENTRY", "UNSIGNED SINCE", "CERTIFICATES"}}
	for _, g := range alike(r.Signed) {
		since := "none"
		if g.Unsigned > 0 {
			since = fmt.Sprintf("%d, the first at entry %d", g.Unsigned, g.UnsignedAt)
		}
		t.add(g.Branch, g.directories, g.Batches, g.Signed, g.From, since, certificatesText(g.Certificates))
	}
	if len(t.rows) == 0 {
		return nil
	}
	if err := t.write(c.Out, c.outTerminal, true); err != nil {
		return err
	}
	if r.CA == "" {
		fmt.Fprintln(c.Out, "Signatures were checked with the certificates in the directories, and those not at all: name the CA of the branches with --ca or --certs-dir")
		return nil
	}
	fmt.Fprintf(c.Out, "Signatures, and the certificates of those who made them, were checked against %s\n", name.Printable(r.CA))
	return nil
}

// sameJournal is what some directories say of a journal.
type sameJournal struct {
	*signature.AuditedJournal // the one with the most batches
	directories               int
}

// alike returns the signed journals, once for all directories that say the same of them
// but for how far they go.
func alike(all []Signed) (groups []*sameJournal) {
	for i := range all {
		for _, j := range all[i].Journals {
			if !all[i].any() {
				continue
			}
			at := slices.IndexFunc(groups, func(g *sameJournal) bool { return isAlike(g.AuditedJournal, j) })
			if at < 0 {
				groups = append(groups, &sameJournal{j, 1})
				continue
			}
			g := groups[at]
			g.directories++
			if j.Batches > g.Batches {
				g.AuditedJournal = j
			}
		}
	}
	slices.SortStableFunc(groups, func(a, b *sameJournal) int { return int(a.Branch) - int(b.Branch) })
	return groups
}

func isAlike(a, b *signature.AuditedJournal) bool {
	return a.Branch == b.Branch && a.From == b.From && a.Unsigned == b.Unsigned && a.UnsignedAt == b.UnsignedAt && a.Wrong == b.Wrong
}

func certificatesText(all []*signature.AuditedCertificate) string {
	var parts []string
	for i, c := range all {
		if i == maxShownCertificates {
			parts = append(parts, fmt.Sprintf("%d more", len(all)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%.12s… from entry %d on, until %s", c.Fingerprint, c.First, c.Until.UTC().Format(time.DateOnly)))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "; ")
}

// signedJSON is who has signed a journal, for a program.
type signedJSON struct {
	Journal       uint32            `json:"journal"`
	Batches       uint64            `json:"batches"`
	Signed        uint64            `json:"signed"`
	Wrong         uint64            `json:"wrong"`
	FirstSigned   uint64            `json:"firstSigned"`
	Unsigned      uint64            `json:"unsignedSince"`
	FirstUnsigned uint64            `json:"firstUnsigned"`
	Certificates  []certificateJSON `json:"certificates"`
}

// certificateJSON is a certificate that has signed.
type certificateJSON struct {
	Fingerprint string    `json:"fingerprint"`
	Until       time.Time `json:"until"`
	Batches     uint64    `json:"batches"`
	First       uint64    `json:"firstEntry"`
	Last        uint64    `json:"lastEntry"`
}

// signedOf returns what JSON says of the journals in a directory; nothing if nobody has
// signed any.
func (r *Verification) signedOf(dir string) (out []signedJSON) {
	i := slices.IndexFunc(r.Signed, func(s Signed) bool { return s.Dir == dir })
	if i < 0 || !r.Signed[i].any() {
		return nil
	}
	for _, j := range r.Signed[i].Journals {
		s := signedJSON{uint32(j.Branch), j.Batches, j.Signed, j.Wrong, j.From, j.Unsigned, j.UnsignedAt, []certificateJSON{}}
		for _, c := range j.Certificates {
			s.Certificates = append(s.Certificates, certificateJSON{c.Fingerprint.String(), c.Until, c.Batches, c.First, c.Last})
		}
		out = append(out, s)
	}
	return out
}

// Proof prints a proof.
func (c *Console) Proof(p *signature.Proof) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Out, string(data))
	return err
}

// Proven tells what a proof proves.
func (c *Console) Proven(p *signature.Proven) error {
	fmt.Fprintf(c.Out, "Branch %d of bank %q (id %v) has written this entry:\n", p.Branch, p.Bank.Name, p.Bank.ID)
	if err := c.JSON(p.Entry); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Its batch has %s and the hash %x\n", entriesText(p.By.First, p.By.Last), p.Hash)
	_, err := fmt.Fprintf(c.Out, "It is signed with certificate %v, valid until %s\n", p.By.Fingerprint, p.By.Until.UTC().Format(time.DateOnly))
	return err
}

func entriesText(first, last uint64) string {
	if first == last {
		return "this entry alone"
	}
	return fmt.Sprintf("%s, %d to %d,", words.Count(int(last-first+1), "entry"), first, last)
}
