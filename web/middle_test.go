package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// middle stands between a page and its branch, and loses answers to writes.
type middle struct {
	*httptest.Server
	branch *httputil.ReverseProxy

	mu sync.Mutex
	// lose answers the next write, once; nil passes it on.
	lose func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder)
	// writes are the bodies of the writes that were sent.
	writes []map[string]any
}

func newMiddle(t *testing.T, branch string) *middle {
	t.Helper()
	to, err := url.Parse(branch)
	if err != nil {
		t.Fatal(err)
	}
	// The page makes all calls to its own origin.
	m := &middle{branch: &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Header.Del("Origin") },
	}}
	m.Server = httptest.NewServer(m)
	t.Cleanup(func() { m.CloseClientConnections(); m.Close() })
	return m
}

// ServeHTTP implements http.Handler.
func (m *middle) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !strings.HasPrefix(req.URL.Path, "/branch/") || strings.HasSuffix(req.URL.Path, "/Query") {
		m.branch.ServeHTTP(w, req)
		return
	}
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	m.mu.Lock()
	lose := m.lose
	m.lose = nil
	write := map[string]any{}
	_ = json.Unmarshal(body, &write)
	m.writes = append(m.writes, write)
	m.mu.Unlock()
	if lose == nil {
		m.branch.ServeHTTP(w, req)
		return
	}
	lose(w, func() *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		m.branch.ServeHTTP(answer, req)
		return answer
	})
}

func (m *middle) loseNext(lose func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lose = lose
}

// sent returns the writes so far.
func (m *middle) sent() []map[string]any {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]map[string]any(nil), m.writes...)
}

// The ways to lose an answer after the write has been recorded.
var losses = map[string]func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder){
	"closed": func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder) {
		passOn()
		hangUp(w)
	},
	"cut": func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder) {
		answer := passOn()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()))
		_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	},
	"half of it": func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder) {
		answer := passOn()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	},
	"bad gateway": func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder) {
		passOn()
		http.Error(w, "<h1>502 Bad Gateway</h1>", http.StatusBadGateway)
	},
	"unavailable, says somebody": func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder) {
		passOn()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"error": "upstream"}`)
	},
	"somebody else's page": func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder) {
		passOn()
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<h1>Welcome to the hotel</h1>")
	},
	"nothing in it": func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder) {
		passOn()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	},
	"internal": func(w http.ResponseWriter, passOn func() *httptest.ResponseRecorder) {
		passOn()
		fail(w, http.StatusInternalServerError, "internal", "internal error; the branch's log has the cause")
	},
}

// hangUp closes the connection in the middle of the first line. If it did so earlier,
// the browser would send the request again by itself.
func hangUp(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 2")
	_ = conn.Close()
}

// fail answers as a failing branch does.
func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": message})
}
