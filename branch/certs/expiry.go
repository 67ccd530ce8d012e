package certs

import (
	"crypto/x509"
	"maps"
	"slices"
	"time"
)

// warningDays are how many days before its end somebody is warned of a certificate, the
// nearest last.
var warningDays = []int{30, 7, 0}

// warning is one that was given.
type warning struct {
	certificate Fingerprint
	days        int
}

// Expiry is when a certificate ends.
type Expiry struct {
	// File is the name of its file, Number its place there, from 1, and Kind what it is for.
	File   string
	Number int
	Kind   string
	// Subject is whom it is of, and URI whom it speaks for; empty for a CA, which speaks for
	// nobody.
	Subject, URI string
	// At is when it ends.
	At time.Time
}

// Expiries returns when the certificates end that are used here, those of the CAs too, in
// order of their files.
func (f *Folder) Expiries() []Expiry {
	c := f.read()
	var all []Expiry
	for _, name := range slices.Sorted(maps.Keys(c.all)) {
		for i, cert := range c.all[name] {
			e := Expiry{File: name, Number: i + 1, Kind: kindOf(name, i), Subject: cert.Subject.String(), At: cert.NotAfter}
			if e.Kind == kindBranch && len(cert.URIs) > 0 {
				e.URI = cert.URIs[0].String()
			}
			all = append(all, e)
		}
	}
	return all
}

// What certificates are for.
const (
	kindBranch   = "branch"
	kindBetween  = "between"
	kindBranchCA = "branch-ca"
	kindClientCA = "client-ca"
)

// kindOf returns what a certificate is for, by its file and the number of those before it
// there. After the certificate of a branch come those of the CAs between it and the CA of
// the branches.
func kindOf(file string, before int) string {
	switch {
	case file == BranchCAFile:
		return kindBranchCA
	case file == ClientCAFile:
		return kindClientCA
	case before > 0:
		return kindBetween
	}
	return kindBranch
}

// warn logs which certificates end soon, each once for each of the times before. The
// caller holds mu, or is alone.
func (f *Folder) warn() {
	for _, name := range slices.Sorted(maps.Keys(f.last.all)) {
		for _, c := range f.last.all[name] {
			if days, ok := f.due(c); ok {
				f.say(name, c, days)
			}
		}
	}
}

// due returns of which of the times before a certificate's end somebody is to be warned
// now: of the nearest, if he was not yet.
func (f *Folder) due(c *x509.Certificate) (days int, ok bool) {
	left := c.NotAfter.Sub(f.clock())
	for _, d := range warningDays {
		w := warning{FingerprintOf(c), d}
		if left <= time.Duration(d)*day && !f.warned[w] {
			f.warned[w], days, ok = true, d, true
		}
	}
	return days, ok
}

// say logs that a certificate ends.
func (f *Folder) say(name string, c *x509.Certificate, days int) {
	at := c.NotAfter.UTC().Format(time.RFC3339)
	if days == 0 {
		f.log.Error("a certificate has expired: nobody believes it any more; 'passbook cert renew' makes another", "file", name, "subject", c.Subject.String(), "expired", at)
		f.event("the certificate in "+name+" has expired at "+at, nil)
		return
	}
	f.log.Warn("a certificate expires soon; 'passbook cert renew' makes another", "file", name, "subject", c.Subject.String(), "expires", at, "days", int(c.NotAfter.Sub(f.clock())/day))
	f.event("the certificate in "+name+" expires at "+at, nil)
}

const day = 24 * time.Hour
