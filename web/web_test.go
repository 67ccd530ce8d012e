package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// page is a page that no build changes.
var page = fstest.MapFS{
	"static/index.html":     {Data: []byte("<!doctype html>")},
	"static/app.js":         {Data: []byte("let a")},
	"static/app.css":        {Data: []byte("p {}")},
	"static/icons/icon.svg": {Data: []byte("<svg/>")},
}

func ask(t *testing.T, method, target string, header http.Header) *http.Response {
	t.Helper()
	files, err := load(page)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(method, target, nil)
	for name := range header {
		req.Header.Set(name, header.Get(name))
	}
	w := httptest.NewRecorder()
	handler(files).ServeHTTP(w, req)
	return w.Result()
}

func TestFilesAreServedByPath(t *testing.T) {
	tests := map[string]struct {
		contentType string
		length      int64
	}{
		"/":               {"text/html; charset=utf-8", 15},
		"/index.html":     {"text/html; charset=utf-8", 15},
		"/app.js":         {"text/javascript; charset=utf-8", 5},
		"/app.js?again":   {"text/javascript; charset=utf-8", 5},
		"/app.css":        {"text/css; charset=utf-8", 4},
		"/icons/icon.svg": {"image/svg+xml", 6},
	}
	for target, want := range tests {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			res := ask(t, method, target, nil)
			if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != want.contentType || res.ContentLength != want.length {
				t.Errorf("%s %s: %s, %d bytes of %s", method, target, res.Status, res.ContentLength, res.Header.Get("Content-Type"))
			}
		}
	}
}

// A browser keeps a file for as long as its content is the same.
func TestAFileIsSentOnce(t *testing.T) {
	first := ask(t, http.MethodGet, "/app.js", nil)
	etag := first.Header.Get("ETag")
	if etag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q", etag, first.Header.Get("Cache-Control"))
	}
	if again := ask(t, http.MethodGet, "/app.js", http.Header{"If-None-Match": {etag}}); again.StatusCode != http.StatusNotModified {
		t.Errorf("the same: %s", again.Status)
	}
	if other := ask(t, http.MethodGet, "/app.css", http.Header{"If-None-Match": {etag}}); other.StatusCode != http.StatusOK {
		t.Errorf("another: %s", other.Status)
	}
}

func TestEverythingElseIsNotFound(t *testing.T) {
	for _, target := range []string{"/app", "/static/app.js", "/icons/", "/icons", "/..", "/bank.v1.BranchService/Deposits"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if res := ask(t, method, target, nil); res.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: %s", method, target, res.Status)
			}
		}
	}
}

func TestFilesAreOnlyRead(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		res := ask(t, method, "/", nil)
		if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, Allow %q", method, res.Status, res.Header.Get("Allow"))
		}
	}
}

func TestThePageMayLittle(t *testing.T) {
	for _, target := range []string{"/", "/app.js", "/none"} {
		if elsewhere := ask(t, http.MethodGet, target, nil).Header.Get("Cross-Origin-Opener-Policy"); elsewhere != "" {
			t.Errorf("%s: a browser that does not trust the origin is given the opener policy %q", target, elsewhere)
		}
		header := ask(t, http.MethodGet, target, http.Header{"Sec-Fetch-Dest": {"document"}}).Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", target, name, got)
			}
		}
		got := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(got+";", want+";") {
				t.Errorf("%s: the policy %q has no %q", target, got, want)
			}
		}
		if strings.Contains(got, "unsafe") || strings.Contains(got, "*") {
			t.Errorf("%s: the policy %q lets too much in", target, got)
		}
	}
}

// The embedded page can be served, and needs nothing that its policy forbids.
func TestThePageThatIsBuiltIn(t *testing.T) {
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	html := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(strings.ToLower(html), "<!doctype html>") {
		t.Fatalf("%d: %s", w.Code, html)
	}
	for _, forbidden := range []string{"<style", " style=", " onclick=", `src="http`, `href="http`} {
		if strings.Contains(html, forbidden) {
			t.Errorf("the policy forbids %q", forbidden)
		}
	}
}

func TestAFileOfUnknownTypeIsRefused(t *testing.T) {
	if _, err := load(fstest.MapFS{"static/app.wasm": {}}); err == nil {
		t.Error("nobody would know what it is")
	}
}
