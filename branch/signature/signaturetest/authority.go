// Package signaturetest has an authority for tests, which issues certificates in memory.
package signaturetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"testing"
	"time"

	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/signature"
)

// Authority is the CA of a bank's branches, with the keys of all of them. It implements
// signature.Authority. Its methods fail the test.
type Authority struct {
	*signature.CA
	// Bank is the bank's name.
	Bank string
	// PEM is the CA's certificate.
	PEM []byte

	t    testing.TB
	root *x509.Certificate
	key  *ecdsa.PrivateKey

	// first is held while a branch gets its first certificate.
	first sync.Mutex

	mu sync.Mutex
	// signing are the current certificates, revoked says of certificates from where on.
	signing map[uint32]tls.Certificate
	revoked map[string]uint64 // by the certificate in DER
	serial  int64
}

// New returns a CA that has issued no certificate.
func New(t testing.TB, bank string) *Authority {
	t.Helper()
	a := &Authority{Bank: bank, t: t, signing: map[uint32]tls.Certificate{}, revoked: map[string]uint64{}, serial: 1}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA of " + bank}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.root = a.issue(template, template, a.key)
	a.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
	var err error
	if a.CA, err = signature.NewCA(bank, a.PEM); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue issues a certificate for a key.
func (a *Authority) issue(template, parent *x509.Certificate, key crypto.Signer) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// Issue gives an identity a certificate with a new key. change may alter it before.
func (a *Authority) Issue(id *identity.Identity, change ...func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	return a.IssueFor(newKey(a.t), id, change...)
}

// IssueFor is Issue for a key of any kind.
func (a *Authority) IssueFor(key crypto.Signer, id *identity.Identity, change ...func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	a.mu.Lock()
	a.serial++
	serial := a.serial
	a.mu.Unlock()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: id.String()}, URIs: []*url.URL{id.URI()},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Minute), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, f := range change {
		f(template)
	}
	leaf := a.issue(template, a.root, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// Renew gives a branch another certificate with another key, with which it signs from now
// on, and returns it.
func (a *Authority) Renew(branch uint32) tls.Certificate {
	a.t.Helper()
	c := a.Issue(&identity.Identity{Bank: a.Bank, Branch: branch})
	a.Use(branch, c)
	return c
}

// Use makes a branch sign with a certificate.
func (a *Authority) Use(branch uint32, c tls.Certificate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.signing[branch] = c
}

// Signing implements signature.Authority. A branch that has no certificate gets one.
func (a *Authority) Signing(branch uint32) (tls.Certificate, error) {
	a.first.Lock()
	defer a.first.Unlock()
	a.mu.Lock()
	c, ok := a.signing[branch]
	a.mu.Unlock()
	switch {
	case !ok && branch == 0:
		return c, errors.New("there is no branch 0")
	case !ok:
		return a.Renew(branch), nil
	case len(c.Certificate) == 0:
		return c, fmt.Errorf("branch %d has no certificate any more", branch)
	}
	return c, nil
}

// Revoke makes what a certificate signs not count from an entry of its branch's journal
// on.
func (a *Authority) Revoke(c tls.Certificate, from uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revoked[string(c.Certificate[0])] = from
}

// RevokedFrom implements signature.Certifier.
func (a *Authority) RevokedFrom(leaf *x509.Certificate) (uint64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from, ok := a.revoked[string(leaf.Raw)]
	return from, ok
}
