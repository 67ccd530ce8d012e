package branch_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"testing"
	"time"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// issuer signs the certificates of a bank in a test. Package certs has what real banks
// use; here each branch and client gets a certificate when it is asked for.
type issuer struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	root *x509.Certificate
	pool *x509.CertPool
}

// securedBy returns the security of branches whose certificates are an issuer's.
func securedBy(certificates *issuer) *branch.Security {
	return &branch.Security{Certificates: certificates, Plain: true} // for the calls of the tests' own tools
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	i := &issuer{t: t, pool: x509.NewCertPool()}
	i.root = &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	cert := i.sign(i.root)
	i.key, i.root = cert.PrivateKey.(*ecdsa.PrivateKey), cert.Leaf
	i.pool.AddCert(i.root)
	return i
}

// sign makes a key, and a certificate for it: the first one is the issuer's own.
func (i *issuer) sign(template *x509.Certificate) *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	signer, parent := i.key, i.root
	if signer == nil {
		signer, parent = key, template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		i.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// of returns a certificate for an identity.
func (i *issuer) of(id *identity.Identity) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	template.URIs = append(template.URIs, id.URI())
	return *i.sign(template)
}

func (i *issuer) branch(id uint32) *identity.Identity {
	return &identity.Identity{Bank: branch.DefaultBank, Branch: id}
}

// Server implements branch.Certificates.
func (i *issuer) Server(id uint32) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{i.of(i.branch(id))}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: i.pool, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS13,
	}
}

// Peer implements branch.Certificates.
func (i *issuer) Peer(from, to uint32) *tls.Config {
	return i.dial(i.branch(from), i.branch(to))
}

// dial returns how one identity connects to a branch.
func (i *issuer) dial(from, to *identity.Identity) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{i.of(from)}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection makes sure that it is the branch
		VerifyConnection: func(state tls.ConnectionState) error {
			if _, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: i.pool}); err != nil {
				return err
			}
			if got, err := identity.OfCertificate(state.PeerCertificates[0]); err != nil || !got.Equal(to) {
				return fmt.Errorf("%v is there (%w)", got, err)
			}
			return nil
		},
	}
}

// Identify implements branch.Certificates.
func (i *issuer) Identify(state *tls.ConnectionState) (*identity.Identity, error) {
	if len(state.PeerCertificates) == 0 {
		return nil, nil
	}
	if len(state.VerifiedChains) == 0 {
		return nil, errors.New("it is not verified")
	}
	return identity.OfCertificate(state.PeerCertificates[0])
}

// OnChange implements branch.Certificates: nothing changes.
func (i *issuer) OnChange(func()) (stop func()) { return func() {} }

// as returns the HTTP client of somebody who calls a branch, and the client of its calls.
func (b *bank) as(i *issuer, who *identity.Identity, at uint32) (*http.Client, bankv1connect.BranchServiceClient) {
	b.t.Helper()
	transport := &http.Transport{TLSClientConfig: i.dial(who, i.branch(at)), Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP2(true)
	b.t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return client, bankv1connect.NewBranchServiceClient(client, "https://"+b.at(at).address)
}
