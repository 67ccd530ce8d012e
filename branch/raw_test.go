package branch_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// answer is the answer to a raw HTTP call.
type answer struct {
	status      int
	header      http.Header
	contentType string
	body        string
	json        map[string]any
}

const branchService = "/bank.v1.BranchService/"

// post makes a Connect call in JSON over HTTP/1.1, by hand.
func (b *bank) post(at uint32, procedure, body string) answer {
	b.t.Helper()
	return b.postAs(at, procedure, "application/json", []byte(body))
}

func (b *bank) postAs(at uint32, procedure, contentType string, body []byte) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, "http://"+b.at(at).address+procedure, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	return do(b.t, req)
}

// get makes a Connect GET call in JSON.
func (b *bank) get(at uint32, procedure, message string) answer {
	b.t.Helper()
	query := url.Values{"connect": {"v1"}, "encoding": {"json"}, "message": {message}}
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, "http://"+b.at(at).address+procedure+"?"+query.Encode(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return do(b.t, req)
}

// do sends a request on a connection of its own.
func do(t testing.TB, req *http.Request) answer {
	t.Helper()
	req.Close = true
	return doBy(t, http.DefaultTransport, req)
}

func doBy(t testing.TB, transport http.RoundTripper, req *http.Request) answer {
	t.Helper()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, contentType: res.Header.Get("Content-Type"), body: string(body)}
	if strings.HasPrefix(a.contentType, "application/json") {
		if err := json.Unmarshal(body, &a.json); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	return a
}

// wantError checks a Connect error in JSON: its HTTP status, its code, and
// what its text says.
func (a answer) wantError(t testing.TB, status int, code string, texts ...string) {
	t.Helper()
	if a.status != status || a.json["code"] != code {
		t.Errorf("got HTTP %d %s, want HTTP %d and code %s", a.status, a.body, status, code)
	}
	message, _ := a.json["message"].(string)
	for _, text := range texts {
		if !strings.Contains(message, text) {
			t.Errorf("text %q does not say %q", message, text)
		}
	}
}

// wantField checks a field of a JSON reply.
func (a answer) wantField(t testing.TB, name string, want any) {
	t.Helper()
	if a.status != http.StatusOK || a.json[name] != want {
		t.Errorf("got HTTP %d %s, want %s: %v", a.status, a.body, name, want)
	}
}
