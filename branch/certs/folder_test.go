package certs_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
)

func TestWrongFilesWhileItRuns(t *testing.T) {
	b := certstest.New(t, "bank")
	good := b.Branch(t, 1)
	f, c, logged := open(t, b)
	whole, err := os.ReadFile(filepath.Join(b.Dir, "branch.1.crt"))
	if err != nil {
		t.Fatal(err)
	}
	b.Write(t, "branch.1.crt", whole[:len(whole)/2])
	c.pass(time.Second)
	if _, err := shake(t, f, f.Server(1), with()); err != nil {
		t.Errorf("half a file: %v", err)
	}
	if strings.Contains(logged.String(), "ERROR") {
		t.Errorf("the first time somebody may still be writing: %s", logged)
	}
	for range 3 {
		c.pass(time.Second)
		if _, err := shake(t, f, f.Server(1), with()); err != nil {
			t.Errorf("half a file: %v", err)
		}
	}
	if n := strings.Count(logged.String(), "ERROR"); n != 1 || !strings.Contains(logged.String(), "branch.1.crt") {
		t.Errorf("logged %d times: %s", n, logged)
	}
	b.Put(t, "branch.1", good)
	c.pass(time.Second)
	if _, err := shake(t, f, f.Server(1), with()); err != nil || !strings.Contains(logged.String(), "are in use") {
		t.Errorf("%v, logged %s", err, logged)
	}
}

func TestWhatIsNoFolder(t *testing.T) {
	_, ed25519Key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		spoil func(t *testing.T, b *certstest.Bank)
		want  string
	}{
		"no CA":                {func(t *testing.T, b *certstest.Bank) { remove(t, b, "ca-branch.crt") }, "ca-branch.crt: no such file"},
		"no certificate":       {func(t *testing.T, b *certstest.Bank) { remove(t, b, "branch.1.crt") }, "'passbook cert create-branch 1' makes one"},
		"no key":               {func(t *testing.T, b *certstest.Bank) { remove(t, b, "branch.1.key") }, "branch.1.key: no such file"},
		"a key for all":        {func(t *testing.T, b *certstest.Bank) { chmod(t, b, "branch.1.key", 0o644) }, "chmod 600"},
		"a key for a group":    {func(t *testing.T, b *certstest.Bank) { chmod(t, b, "branch.1.key", 0o640) }, "mode 0640"},
		"a folder for a group": {func(t *testing.T, b *certstest.Bank) { chmod(t, b, ".", 0o770) }, "may be written by others than its owner (mode 0770)"},
		"another key":          {func(t *testing.T, b *certstest.Bank) { copyFile(t, b, "branch.2.key", "branch.1.key") }, "is not the key of"},
		"branch 2's": {func(t *testing.T, b *certstest.Bank) {
			copyFile(t, b, "branch.2.key", "branch.1.key")
			copyFile(t, b, "branch.2.crt", "branch.1.crt")
		}, "branch.1.crt is the certificate of branch 2"},
		"a client's": {func(t *testing.T, b *certstest.Bank) { b.Put(t, "branch.1", b.Client(t, "ann", identity.Teller)) }, "branch.1.crt is the certificate of teller"},
		"another bank's": {func(t *testing.T, b *certstest.Bank) {
			b.Put(t, "branch.1", b.Branches.Sign(t, &identity.Identity{Bank: "other", Branch: 1}))
		}, `of bank "other"`},
		"another CA's": {func(t *testing.T, b *certstest.Bank) {
			b.Put(t, "branch.1", certstest.NewCA(t, "x").Sign(t, &identity.Identity{Bank: "bank", Branch: 1}))
		}, "no CA in ca-branch.crt has signed it"},
		"not for servers": {func(t *testing.T, b *certstest.Bank) {
			b.Branch(t, 1, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] })
		}, "incompatible key usage"},
		"a key of another kind": {func(t *testing.T, b *certstest.Bank) {
			c := b.Branches.SignKey(t, &identity.Identity{Bank: "bank", Branch: 1}, ed25519Key)
			b.Put(t, "branch.1", c)
		}, "none of ECDSA on P-256"},
		"no CA's":          {func(t *testing.T, b *certstest.Bank) { copyFile(t, b, "branch.2.crt", "ca-branch.crt") }, "which is no CA"},
		"no PEM":           {func(t *testing.T, b *certstest.Bank) { b.Write(t, "branch.1.crt", []byte("certificate")) }, "no certificate in PEM form"},
		"a key among them": {func(t *testing.T, b *certstest.Bank) { copyFile(t, b, "branch.1.key", "branch.1.crt") }, "where only certificates may be"},
		"a torn list":      {func(t *testing.T, b *certstest.Bank) { b.Write(t, "revoked.json", []byte(`[{"certificate":"12"}]`)) }, "no SHA-256"},
		"its own, revoked": {func(t *testing.T, b *certstest.Bank) { revoke(t, b, b.Branch(t, 1).Leaf, 0) }, "was revoked"},
		"too many CAs": {func(t *testing.T, b *certstest.Bank) {
			b.Write(t, "ca-client.crt", bytes.Repeat(b.Clients.PEM(), 65))
		}, "ca-client.crt has more than 64 certificates"},
		"a long list": {func(t *testing.T, b *certstest.Bank) {
			b.Write(t, "revoked.json", []byte("["+strings.Repeat("{},", 100_000)+"{}]"))
		}, "revoked.json has 100001 certificates, and at most 100000 are read"},
		"a huge list": {func(t *testing.T, b *certstest.Bank) {
			b.Write(t, "signers.json", bytes.Repeat([]byte(" "), 64<<20+1))
		}, "signers.json has more than 67108864 bytes"},
		"a huge file": {func(t *testing.T, b *certstest.Bank) { b.Write(t, "ca-client.crt", make([]byte, 2<<20)) }, "more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			b := certstest.New(t, "bank")
			b.Branch(t, 1)
			b.Branch(t, 2)
			if _, err := certs.Open(b.Dir, "bank", certs.Options{Branches: []uint32{1}}); err != nil {
				t.Fatal(err)
			}
			test.spoil(t, b)
			if _, err := certs.Open(b.Dir, "bank", certs.Options{Branches: []uint32{1}}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := certs.Open(t.TempDir(), "My Bank", certs.Options{}); err == nil || !strings.Contains(err.Error(), "small letters") {
		t.Errorf("a name that no URI can have: %v", err)
	}
}

func remove(t *testing.T, b *certstest.Bank, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(b.Dir, name)); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, b *certstest.Bank, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(b.Dir, name), mode); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, b *certstest.Bank, from, to string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.Dir, from))
	if err != nil {
		t.Fatal(err)
	}
	b.Write(t, to, data)
}

func TestWarnings(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branches = certstest.NewCA(t, "long", certstest.Between(time.Now().Add(-time.Hour), time.Now().Add(1000*24*time.Hour)))
	b.Clients = certstest.NewCA(t, "long", certstest.Between(time.Now().Add(-time.Hour), time.Now().Add(1000*24*time.Hour)))
	b.Write(t, certs.BranchCAFile, b.Branches.PEM())
	b.Write(t, certs.ClientCAFile, b.Clients.PEM())
	b.Branch(t, 1, certstest.Between(time.Now().Add(-time.Hour), time.Now().Add(31*24*time.Hour)))
	f, c, logged := open(t, b)
	for _, step := range []struct {
		pass time.Duration
		want []string
	}{
		{0, nil},
		{2 * 24 * time.Hour, []string{"expires soon", "branch.1.crt", "days=28"}},
		{24 * time.Hour, nil},
		{22 * 24 * time.Hour, []string{"expires soon", "days=5"}},
		{6 * 24 * time.Hour, []string{"has expired"}},
		{24 * time.Hour, nil},
	} {
		logged.Reset()
		c.pass(step.pass)
		f.Warn()
		f.Warn()
		if got := strings.TrimSpace(logged.String()); (got == "") != (len(step.want) == 0) || strings.Contains(got, "\n") {
			t.Errorf("after %v more: %s", step.pass, got)
		}
		for _, want := range step.want {
			if !strings.Contains(logged.String(), want) {
				t.Errorf("after %v more: %s, want %q", step.pass, logged, want)
			}
		}
	}
	all := f.Expiries()
	if len(all) != 3 || all[0].File != "branch.1.crt" || all[1].File != certs.BranchCAFile || all[0].At.Before(time.Now()) {
		t.Errorf("expiries: %v", all)
	}
}

func TestAWrongFileHoldsNothingElseUp(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, b *certstest.Bank, own tls.Certificate){
		"half a certificate": func(t *testing.T, b *certstest.Bank, _ tls.Certificate) {
			b.Write(t, "branch.1.crt", []byte("-----BEGIN"))
		},
		"no key":          func(t *testing.T, b *certstest.Bank, _ tls.Certificate) { remove(t, b, "branch.1.key") },
		"no branches' CA": func(t *testing.T, b *certstest.Bank, _ tls.Certificate) { remove(t, b, certs.BranchCAFile) },
		"no clients' CA":  func(t *testing.T, b *certstest.Bank, _ tls.Certificate) { remove(t, b, certs.ClientCAFile) },
		"half a list":     func(t *testing.T, b *certstest.Bank, _ tls.Certificate) { b.Write(t, certs.SignersFile, []byte("[{")) },
		"itself":          func(t *testing.T, b *certstest.Bank, own tls.Certificate) { revoke(t, b, own.Leaf, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			b := certstest.New(t, "bank")
			own, ann, bob := b.Branch(t, 1), b.Client(t, "ann", identity.Teller), b.Client(t, "bob", identity.Teller)
			f, c, logged := open(t, b)
			spoil(t, b, own)
			revoke(t, b, ann.Leaf, 0)
			for range 3 {
				c.pass(time.Second)
				if id, err := shake(t, f, f.Server(1), with(ann)); err == nil {
					t.Errorf("ann is revoked, and is %v", id)
				}
				if id, err := shake(t, f, f.Server(1), with(bob)); err != nil || id.Client != "bob" {
					t.Errorf("bob is %v, %v", id, err)
				}
			}
			if n := strings.Count(logged.String(), "ERROR"); n != 1 || strings.Count(logged.String(), "are in use") != 1 {
				t.Errorf("logged %s", logged)
			}
		})
	}
}

func TestALostListRevokesStill(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	ann := b.Client(t, "ann", identity.Teller)
	revoke(t, b, ann.Leaf, 0)
	f, c, logged := open(t, b)
	for name, lose := range map[string]func(){
		"gone":  func() { remove(t, b, certs.RevokedFile) },
		"empty": func() { b.Write(t, certs.RevokedFile, []byte("[]")) },
	} {
		revoke(t, b, ann.Leaf, 0)
		c.pass(time.Second)
		f.Expiries() // which looks at the files
		logged.Reset()
		lose()
		for range 3 {
			c.pass(time.Second)
			if id, err := shake(t, f, f.Server(1), with(ann)); err == nil {
				t.Errorf("%s: ann is %v", name, id)
			}
		}
		if !strings.Contains(logged.String(), "revoked.json is gone or empty") {
			t.Errorf("%s: logged %q", name, logged)
		}
	}
}

// An older list brings nobody back, even if somebody else is revoked with it.
func TestAnOlderListRevokesStill(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	ann, bob := b.Client(t, "ann", identity.Teller), b.Client(t, "bob", identity.Teller)
	revoke(t, b, ann.Leaf, 0)
	f, c, logged := open(t, b)
	remove(t, b, certs.RevokedFile)
	revoke(t, b, bob.Leaf, 0)
	for range 3 {
		c.pass(time.Second)
		for _, client := range []tls.Certificate{ann, bob} {
			if id, err := shake(t, f, f.Server(1), with(client)); err == nil {
				t.Errorf("%v is believed", id)
			}
		}
	}
	if n := strings.Count(logged.String(), "revoked.json lacks 1 certificates that it had before"); n != 1 {
		t.Errorf("told %d times: %s", n, logged)
	}
	revoke(t, b, ann.Leaf, 0)
	remove(t, b, "ca-client.crt") // so that the files are read again and again
	logged.Reset()
	for range 3 {
		c.pass(time.Second)
		if _, err := shake(t, f, f.Server(1), with(ann)); err == nil {
			t.Error("ann is believed")
		}
	}
	if strings.Contains(logged.String(), "lacks") {
		t.Errorf("the list is whole again: %s", logged)
	}
}
