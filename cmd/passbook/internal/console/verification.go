package console

import (
	"encoding/json"
	"fmt"
	"slices"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

// Verification is what verify has to tell.
type Verification struct {
	// Checked are the directories.
	Checked []journal.Checked
	// Lags says which directories are behind others.
	Lags []journal.Lag
	// Findings are the first of what was found in each directory.
	Findings []journal.Finding
	// Found counts the findings, also those that are not shown.
	Found int
	// Signed says who has signed the journals of each directory.
	Signed []Signed
	// CA is the file with the certificates of the CA against which signatures were
	// checked; empty for none.
	CA string
}

// banks says which banks the directories belong to, each once.
func (r *Verification) banks() []string {
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

// Verified tells what was checked, and what was found.
func (c *Console) Verified(r *Verification) error {
	t := table{header: []string{"DIRECTORY", ">BRANCH", ">JOURNALS", ">BATCHES", ">ENTRIES", ">REQUEST IDS", ">ACCOUNTS", "RESULT"}}
	for _, c := range r.Checked {
		result := "good"
		if c.Findings > 0 {
			result = words.Count(c.Findings, "fault")
		}
		t.add(c.Dir, c.Identity.Branch, len(c.Journals), c.Batches, c.Entries, c.Requests, c.Accounts, result)
	}
	if err := t.write(c.Out, c.outTerminal, true); err != nil {
		return err
	}
	for _, line := range r.banks() {
		fmt.Fprintln(c.Out, name.Printable(line))
	}
	if err := c.signatures(r); err != nil {
		return err
	}
	for _, f := range r.Findings {
		fmt.Fprintln(c.Out, name.Printable(f.String()))
	}
	if more := r.Found - len(r.Findings); more > 0 {
		fmt.Fprintf(c.Out, "and %s\n", words.Count(more, "more fault"))
	}
	for _, l := range r.Lags {
		fmt.Fprintf(c.Out, "%s is behind: the journal of branch %d ends at %d there; %s has %s more\n", name.Printable(l.Dir), l.Branch, l.At, name.Printable(l.Ahead), words.Count(int(l.Missing), "entry"))
	}
	return nil
}

// VerifiedJSON tells the same to a program.
func (c *Console) VerifiedJSON(r *Verification) error {
	type directory struct {
		Directory  string       `json:"directory"`
		Branch     uint32       `json:"branch"`
		Bank       string       `json:"bank"`
		BankID     string       `json:"bankId"`
		Batches    uint64       `json:"batches"`
		Entries    uint64       `json:"entries"`
		RequestIDs uint64       `json:"requestIds"`
		Accounts   uint64       `json:"accounts"`
		Faults     int          `json:"faults"`
		Signatures []signedJSON `json:"signatures,omitempty"`
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
		CA          string      `json:"ca,omitempty"`
	}{Good: r.Found == 0, CA: r.CA, Directories: []directory{}, Faults: []fault{}, Behind: []lag{}}
	for _, c := range r.Checked {
		out.Directories = append(out.Directories, directory{c.Dir, uint32(c.Identity.Branch), c.Identity.Bank.Name, bankID(c.Identity.Bank), c.Batches, c.Entries, c.Requests, c.Accounts, c.Findings, r.signedOf(c.Dir)})
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
	_, err = fmt.Fprintln(c.Out, string(data))
	return err
}
