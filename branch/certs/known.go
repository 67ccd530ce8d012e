package certs

import (
	"crypto/x509"
	"sync"
	"time"

	"passbook.example/passbook/branch/identity"
)

const (
	// maxKnown bounds the certificates whose holders are remembered.
	maxKnown = 4096
	// knownFor is how long before they are verified again, with their CAs.
	knownFor = time.Minute
)

// known remembers whom certificates speak for: verifying one costs as much as a deposit.
// Its zero value knows nobody.
type known struct {
	mu  sync.Mutex
	all map[Fingerprint]holder
}

// holder is whom a certificate speaks for.
type holder struct {
	id *identity.Identity
	// by is by what that was found out: once the files have changed, it counts no more.
	by *trust
	// until is when that must be verified again.
	until time.Time
}

// identify returns whom a client's chain of certificates speaks for now.
func (k *known) identify(f *Folder, chain []*x509.Certificate) (*identity.Identity, error) {
	t := f.now()
	name, now := FingerprintOf(chain[0]), f.clock()
	k.mu.Lock()
	h, ok := k.all[name]
	k.mu.Unlock()
	if ok && h.by == t && now.Before(h.until) {
		return h.id, nil
	}
	id, err := t.identify(chain, now, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, err
	}
	h = holder{id, t, now.Add(knownFor)}
	if end := chain[0].NotAfter; end.Before(h.until) {
		h.until = end
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) >= maxKnown || k.all == nil {
		k.all = map[Fingerprint]holder{}
	}
	k.all[name] = h
	return id, nil
}
