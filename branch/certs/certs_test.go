package certs_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
)

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// open opens the folder of a bank as branch 1 has it.
func open(t *testing.T, b *certstest.Bank) (*certs.Folder, *clock, *bytes.Buffer) {
	t.Helper()
	c, logged := &clock{at: time.Now()}, &bytes.Buffer{}
	f, err := certs.Open(b.Dir, b.Name, certs.Options{Branches: []uint32{1}, Clock: c.now, Logger: slog.New(slog.NewTextHandler(logged, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return f, c, logged
}

// shake shakes hands between a client and a server, and returns whom the server sees, or
// why either of them has refused.
func shake(t *testing.T, f *certs.Folder, server, client *tls.Config) (*identity.Identity, error) {
	t.Helper()
	id, _, err := shaken(t, f, server, client)
	return id, err
}

func shaken(t *testing.T, f *certs.Folder, server, client *tls.Config) (*identity.Identity, tls.ConnectionState, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	var id *identity.Identity
	go func() {
		c, err := l.Accept()
		if err != nil {
			served <- err
			return
		}
		defer c.Close()
		over := tls.Server(c, server)
		err = over.Handshake()
		if err == nil {
			state := over.ConnectionState()
			if id, err = f.Identify(&state); err == nil {
				_, err = over.Write([]byte{1})
			}
		}
		served <- err
	}()
	client = client.Clone()
	if client.ServerName == "" {
		client.ServerName = "localhost"
	}
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err == nil {
		defer c.Close()
		// A client hears of a refusal only with what comes next.
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	if refused := <-served; refused != nil && !strings.Contains(refused.Error(), "remote error") && !errors.Is(refused, io.EOF) {
		return nil, tls.ConnectionState{}, refused
	}
	if err != nil {
		return nil, tls.ConnectionState{}, err
	}
	return id, c.ConnectionState(), nil
}

// with returns how a client with a certificate connects, whatever the server is.
func with(c ...tls.Certificate) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, Certificates: c} //nolint:gosec // the test is about the client's certificate
}

// A server believes a certificate that its CA has signed for its kind of caller, of this
// bank, with one URI, here and now, and no other; and lets those in who have none.
func TestWhomAServerBelieves(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	f, _, _ := open(t, b)
	ann := &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Customer, Accounts: identity.Accounts{"ann"}}
	branch2 := &identity.Identity{Bank: "bank", Branch: 2}
	stranger := certstest.NewCA(t, "stranger")
	now := time.Now()
	for name, test := range map[string]struct {
		client  *tls.Config
		want    *identity.Identity
		refused string
	}{
		"no certificate":       {client: with()},
		"a client's":           {client: with(b.Clients.Sign(t, ann)), want: ann},
		"a branch's":           {client: with(b.Branches.Sign(t, branch2)), want: branch2},
		"another bank's":       {client: with(b.Clients.Sign(t, &identity.Identity{Bank: "other", Client: "ann", Role: identity.Teller})), refused: `of bank "other"`},
		"another CA's":         {client: with(stranger.Sign(t, ann)), refused: "no CA in ca-client.crt"},
		"another CA's branch":  {client: with(stranger.Sign(t, branch2)), refused: "no CA in ca-branch.crt"},
		"a client CA's branch": {client: with(b.Clients.Sign(t, branch2)), refused: "no CA in ca-branch.crt"},
		"a branch CA's client": {client: with(b.Branches.Sign(t, ann)), refused: "no CA in ca-client.crt"},
		"expired":              {client: with(b.Clients.Sign(t, ann, certstest.Between(now.Add(-time.Hour), now.Add(-time.Minute)))), refused: "has expired"},
		"not yet valid":        {client: with(b.Clients.Sign(t, ann, certstest.Between(now.Add(time.Minute), now.Add(time.Hour)))), refused: "not valid before"},
		"two URIs":             {client: with(b.Clients.Sign(t, ann, certstest.URIs(ann.URI().String(), "passbook://bank/branch/2"))), refused: "carries 2 URIs"},
		"two branches":         {client: with(b.Branches.Sign(t, branch2, certstest.URIs("passbook://bank/branch/2", "passbook://bank/branch/3"))), refused: "carries 2 URIs"},
		"no URI":               {client: with(b.Clients.Sign(t, ann, certstest.URIs())), refused: "carries 0 URIs"},
		"another URI":          {client: with(b.Clients.Sign(t, ann, certstest.URIs("https://bank/branch/2"))), refused: "no URI of an identity"},
		"for servers only":     {client: with(b.Clients.Sign(t, ann, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), refused: "incompatible key usage"},
		"for TLS 1.2":          {client: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}, refused: "unsupported versions"}, //nolint:gosec // it is refused
	} {
		t.Run(name, func(t *testing.T) {
			id, err := shake(t, f, f.Server(1), test.client)
			switch {
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("got %v, %v, want %q", id, err, test.refused)
			case test.refused == "" && (err != nil || (id == nil) != (test.want == nil) || id != nil && !id.Equal(test.want)):
				t.Errorf("got %v, %v, want %v", id, err, test.want)
			}
		})
	}
}

// A branch that dials another one makes sure that it is that one, whatever it is called.
func TestABranchMakesSureWhomItDials(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	f, _, _ := open(t, b)
	ann := &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Operator}
	for name, test := range map[string]struct {
		server  tls.Certificate
		refused string
	}{
		"itself":         {b.Branches.Sign(t, &identity.Identity{Bank: "bank", Branch: 2}, func(c *x509.Certificate) { c.DNSNames = []string{"elsewhere"} }), ""},
		"another branch": {b.Branches.Sign(t, &identity.Identity{Bank: "bank", Branch: 3}), `that of branch 3`},
		"another bank":   {b.Branches.Sign(t, &identity.Identity{Bank: "other", Branch: 2}), `of bank "other"`},
		"a client":       {b.Clients.Sign(t, ann, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "operator"},
		"a client's CA":  {b.Clients.Sign(t, &identity.Identity{Bank: "bank", Branch: 2}), "no CA in ca-branch.crt"},
		"no server":      {b.Branches.Sign(t, &identity.Identity{Bank: "bank", Branch: 2}, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "incompatible key usage"},
	} {
		server := &tls.Config{Certificates: []tls.Certificate{test.server}, ClientAuth: tls.RequireAnyClientCert} //nolint:gosec // the test is about the client
		id, err := shake(t, f, server, f.Peer(1, 2))
		if test.refused == "" && (err != nil || id.Branch != 1) || test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)) {
			t.Errorf("%s: %v, %v, want %q", name, id, err, test.refused)
		}
	}
}

// What is revoked is believed no more, a second later at most: on new connections, on those
// that are open, and when a session is resumed.
func TestRevocation(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	ann := b.Client(t, "ann", identity.Teller)
	f, c, _ := open(t, b)
	told := 0
	stop := f.OnChange(func() { told++ })
	client := with(ann)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	server := f.Server(1)
	if id, err := shake(t, f, server, client); err != nil || id.Client != "ann" {
		t.Fatal(id, err)
	}
	_, state, err := shaken(t, f, server, client)
	if err != nil || !state.DidResume {
		t.Fatalf("not resumed: %v", err)
	}
	other := certstest.NewCA(t, "other").Sign(t, &identity.Identity{Bank: "bank", Client: "eve", Role: identity.Teller})
	revoke(t, b, other.Leaf, 0)
	c.pass(time.Second)
	if _, err := shake(t, f, server, client); err != nil {
		t.Errorf("another one is revoked: %v", err)
	}
	revoke(t, b, ann.Leaf, 0)
	c.pass(time.Second)
	open := tls.ConnectionState{PeerCertificates: []*x509.Certificate{ann.Leaf}}
	if id, err := f.Identify(&open); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("on an open connection: %v, %v", id, err)
	}
	if _, err := shake(t, f, server, client); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("when resumed: %v", err)
	}
	if _, err := shake(t, f, server, with(ann)); err == nil {
		t.Error("on a new connection it is believed")
	}
	if told != 2 {
		t.Errorf("told %d times, want 2", told)
	}
	stop()
	revoke(t, b, other.Leaf, 7)
	c.pass(time.Second)
	if after, ok := f.RevokedAfter(certs.FingerprintOf(other.Leaf)); after != 7 || !ok || told != 2 {
		t.Errorf("revoked after %d, %v; told %d times", after, ok, told)
	}
}

func revoke(t *testing.T, b *certstest.Bank, c *x509.Certificate, after uint64) {
	t.Helper()
	all, err := certs.ReadRevocations(b.Dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(append(all, certs.Revocation{Certificate: certs.FingerprintOf(c), Identity: "somebody", At: time.Now(), After: after}))
	if err != nil {
		t.Fatal(err)
	}
	b.Write(t, certs.RevokedFile, list)
}

// A certificate that is believed ends when it ends, on an open connection too.
func TestExpiryOnAnOpenConnection(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	f, c, _ := open(t, b)
	leaf := b.Clients.Sign(t, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller}, certstest.Between(c.now().Add(-time.Hour), c.now().Add(10*time.Second))).Leaf
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
	if id, err := f.Identify(&state); err != nil || id.Client != "ann" {
		t.Fatal(id, err)
	}
	c.pass(11 * time.Second)
	if id, err := f.Identify(&state); err == nil {
		t.Errorf("it has expired, and is %v", id)
	}
}

// Renewed certificates, and CAs that are replaced, are taken up while the branch runs: with
// both CAs in the file both are believed, and then only the new one.
func TestRenewal(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	f, c, logged := open(t, b)
	oldCA := b.Branches
	server := f.Server(1)
	serial := func() string {
		_, state, err := shaken(t, f, server, with())
		if err != nil {
			t.Fatal(err)
		}
		return state.PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	renewed := b.Branch(t, 1)
	if serial() != before {
		t.Error("files were read within a second")
	}
	c.pass(time.Second)
	if got := serial(); got != renewed.Leaf.SerialNumber.String() {
		t.Errorf("the certificate is %s, want the new one", got)
	}
	old2 := oldCA.Sign(t, &identity.Identity{Bank: "bank", Branch: 2})
	b.Branches = certstest.NewCA(t, "new")
	new2 := b.Branches.Sign(t, &identity.Identity{Bank: "bank", Branch: 2})
	b.Write(t, certs.BranchCAFile, append(b.Branches.PEM(), oldCA.PEM()...))
	c.pass(time.Second)
	for name, pair := range map[string]tls.Certificate{"old": old2, "new": new2} {
		if id, err := shake(t, f, server, with(pair)); err != nil || id.Branch != 2 {
			t.Errorf("with both CAs, %s: %v, %v", name, id, err)
		}
	}
	b.Branch(t, 1)
	b.Write(t, certs.BranchCAFile, b.Branches.PEM())
	c.pass(time.Second)
	if id, err := shake(t, f, server, with(old2)); err == nil {
		t.Errorf("the old CA is gone, and its branch is %v", id)
	}
	if id, err := shake(t, f, server, with(new2)); err != nil || id.Branch != 2 {
		t.Errorf("the new CA: %v, %v", id, err)
	}
	if strings.Contains(logged.String(), "ERROR") {
		t.Errorf("logged %s", logged)
	}
}

// While files are wrong, those from before stay in use, and the log says so once.
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

// A folder that can't be used is refused with what is wrong, and what to do.
func TestWhatIsNoFolder(t *testing.T) {
	_, ed25519Key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		spoil func(t *testing.T, b *certstest.Bank)
		want  string
	}{
		"no CA":             {func(t *testing.T, b *certstest.Bank) { remove(t, b, "ca-branch.crt") }, "ca-branch.crt: no such file"},
		"no certificate":    {func(t *testing.T, b *certstest.Bank) { remove(t, b, "branch.1.crt") }, "'passbook cert create-branch 1' makes one"},
		"no key":            {func(t *testing.T, b *certstest.Bank) { remove(t, b, "branch.1.key") }, "branch.1.key: no such file"},
		"a key for all":     {func(t *testing.T, b *certstest.Bank) { chmod(t, b, "branch.1.key", 0o644) }, "chmod 600"},
		"a key for a group": {func(t *testing.T, b *certstest.Bank) { chmod(t, b, "branch.1.key", 0o640) }, "mode 0640"},
		"another key":       {func(t *testing.T, b *certstest.Bank) { copyFile(t, b, "branch.2.key", "branch.1.key") }, "is not the key of"},
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
		"a huge file":      {func(t *testing.T, b *certstest.Bank) { b.Write(t, "ca-client.crt", make([]byte, 2<<20)) }, "more than 1048576 bytes"},
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

// Somebody is warned thirty days before a certificate ends, and seven, and when it has
// ended, each time once.
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

// What a branch has signed stays signed when its certificate has expired; what no branch of
// this bank can have signed is nobody's.
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

// A client takes its certificate from the folder, and makes sure that a branch is at the
// other side, under the name that it was called by.
func TestClients(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	f, _, _ := open(t, b)
	if _, err := certs.ClientConfig(b.Dir, "", false); err == nil || !strings.Contains(err.Error(), "create-client") {
		t.Errorf("no client: %v", err)
	}
	bare, err := certs.ClientConfig(b.Dir, "", true)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := shake(t, f, f.Server(1), bare); id != nil || err != nil {
		t.Errorf("without a certificate: %v, %v", id, err)
	}
	b.Client(t, "ann/1 ü", identity.Teller)
	for _, name := range []string{"", "ann/1 ü"} {
		cfg, err := certs.ClientConfig(b.Dir, name, false)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := shake(t, f, f.Server(1), cfg); err != nil || id.Client != "ann/1 ü" {
			t.Errorf("%q: %v, %v", name, id, err)
		}
		cfg.ServerName = "elsewhere"
		if _, err := shake(t, f, f.Server(1), cfg); err == nil {
			t.Error("a branch under another name is believed")
		}
		noBranch := &tls.Config{Certificates: []tls.Certificate{b.Branches.Sign(t, &identity.Identity{Bank: "bank", Client: "eve", Role: identity.Teller}, func(c *x509.Certificate) {
			c.DNSNames, c.ExtKeyUsage = []string{"localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})}} //nolint:gosec // the test is about the server
		cfg.ServerName = "localhost"
		if _, err := shake(t, f, noBranch, cfg); err == nil || !strings.Contains(err.Error(), "no branch's") {
			t.Errorf("a server that is no branch: %v", err)
		}
	}
	b.Client(t, "bob", identity.Teller)
	for name, want := range map[string]string{"": "of 2 clients", "eve": `no certificate of client "eve"`} {
		if _, err := certs.ClientConfig(b.Dir, name, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	chmod(t, b, "client.bob.key", 0o604)
	if _, err := certs.ClientConfig(b.Dir, "bob", false); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key for everybody: %v", err)
	}
}
