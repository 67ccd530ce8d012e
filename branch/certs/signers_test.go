package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"testing"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
)

func TestSigners(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	f, c, _ := open(t, b)
	now := c.now()
	if own, err := f.Signing(1); err != nil || own.PrivateKey == nil {
		t.Error(err)
	}
	if _, err := f.Signing(2); err == nil {
		t.Error("a key of branch 2")
	}
	branch2 := &identity.Identity{Bank: "bank", Branch: 2}
	good := b.Branches.Sign(t, branch2)
	expired := b.Branches.Sign(t, branch2, certstest.Between(now.Add(-30*time.Minute), now.Add(-time.Minute)))
	for name, chain := range map[string][][]byte{"good": good.Certificate, "expired": expired.Certificate} {
		if branch, leaf, err := f.SignerOf(chain); err != nil || branch != 2 || !bytes.Equal(leaf.Raw, chain[0]) {
			t.Errorf("%s: %d, %v", name, branch, err)
		}
	}
	for name, chain := range map[string][][]byte{
		"nobody's": nil, "no certificate": {{1, 2}},
		"another bank's": b.Branches.Sign(t, &identity.Identity{Bank: "other", Branch: 2}).Certificate,
		"another CA's":   certstest.NewCA(t, "x").Sign(t, branch2).Certificate,
		"a client's":     b.Clients.Sign(t, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller}).Certificate,
		"a client CA's":  b.Clients.Sign(t, branch2).Certificate,
	} {
		if branch, _, err := f.SignerOf(chain); err == nil {
			t.Errorf("%s is branch %d's", name, branch)
		}
	}
}

func TestSignersOutliveTheirCA(t *testing.T) {
	b := certstest.New(t, "bank")
	old := b.Branches
	branch2 := &identity.Identity{Bank: "bank", Branch: 2}
	signed, forged, ann := old.Sign(t, branch2), old.Sign(t, branch2), old.Sign(t, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller})
	b.Branches = certstest.NewCA(t, "new")
	b.Write(t, certs.BranchCAFile, b.Branches.PEM())
	b.Branch(t, 1)
	list, err := json.Marshal([]certs.Signer{
		{Certificate: certs.FingerprintOf(signed.Leaf), Identity: branch2.URI().String()},
		{Certificate: certs.FingerprintOf(ann.Leaf), Identity: branch2.URI().String()},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, c, _ := open(t, b)
	if branch, _, err := f.SignerOf(signed.Certificate); err == nil {
		t.Errorf("without the list it is branch %d's", branch)
	}
	b.Write(t, certs.SignersFile, list)
	c.pass(time.Second)
	if branch, leaf, err := f.SignerOf(signed.Certificate); err != nil || branch != 2 || !leaf.Equal(signed.Leaf) {
		t.Errorf("it is branch %d's, %v", branch, err)
	}
	for name, chain := range map[string][][]byte{"forged later": forged.Certificate, "no branch's": ann.Certificate} {
		if branch, leaf, err := f.SignerOf(chain); err == nil || branch != 0 || leaf != nil {
			t.Errorf("%s: it is branch %d's", name, branch)
		}
	}
	if id, err := shake(t, f, f.Server(1), with(signed)); err == nil {
		t.Errorf("its CA is dropped, and it opens a connection as %v", id)
	}
}

func TestACARenewedWithItsKey(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	before := b.Branches.Sign(t, &identity.Identity{Bank: "bank", Branch: 2}, certstest.Between(time.Now().Add(-2*time.Hour), time.Now().Add(time.Hour)))
	f, _, _ := open(t, b)
	if branch, _, err := f.SignerOf(before.Certificate); err != nil || branch != 2 {
		t.Errorf("it is branch %d's, %v", branch, err)
	}
}

// However many certificates there are, few are remembered, and all are believed.
func TestFewCertificatesAreRemembered(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	f, _, _ := open(t, b)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for i := range certs.MaxKnown + 2 {
		c := b.Clients.SignKey(t, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller}, key)
		if id, err := f.Identify(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.Leaf}}); err != nil || id.Client != "ann" {
			t.Fatalf("certificate %d: %v, %v", i, id, err)
		}
		most = max(most, f.Known())
	}
	if most != certs.MaxKnown {
		t.Errorf("%d certificates were remembered, want %d", most, certs.MaxKnown)
	}
}
