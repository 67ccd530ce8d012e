// Package certstest makes certificates for tests: right ones, and wrong ones of every kind.
package certstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/identity"
)

// Bank has a CA for branches and one for clients, and a folder like that of --certs-dir.
type Bank struct {
	// Name is the name of the bank.
	Name string
	// Dir has the certificates of the CAs, and those that were made.
	Dir string
	// Branches and Clients are the CAs.
	Branches, Clients *CA
}

// CA signs certificates.
type CA struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// New returns a bank whose folder has its CAs' certificates.
func New(t testing.TB, name string) *Bank {
	t.Helper()
	b := &Bank{Name: name, Dir: t.TempDir(), Branches: NewCA(t, name+" branches"), Clients: NewCA(t, name+" clients")}
	b.Write(t, certs.BranchCAFile, b.Branches.PEM())
	b.Write(t, certs.ClientCAFile, b.Clients.PEM())
	return b
}

// NewCA returns a CA of its own.
func NewCA(t testing.TB, name string, changes ...Change) *CA {
	t.Helper()
	return newCA(t, nil, name, changes...)
}

// Below returns a CA that this one has signed.
func (ca *CA) Below(t testing.TB, name string, changes ...Change) *CA {
	t.Helper()
	return newCA(t, ca, name, changes...)
}

func newCA(t testing.TB, by *CA, name string, changes ...Change) *CA {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	for _, change := range changes {
		change(template)
	}
	if by == nil {
		by = &CA{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &CA{ca, key}
}

// PEM returns the CA's certificate as its file has it.
func (ca *CA) PEM() []byte { return encode("CERTIFICATE", ca.Certificate.Raw) }

// Change changes a certificate before it is signed.
type Change func(template *x509.Certificate)

// Between makes a certificate good for a time.
func Between(from, until time.Time) Change {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until }
}

// URIs makes a certificate carry other URIs.
func URIs(uris ...string) Change {
	return func(c *x509.Certificate) {
		c.URIs = nil
		for _, text := range uris {
			u, err := url.Parse(text)
			if err != nil {
				panic(err)
			}
			c.URIs = append(c.URIs, u)
		}
	}
}

// Sign returns a certificate for somebody, which is good here and now unless it is changed.
func (ca *CA) Sign(t testing.TB, id *identity.Identity, changes ...Change) tls.Certificate {
	t.Helper()
	return ca.SignKey(t, id, newKey(t), changes...)
}

// SignKey is Sign for a key of any kind.
func (ca *CA) SignKey(t testing.TB, id *identity.Identity, key crypto.Signer, changes ...Change) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: id.String()}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(12 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{id.URI()},
	}
	if id.Branch != 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		template.DNSNames, template.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	for _, change := range changes {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// Branch puts a certificate of a branch into the folder, in the place of an older one.
func (b *Bank) Branch(t testing.TB, id uint32, changes ...Change) tls.Certificate {
	t.Helper()
	c := b.Branches.Sign(t, &identity.Identity{Bank: b.Name, Branch: id}, changes...)
	b.Put(t, certs.BranchFile(id), c)
	return c
}

// Client puts a certificate of a client into the folder, in the place of an older one.
func (b *Bank) Client(t testing.TB, name string, role identity.Role, accounts ...string) tls.Certificate {
	t.Helper()
	c := b.Clients.Sign(t, &identity.Identity{Bank: b.Name, Client: name, Role: role, Accounts: accounts})
	b.Put(t, certs.ClientFile(name), c)
	return c
}

// Put writes a certificate and its key into the folder.
func (b *Bank) Put(t testing.TB, name string, c tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(t, name+".key", encode("PRIVATE KEY", key))
	var chain []byte
	for _, der := range c.Certificate {
		chain = append(chain, encode("CERTIFICATE", der)...)
	}
	b.Write(t, name+".crt", chain)
}

// Write writes a file of the folder, for its owner alone.
func (b *Bank) Write(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.Dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
