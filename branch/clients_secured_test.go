package branch_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/token"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// counter is a bank with certificates that every tool may call: of two branches, whose shared
// account has 100. Its clients are the tellers tess, with a certificate, and tom, with a
// token; the customer cleo, who may use the shared account, and ann, who may not.
type counter struct {
	*secured
	// token is tom's.
	token string
	// keys has the key that signs tokens.
	keys string
}

func runCounter(t *testing.T) *counter {
	t.Helper()
	files := newFiles(t, 2)
	files.Client(t, "cleo", identity.Customer, "shared")
	c := &counter{secured: &secured{newBank(t, 2, 100, branchOptions{Prover: prover(t, files, "tess")}), files}, keys: t.TempDir()}
	c.script("key", c.keys, "one")
	tokens, err := token.Open(token.Config{Bank: branch.DefaultBank, JWKSFile: filepath.Join(c.keys, "keys.json"), Audience: "passbook"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tokens.Close)
	c.token = c.tokenOf(`{"aud":"passbook","sub":"tom","role":"teller"}`)
	c.options.Security = security(t, files, 2)
	c.options.Security.Tokens = tokens
	c.startAll()
	return c
}

// script runs the script of docs/security-tokens.md.
func (c *counter) script(args ...string) string {
	c.t.Helper()
	out, stderr, err := run(c.ctx, "", nil, "sh", append([]string{filepath.Join("token", "testdata", "token.sh")}, args...)...)
	if err != nil {
		c.t.Fatalf("%v: %v\n%s", args, err, stderr)
	}
	return strings.TrimSpace(out)
}

// tokenOf returns a token with these claims.
func (c *counter) tokenOf(claims string) string {
	c.t.Helper()
	return c.script("token", c.keys, "one", claims)
}

// file returns the path of a file in the folder of certificates.
func (c *counter) file(name string) string { return filepath.Join(c.files.Dir, name) }

// curl proves who calls by a certificate and by a token, over both versions of HTTP, and is
// told how to without either.
func TestCurlProvesWhoCalls(t *testing.T) {
	t.Parallel() // it waits most of the time
	curl, c := tool(t, "curl"), runCounter(t)
	url := "https://" + c.at(1).address
	call := func(args ...string) string {
		t.Helper()
		out, stderr, err := run(c.ctx, "", nil, curl, append([]string{"-sS", "--cacert", c.file("ca-branch.crt")}, args...)...)
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, stderr)
		}
		return out
	}
	post := []string{"-H", "Content-Type: application/json", "-d", `{"amount":10}`, url + branchService + "Deposit"}
	get := []string{"--get", "-d", "connect=v1", "-d", "encoding=json", "--data-urlencode", "message={}", url + branchService + "Query"}
	balance := 100
	for _, version := range []string{"1.1", "2"} {
		for _, proof := range [][]string{{"--cert", c.file("client.tess.crt"), "--key", c.file("client.tess.key")}, {"-H", "Authorization: Bearer " + c.token}} {
			balance += 10
			for _, what := range [][]string{post, get} {
				answer := call(slices.Concat([]string{"--http" + version, "-w", "\n%{http_version}"}, proof, what)...)
				answer, spoken, _ := strings.Cut(answer, "\n")
				wantJSON(t, answer, map[string]any{"balance": fmt.Sprint(balance)})
				if spoken != version {
					t.Errorf("curl spoke HTTP/%s, want %s", spoken, version)
				}
			}
		}
	}
	nobody := call(post...)
	wantJSON(t, nobody, map[string]any{"code": "unauthenticated"})
	if !strings.Contains(nobody, "curl --cert and --key") || !strings.Contains(nobody, "Authorization: Bearer TOKEN") {
		t.Errorf("without a proof: %s", nobody)
	}
	health := call("-H", "Content-Type: application/json", "-d", "{}", url+"/grpc.health.v1.Health/Check")
	wantJSON(t, health, map[string]any{"status": "SERVING_STATUS_SERVING"})
	plain, _, err := run(c.ctx, "", nil, curl, "-sS", "http://"+c.at(1).address+branchService+"Query")
	if err != nil || !strings.Contains(plain, "Client sent an HTTP request to an HTTPS server") {
		t.Errorf("in clear text: %q, %v", plain, err)
	}
}

// grpcurl proves who calls, also where it asks for the schema first, and its errors say what
// was missing.
func TestGrpcurlProvesWhoCalls(t *testing.T) {
	t.Parallel() // it waits most of the time
	grpcurl, c := tool(t, "grpcurl"), runCounter(t)
	address := c.at(1).address
	call := func(args ...string) (out, stderr string, err error) {
		return run(c.ctx, "", []string{"TOKEN=" + c.token}, grpcurl, append([]string{"-cacert", c.file("ca-branch.crt")}, args...)...)
	}
	as := func(client string, args ...string) []string {
		return append([]string{"-cert", c.file("client." + client + ".crt"), "-key", c.file("client." + client + ".key")}, args...)
	}
	deposit := []string{"-d", `{"amount":10}`, address, "bank.v1.BranchService/Deposit"}
	old := &identity.Identity{Bank: branch.DefaultBank, Client: "old", Role: identity.Teller}
	c.files.Put(t, "client.old", c.files.Clients.Sign(t, old, certstest.Between(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))))
	// A token from the environment is in no list of processes.
	token := []string{"-expand-headers", "-H", "authorization: Bearer ${TOKEN}"}
	for i, proof := range [][]string{as("tess"), token, as("cleo")} {
		out, stderr, err := call(append(proof, deposit...)...)
		if err != nil {
			t.Fatalf("%q: %v\n%s", proof, err, stderr)
		}
		wantJSON(t, out, map[string]any{"balance": fmt.Sprint(110 + 10*i)})
		out, stderr, err = call(append(proof, address, "describe", "bank.v1.DepositRequest")...)
		if err != nil || !strings.Contains(out, "int64 amount = 2;") {
			t.Errorf("%q: the schema: %s, %v\n%s", proof, out, err, stderr)
		}
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"nobody":                 {deposit, "code = Unauthenticated"},
		"another's account":      {as("ann", deposit...), `you are customer "ann" of bank "bank", and may not use account "shared"`},
		"another's role":         {as("eve", deposit...), "is for the role customer or teller"},
		"a peer's call":          {as("tess", "-d", `{"branch":2}`, address, "bank.v1.PeerService/Claim"), "only the bank's branches may call"},
		"an expired certificate": {as("old", deposit...), "Failed to dial"},
		"the clients' CA":        {append([]string{"-cacert", c.file("ca-client.crt")}, as("tess", deposit...)...), "certificate signed by unknown authority"},
		"another name":           {as("tess", append([]string{"-servername", "bank.example"}, deposit...)...), "not bank.example"},
	} {
		if _, stderr, err := call(test.args...); err == nil || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: %v, want %q, got %s", name, err, test.want, stderr)
		}
	}
	c.wantBalance(1, 130)
}

// buf curl proves who calls; for a token it also has to be told so where it asks for the schema.
func TestBufCurlProvesWhoCalls(t *testing.T) {
	t.Parallel() // it waits most of the time
	buf, c := tool(t, "buf"), runCounter(t)
	token := "Authorization: Bearer " + c.token
	schema, err := filepath.Abs(filepath.Join("..", "proto"))
	if err != nil {
		t.Fatal(err)
	}
	balance := 100
	for _, proof := range [][]string{
		{"--cert", c.file("client.tess.crt"), "--key", c.file("client.tess.key")},
		{"-H", token, "--reflect-header", "*"},
		{"-H", token, "--schema", schema},
	} {
		for _, protocol := range []string{"connect", "grpc", "grpcweb"} {
			args := slices.Concat([]string{"curl", "--cacert", c.file("ca-branch.crt"), "--protocol", protocol}, proof,
				[]string{"-d", `{"amount":10}`, "https://" + c.at(1).address + "/bank.v1.BranchService/Deposit"})
			out, stderr, err := run(c.ctx, "", []string{"BUF_CACHE_DIR=" + t.TempDir()}, buf, args...)
			if err != nil {
				t.Fatalf("%q: %v\n%s", args, err, stderr)
			}
			balance += 10
			wantJSON(t, out, map[string]any{"balance": fmt.Sprint(balance)})
		}
	}
}

// A client that speaks gRPC-Web, as those in browsers do, proves who calls over both versions
// of HTTP.
func TestGRPCWebClientProvesWhoCalls(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := runCounter(t)
	plain := prover(t, c.files, "tess")
	plain.Certificates = nil
	for version, protocols := range map[string]func(*http.Protocols, bool){"HTTP/1.1": (*http.Protocols).SetHTTP1, "HTTP/2": (*http.Protocols).SetHTTP2} {
		client := func(cfg *tls.Config, options ...connect.ClientOption) bankv1connect.BranchServiceClient {
			transport := &http.Transport{TLSClientConfig: cfg.Clone(), Protocols: new(http.Protocols)} // it changes it
			protocols(transport.Protocols, true)
			t.Cleanup(transport.CloseIdleConnections)
			return bankv1connect.NewBranchServiceClient(&http.Client{Transport: transport}, "https://"+c.at(1).address, append(options, connect.WithGRPCWeb())...)
		}
		for name, by := range map[string]bankv1connect.BranchServiceClient{
			"a certificate": client(prover(t, c.files, "cleo")), "a token": client(plain, connect.WithInterceptors(bearer(c.token))),
		} {
			if res, err := by.Query(c.ctx, &bankv1.QueryRequest{}); err != nil || res.GetBalance() != 100 {
				t.Errorf("%s, %s: %v, %v", version, name, res, err)
			}
			_, err := by.Withdraw(c.ctx, &bankv1.WithdrawRequest{Amount: 101})
			wantCode(t, err, connect.CodeFailedPrecondition)
		}
		_, err := client(prover(t, c.files, "ann")).Query(c.ctx, &bankv1.QueryRequest{})
		wantCode(t, err, connect.CodePermissionDenied)
		_, err = client(plain).Query(c.ctx, &bankv1.QueryRequest{})
		wantCode(t, err, connect.CodeUnauthenticated)
	}
}

// bearer is an interceptor that proves who calls by a token.
func bearer(token string) connect.UnaryInterceptorFunc {
	return func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			req.Header().Set("Authorization", "Bearer "+token)
			return next(ctx, req)
		}
	}
}
