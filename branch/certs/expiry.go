package certs

import (
	"maps"
	"slices"
	"time"
)

// warningDays are how many days before its end somebody is warned of a certificate.
var warningDays = []int{30, 7, 0}

// warning is one that was given.
type warning struct {
	certificate Fingerprint
	days        int
}

// Expiry is when a certificate ends.
type Expiry struct {
	// File is the name of its file, Subject whom it is of.
	File, Subject string
	// At is when it ends.
	At time.Time
}

// Expiries returns when the certificates end that are used here, those of the CAs too, in
// order of their files.
func (f *Folder) Expiries() []Expiry {
	c := f.read()
	var all []Expiry
	for _, name := range slices.Sorted(maps.Keys(c.all)) {
		for _, cert := range c.all[name] {
			all = append(all, Expiry{name, cert.Subject.String(), cert.NotAfter})
		}
	}
	return all
}

// warn logs which certificates end soon, each once for each of the times before. The
// caller holds mu, or is alone.
func (f *Folder) warn() {
	now := f.clock()
	for _, name := range slices.Sorted(maps.Keys(f.last.all)) {
		for _, cert := range f.last.all[name] {
			left := cert.NotAfter.Sub(now)
			said := false
			for _, days := range slices.Backward(warningDays) {
				w := warning{FingerprintOf(cert), days}
				if left > time.Duration(days)*24*time.Hour || f.warned[w] {
					continue
				}
				f.warned[w] = true
				if said {
					continue // of the nearer end
				}
				said = true
				if days == 0 {
					f.log.Error("a certificate has expired: nobody believes it any more", "file", name, "subject", cert.Subject.String(), "expired", cert.NotAfter.UTC().Format(time.RFC3339))
				} else {
					f.log.Warn("a certificate expires soon: 'passbook cert renew' makes another", "file", name, "subject", cert.Subject.String(), "expires", cert.NotAfter.UTC().Format(time.RFC3339), "days", int(left/(24*time.Hour)))
				}
			}
		}
	}
}
