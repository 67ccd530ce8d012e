package certs_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
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
		"a long chain":         {client: with(chained(b.Clients.Sign(t, ann), 4, b.Clients.Certificate.Raw)), refused: "comes with 5 certificates"},
		"a chain as it may be": {client: with(chained(b.Clients.Sign(t, ann), 3, b.Clients.Certificate.Raw)), want: ann},
		"a huge key":           {client: with(b.Clients.SignKey(t, ann, hugeKey(t))), refused: "a key of 521 bits takes too long"},
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

// chained returns a certificate with others after it, which its holder shows as well.
func chained(c tls.Certificate, n int, other []byte) tls.Certificate {
	for range n {
		c.Certificate = append(c.Certificate, other)
	}
	return c
}

func hugeKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
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
	told := make(chan struct{}, 10)
	stop := f.OnChange(func() { told <- struct{}{} })
	watch(t, f)
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
	<-told
	revoke(t, b, ann.Leaf, 0)
	c.pass(time.Second)
	open := tls.ConnectionState{PeerCertificates: []*x509.Certificate{ann.Leaf}}
	if id, err := f.Identify(&open); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("on an open connection: %v, %v", id, err)
	}
	<-told
	if _, err := shake(t, f, server, client); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("when resumed: %v", err)
	}
	if _, err := shake(t, f, server, with(ann)); err == nil {
		t.Error("on a new connection it is believed")
	}
	stop()
	revoke(t, b, other.Leaf, 7)
	c.pass(time.Second)
	if after, ok := f.RevokedAfter(certs.FingerprintOf(other.Leaf)); after != 7 || !ok || len(told) > 0 {
		t.Errorf("revoked after %d, %v; told %d times more", after, ok, len(told))
	}
}

// Whoever is told of a change may wait for the handshake in whose middle it was found.
func TestAListenerMayWaitForAHandshake(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	f, c, _ := open(t, b)
	shaken, told := make(chan struct{}), make(chan struct{})
	f.OnChange(func() {
		<-shaken
		close(told)
	})
	watch(t, f)
	b.Branch(t, 1)
	c.pass(time.Second)
	if _, err := shake(t, f, f.Server(1), with()); err != nil {
		t.Error(err)
	}
	close(shaken)
	<-told
}

// watch watches a folder until the test ends.
func watch(t *testing.T, f *certs.Folder) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Watch(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
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
// A folder that can't be used is refused with what is wrong, and what to do.
// Somebody is warned thirty days before a certificate ends, and seven, and when it has
// ended, each time once.
// What a branch has signed stays signed when its certificate has expired; what no branch of
// this bank can have signed is nobody's.
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

// A client believes no branch of another bank, and none that is on its folder's list.
func TestWhichBranchesAClientBelieves(t *testing.T) {
	b := certstest.New(t, "bank")
	b.Branch(t, 1)
	f, _, _ := open(t, b)
	config := func() (bare, ann *tls.Config) {
		t.Helper()
		bare, err := certs.ClientConfig(b.Dir, "", true)
		if err != nil {
			t.Fatal(err)
		}
		b.Client(t, "ann", identity.Teller)
		defer remove(t, b, "client.ann.crt")
		if ann, err = certs.ClientConfig(b.Dir, "ann", false); err != nil {
			t.Fatal(err)
		}
		return bare, ann
	}
	server := func(bank string) tls.Certificate {
		return b.Branches.Sign(t, &identity.Identity{Bank: bank, Branch: 1})
	}
	good, other, stolen := server("bank"), server("other"), server("bank")
	bare, ann := config()
	for _, s := range []tls.Certificate{good, stolen} {
		if _, err := shake(t, f, with(s), ann); err != nil {
			t.Errorf("a branch: %v", err)
		}
	}
	if _, err := shake(t, f, with(other), ann); err == nil || !strings.Contains(err.Error(), `branch 1 of bank "other", and the client's is of bank "bank"`) {
		t.Errorf("a branch of another bank: %v", err)
	}
	if _, err := shake(t, f, with(other), bare); err != nil {
		t.Errorf("whoever has no certificate is of no bank: %v", err)
	}
	revoke(t, b, stolen.Leaf, 0)
	bare, ann = config()
	for _, client := range []*tls.Config{bare, ann} {
		if _, err := shake(t, f, with(good), client); err != nil {
			t.Errorf("another branch's is revoked: %v", err)
		}
		if _, err := shake(t, f, with(stolen), client); err == nil || !strings.Contains(err.Error(), `of branch 1 of bank "bank", was revoked at `) {
			t.Errorf("a revoked one: %v", err)
		}
	}
	b.Write(t, certs.RevokedFile, []byte("[{"))
	if _, err := certs.ClientConfig(b.Dir, "", true); err == nil || !strings.Contains(err.Error(), "--certs-dir: revoked.json") {
		t.Errorf("half a list: %v", err)
	}
}

// What is wrong keeps nothing else from being taken up: a revocation counts although another
// file can't be used, and even if it is the branch's own certificate that is revoked.
// What is revoked stays revoked when the list is lost.
// What was signed under a CA that is dropped counts, by whoever is known to have signed
// then; and of what that CA signs later, in a thief's hands, nothing does.
// A CA whose certificate was made again, with its key, is good for what it signed before.
