package web_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
)

// branchKeys are the keys of the certificates of branches 1 to 3, and strangerKey that of
// somebody else. The browser trusts whoever has one of them, and nobody besides.
var (
	branchKeys  = map[uint32]*ecdsa.PrivateKey{1: nil, 2: nil, 3: nil}
	strangerKey *ecdsa.PrivateKey
)

// makeKeys makes them, and returns how the browser is told of them.
func makeKeys() (trusted string, err error) {
	var hashes []string
	newKey := func() *ecdsa.PrivateKey {
		key, keyErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if keyErr != nil {
			err = keyErr
			return nil
		}
		spki, keyErr := x509.MarshalPKIXPublicKey(key.Public())
		if keyErr != nil {
			err = keyErr
			return nil
		}
		hash := sha256.Sum256(spki)
		hashes = append(hashes, base64.StdEncoding.EncodeToString(hash[:]))
		return key
	}
	for id := range branchKeys {
		branchKeys[id] = newKey()
	}
	strangerKey = newKey()
	return strings.Join(hashes, ","), err
}

// clients are those of a bank that asks who calls.
var clients = []struct {
	name     string
	role     identity.Role
	accounts []string
}{
	{"tess", identity.Teller, nil},
	{"bob", identity.Customer, []string{"shop-*", "bob"}},
	{"cleo", identity.Customer, []string{"shop-*"}},
	{"audrey", identity.Auditor, nil},
	{"olga", identity.Operator, nil},
	{"it's: é", identity.Teller, nil},
	{longName, identity.Customer, []string{longName + "*", "shared"}},
}

// longName is as long as a name may be in that of a file.
var longName = strings.Repeat("long", 30)

// startSecured serves an input file of three branches, which have certificates.
func startSecured(t *testing.T, file string, flags ...string) *bank {
	t.Helper()
	needsBrowser(t)
	made := certstest.New(t, "bank")
	for id, key := range branchKeys {
		made.Put(t, certs.BranchFile(id), made.Branches.SignKey(t, &identity.Identity{Bank: "bank", Branch: id}, key))
	}
	for _, c := range clients {
		made.Client(t, c.name, c.role, c.accounts...)
	}
	b := startBank(t, file, append([]string{"--certs-dir", made.Dir}, flags...)...)
	b.certs = made
	return b
}

// dashboard returns the address that `passbook dashboard` prints for a client.
func (b *bank) dashboard(t *testing.T, branch int, client string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), passbook, "dashboard", "--no-open", "--address", b.address(branch), "--certs-dir", b.certs.Dir, "--client", client).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// as returns an HTTP client with the certificate of one of the bank's; without a name,
// with none.
func (b *bank) as(t *testing.T, name string) *http.Client {
	t.Helper()
	cfg, err := certs.ClientConfig(b.certs.Dir, cmp.Or(name, "tess"), false)
	if err != nil {
		t.Fatal(err)
	}
	if name == "" {
		cfg.Certificates, cfg.GetClientCertificate = nil, nil
	}
	transport := &http.Transport{TLSClientConfig: cfg}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// logIn opens a page in a browser of its own, logged in as a client.
func (b *bank) logIn(t *testing.T, branch int, client string) *page {
	t.Helper()
	p := &page{ctx: profile(t)}
	p.logIn(t, b.dashboard(t, branch, client), client)
	return p
}

// logIn shows a page at an address with a client's code, and uses that.
func (p *page) logIn(t *testing.T, address, client string) {
	t.Helper()
	p.navigate(t, address)
	p.confirm(t, client)
	p.awaitLive(t)
}

// confirm waits until a page asks whether to log in as a client, and says yes.
func (p *page) confirm(t *testing.T, client string) {
	t.Helper()
	p.await(t, `document.querySelector("#login-ask").open && document.querySelector("#login-ask-title b").textContent === "`+client+`"`)
	p.click(t, "#login-yes")
}

// visit shows what a page shows to somebody who is not logged in.
func visit(ctx context.Context, t *testing.T, url string) *page {
	t.Helper()
	p := &page{ctx: ctx}
	p.navigate(t, url)
	p.awaitOut(t)
	return p
}

// beside returns another window of the browser of a page.
func beside(t *testing.T, p *page) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithNewWindow(true))
	t.Cleanup(cancel)
	return ctx
}

// awaitOut waits until a page asks to log in, and shows nothing else.
func (p *page) awaitOut(t *testing.T) {
	t.Helper()
	p.await(t, `document.documentElement.dataset.login === "out" && document.querySelector("#login").checkVisibility()`)
	if eval[bool](t, p, `[...document.querySelectorAll("#who, .account, #summary, .columns")].some((part) => part.checkVisibility())`) {
		t.Error("the page shows more than how to log in")
	}
}

// awaitIn waits until a page is live for a client.
func (p *page) awaitIn(t *testing.T, client string) {
	t.Helper()
	p.await(t, `document.documentElement.dataset.connection === "live" && !document.querySelector("#login").checkVisibility() && document.querySelector("#who-name b")?.textContent === "`+client+`"`)
}
