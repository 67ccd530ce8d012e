// Package web holds the page that every branch serves to browsers: static has
// the bundle, which is built from src and committed.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

// index is the file that is served at /.
const index = "index.html"

// types are the content types of the page's files, by the ends of their names:
// those of the system differ from machine to machine.
var types = map[string]string{
	".css":   "text/css; charset=utf-8",
	".html":  "text/html; charset=utf-8",
	".ico":   "image/x-icon",
	".js":    "text/javascript; charset=utf-8",
	".json":  "application/json",
	".map":   "application/json",
	".png":   "image/png",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff2": "font/woff2",
}

// policy lets the page load and call nothing but what its own origin serves,
// run nothing that stands in the HTML, and be shown in no other page. Over TLS, 'self'
// is the branch's port over TLS alone.
//
// There is no Strict-Transport-Security: it would hold for every port of the host. Others
// may serve in clear text there, and a branch that moves back from certificates as well.
// Nothing is lost without it, since a branch with certificates answers nothing in clear
// text, and browsers send the cookie of a login over TLS only.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self'",
	"style-src 'self'",
	"img-src 'self' data:",
	"font-src 'self'",
	"connect-src 'self'",
	"worker-src 'self'",
	"base-uri 'none'",
	"form-action 'none'",
	"frame-ancestors 'none'",
}, "; ")

// file is one file of the page.
type file struct {
	contentType string
	// etag is made of the content, so a browser keeps a file until it changes.
	etag    string
	content []byte
}

// Handler serves the page at /, and its files beside it. Every other path is
// not found, whatever the method.
func Handler() http.Handler {
	files, err := load(static)
	if err != nil {
		panic(err) // a test finds it
	}
	return handler(files)
}

// load reads the files below static. Their paths in the URL are those below it.
func load(from fs.FS) (map[string]file, error) {
	files := make(map[string]file)
	err := fs.WalkDir(from, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		contentType, ok := types[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s: what its content type is, is not known", name)
		}
		hash := sha256.Sum256(content)
		files[strings.TrimPrefix(name, "static")] = file{contentType: contentType, etag: fmt.Sprintf(`"%x"`, hash[:16]), content: content}
		return nil
	})
	if at, ok := files["/"+index]; ok {
		files["/"] = at
	}
	return files, err
}

// handler serves files by their paths.
type handler map[string]file

// ServeHTTP implements http.Handler.
func (h handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	if trusted(req) {
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	f, ok := h[req.URL.Path]
	if !ok {
		http.NotFound(w, req)
		return
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	header.Set("Content-Type", f.contentType)
	header.Set("Cache-Control", "no-cache") // keep it, and ask whether it has changed
	header.Set("ETag", f.etag)
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(f.content))
}

// trusted reports whether the browser trusts the origin, as on loopback or over
// HTTPS: there alone it says what it fetches a file for. Elsewhere it heeds no
// opener policy, and its console complains of one.
func trusted(req *http.Request) bool { return req.Header.Get("Sec-Fetch-Dest") != "" }
