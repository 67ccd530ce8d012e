package console

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/issue"
)

// Certificates lists certificates, and how each is.
func (c *Console) Certificates(all []issue.Entry) error {
	t := table{header: []string{"FILE", "WHO", "WHAT FOR", "UNTIL", "STATE"}}
	for _, e := range all {
		until := ""
		if !e.Until.IsZero() {
			until = e.Until.UTC().Format(time.DateOnly)
		}
		t.add(orDash(e.File), orDash(holder(&e)), orDash(purpose(&e)), orDash(until), e.State)
	}
	return t.write(c.Out, c.outTerminal, true)
}

// orDash stands for what there is not.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// holder names whom a certificate is of.
func holder(e *issue.Entry) string {
	switch {
	case e.Signs != "":
		return "CA of " + e.Signs
	case e.Identity == nil:
		return e.Holder
	case e.Identity.Branch != 0:
		return fmt.Sprintf("branch %d", e.Identity.Branch)
	}
	return "client " + e.Identity.Client
}

// purpose says what a certificate is for.
func purpose(e *issue.Entry) string {
	switch {
	case e.Signs != "":
		return "signs certificates of " + e.Signs
	case e.Identity == nil:
		return ""
	case e.Identity.Branch != 0:
		return strings.Join(e.Hosts, ", ")
	case len(e.Identity.Accounts) > 0:
		return e.Identity.Role.String() + " of " + strings.Join(e.Identity.Accounts, ", ")
	}
	return e.Identity.Role.String()
}

// CertificatesJSON lists the same for a program.
func (c *Console) CertificatesJSON(all []issue.Entry) error {
	type certificate struct {
		File        string             `json:"file"`
		Signs       string             `json:"signs,omitempty"`
		Identity    string             `json:"identity,omitempty"`
		Hosts       []string           `json:"hosts,omitempty"`
		Fingerprint *certs.Fingerprint `json:"fingerprint,omitempty"`
		From        *time.Time         `json:"from,omitempty"`
		Until       *time.Time         `json:"until,omitempty"`
		Good        bool               `json:"good"`
		State       string             `json:"state"`
	}
	out := struct {
		Certificates []certificate `json:"certificates"`
	}{[]certificate{}}
	for _, e := range all {
		one := certificate{File: e.File, Signs: e.Signs, Identity: e.Holder, Hosts: e.Hosts, Good: e.Good, State: e.State}
		if e.Identity != nil {
			one.Identity = e.Identity.URI().String()
		}
		if e.Fingerprint != (certs.Fingerprint{}) {
			one.Fingerprint = &e.Fingerprint
		}
		if !e.Until.IsZero() {
			from, until := e.From.UTC(), e.Until.UTC()
			one.From, one.Until = &from, &until
		}
		out.Certificates = append(out.Certificates, one)
	}
	e := json.NewEncoder(c.Out)
	e.SetEscapeHTML(false) // URIs have an &
	return e.Encode(out)
}

// Made tells of certificates that were made in a folder.
func (c *Console) Made(dir string, made []issue.Entry) error {
	for _, e := range made {
		line := fmt.Sprintf("Made %s in %s: %s", e.File, dir, holder(&e))
		switch what := purpose(&e); {
		case e.Signs != "":
		case e.Identity != nil && e.Identity.Branch != 0:
			line += ", at " + what
		default:
			line += ", " + what
		}
		if _, err := fmt.Fprintln(c.Out, name.Printable(line+", until "+e.Until.UTC().Format(time.DateOnly))); err != nil {
			return err
		}
	}
	return nil
}

// Dropped tells of CAs that are believed no more.
func (c *Console) Dropped(dropped []issue.Entry) error {
	if len(dropped) == 0 {
		_, err := fmt.Fprintln(c.Out, "There are no old CAs to drop")
		return err
	}
	for _, e := range dropped {
		if _, err := fmt.Fprintf(c.Out, "Dropped an old %s, which was made on %s\n", holder(&e), e.From.UTC().Format(time.DateOnly)); err != nil {
			return err
		}
	}
	return nil
}

// Revoked tells of certificates that are good no more.
func (c *Console) Revoked(added []certs.Revocation) error {
	if len(added) == 0 {
		_, err := fmt.Fprintln(c.Out, "Nothing to do: it is revoked already")
		return err
	}
	for _, r := range added {
		if _, err := fmt.Fprintln(c.Out, name.Printable(fmt.Sprintf("Revoked %s, certificate %s", r.Identity, r.Certificate))); err != nil {
			return err
		}
	}
	return nil
}
