package certs

import (
	"crypto/x509"
	"math"
)

// RevokedFrom returns from which entry of its branch's journal on what a certificate has
// signed does not count; false if all of it counts.
func (f *Folder) RevokedFrom(leaf *x509.Certificate) (sequence uint64, revoked bool) {
	last, revoked := f.RevokedAfter(FingerprintOf(leaf))
	if last == math.MaxUint64 {
		return last, revoked
	}
	return last + 1, revoked
}
