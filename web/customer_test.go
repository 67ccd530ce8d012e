package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"passbook.example/passbook/branch/certs"
)

// visitor is a program that calls a bank with connect-web: testdata/customer.ts, bundled.
type visitor struct {
	t *testing.T
	// dir has the bundle, and the keys of tokens.
	dir string
	// ca is the file of the branches' CA, which Node is told of; empty before there is a bank.
	ca string
	// script is the bundle, which defines customer.visit.
	script []byte
}

func newVisitor(t *testing.T) *visitor {
	t.Helper()
	v := &visitor{t: t, dir: t.TempDir()}
	v.run("node_modules/.bin/esbuild", "testdata/customer.ts", "--bundle", "--global-name=customer", "--target=es2022", "--log-level=warning", "--outfile="+v.file("customer.js"))
	script, err := os.ReadFile(v.file("customer.js"))
	if err != nil {
		t.Fatal(err)
	}
	v.script = script
	v.run("../branch/token/testdata/token.sh", "key", v.dir, "one")
	return v
}

func (v *visitor) file(name string) string { return filepath.Join(v.dir, name) }

// run runs a program, which must succeed, and returns what it says.
func (v *visitor) run(name string, args ...string) string {
	v.t.Helper()
	cmd := exec.CommandContext(v.t.Context(), name, args...)
	var out, wrong bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &wrong
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+v.ca)
	if err := cmd.Run(); err != nil {
		v.t.Fatalf("%s %q: %v\n%s\nif it is missing, run make test, which installs it", name, args, err, &wrong)
	}
	return strings.TrimSpace(out.String())
}

// token returns a token of the customer bob.
func (v *visitor) token() string {
	return v.run("../branch/token/testdata/token.sh", "token", v.dir, "one", `{"aud":"passbook","sub":"bob","accounts":["bob"]}`)
}

// Pages of another site, and programs of Node, call a bank with certificates by connect-web
// and a token, over both protocols that it speaks. What is refused they are told in words.
func TestConnectWebProvesWhoCalls(t *testing.T) {
	needsBrowser(t)
	v := newVisitor(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/customer.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(v.script)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>shop</title><script src="/customer.js"></script>`))
	}))
	t.Cleanup(site.Close)
	b := startSecured(t, "../examples/three.json", "--jwks-file", v.file("keys.json"), "--token-audience", "passbook", "--allow-origin", site.URL)
	v.ca = filepath.Join(b.certs.Dir, certs.BranchCAFile)
	page := &page{ctx: profile(t)}
	// The browser has a list of keys that it trusts. With that alone, as chromedp runs it, a
	// call to another origin that asks for the client's certificate gets no answer; a browser
	// that is started by hand gets one. Node checks the branch's certificate.
	if _, err := chromedp.Call(page.ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
		t.Fatal(err)
	}
	page.do(t, chromedp.Navigate(site.URL))

	token, balance := v.token(), 0
	for where, visit := range map[string]func(call string) string{
		"a page": func(call string) string { return eval[string](t, page, call) },
		"Node": func(call string) string {
			program := v.file("program.js")
			if err := os.WriteFile(program, fmt.Appendf(nil, "%s\n%s.then((told) => { console.log(told); process.exit(); });", v.script, call), 0o600); err != nil {
				t.Fatal(err)
			}
			return v.run("node", program)
		},
	} {
		for _, protocol := range []string{"connect", "grpc-web"} {
			balance += 5
			for _, test := range []struct{ token, account, want string }{
				{token, "bob", fmt.Sprintf("%d %d bank", balance, balance)},
				{token, "ann", `PermissionDenied: you are customer "bob" of bank "bank", and may not use account "ann"`},
				{"", "bob", "Unauthenticated: this bank asks who you are"},
				{"nonsense", "bob", "Unauthenticated: the token proves nothing"},
			} {
				if told := visit(js("customer.visit", protocol, b.url(1), test.token, test.account)); !strings.HasPrefix(told, test.want) {
					t.Errorf("%s, %s, the account of %s: told %q, want %q", where, protocol, test.account, told, test.want)
				}
			}
		}
	}
}

// js returns a call in JavaScript.
func js(function string, args ...string) string {
	list, err := json.Marshal(args)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%s(...%s)", function, list)
}
