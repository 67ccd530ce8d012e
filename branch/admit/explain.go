package admit

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
)

// The content types that calls mostly have.
var (
	unaryTypes  = map[string]bool{"application/proto": true, "application/json": true, "application/grpc": true, "application/grpc+proto": true, "application/grpc-web": true, "application/grpc-web+proto": true}
	streamTypes = map[string]bool{"application/connect+proto": true, "application/connect+json": true, "application/grpc": true, "application/grpc+proto": true, "application/grpc-web": true, "application/grpc-web+proto": true}
)

// explaining tells callers whom the library answers with a bare HTTP status what
// to send instead. Calls that can't end like that pass at once.
type explaining struct {
	// next serves them.
	next http.Handler
	// refusals tell them, procedures which path is which call.
	refusals   *Refusals
	procedures *procedures
}

// ServeHTTP implements http.Handler.
func (e explaining) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	p, known := e.procedures.known[req.URL.Path]
	switch types := req.Header["Content-Type"]; {
	case !known && !api.IsCall(req.URL.Path):
		e.next.ServeHTTP(w, req)
		return
	case known && req.Method == http.MethodPost && len(types) == 1 && (p.kind == unary && unaryTypes[types[0]] || p.kind != unary && req.ProtoMajor > 1 && streamTypes[types[0]]):
		p.handler.ServeHTTP(w, req)
		return
	case req.Method == http.MethodGet && p.get:
		if err := checkGet(req.URL.RawQuery); err != nil {
			e.refusals.Refuse(w, req, err)
			return
		}
	}
	e.next.ServeHTTP(&explainer{ResponseWriter: w, req: req, isUnary: known && p.kind == unary, refusals: e.refusals}, req)
}

// checkGet refuses a query that holds no message. The library says some of that
// as well, and some as if this branch had failed.
func checkGet(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return api.Inputf("the query of the URL is malformed: %v; percent-encode what it holds", err)
	}
	switch encoding := query.Get("encoding"); {
	case encoding == "":
		return api.Inputf("the query lacks encoding: add encoding=json, or encoding=proto")
	case encoding != "json" && encoding != "proto":
		return api.Inputf("encoding=%.200q is none: there are encoding=json and encoding=proto", encoding)
	case !query.Has("message"):
		return api.Inputf("the query lacks message: add message={}, percent-encoded, with the fields of the request")
	}
	switch query.Get("base64") {
	case "":
	case "1":
		// Padded or not, as the library reads it.
		decoding, message := base64.RawURLEncoding, query.Get("message")
		if len(message)%4 == 0 {
			decoding = base64.URLEncoding
		}
		if _, err := decoding.DecodeString(message); err != nil {
			return api.Inputf("the message is no base64 of the alphabet for URLs: %v", err)
		}
	default:
		return api.Inputf("base64=%.200q is neither 1 nor absent", query.Get("base64"))
	}
	return nil
}

// explainer gives a refusal without a body one that says what to send: as the
// protocol of the call has it, or else as the JSON of an error of Connect.
type explainer struct {
	http.ResponseWriter
	req *http.Request
	// isUnary says that the call takes one message and returns one.
	isUnary bool
	// refusals tell the caller.
	refusals *Refusals
	// explained says that the caller was told, and that the library's own words are
	// dropped.
	explained bool
}

// WriteHeader implements http.ResponseWriter.
func (e *explainer) WriteHeader(status int) {
	header := e.Header()
	if strings.HasPrefix(header.Get("Content-Type"), "application/") { // it says itself
		e.ResponseWriter.WriteHeader(status)
		return
	}
	err := e.why(status)
	if err == nil {
		e.ResponseWriter.WriteHeader(status)
		return
	}
	e.explained = true
	header.Del("Content-Length")
	e.refusals.explain(e.ResponseWriter, e.req, status, err)
}

// why says what is wrong with a call that is answered with a status; nil for
// other statuses.
func (e *explainer) why(status int) error {
	req, header := e.req, e.Header()
	switch status {
	case http.StatusNotFound:
		return code.Errorf(code.Unimplemented, "this branch has no call %.200s; gRPC reflection lists those that it has (grpcurl -plaintext %s list)", req.URL.Path, req.Host)
	case http.StatusMethodNotAllowed:
		return api.Inputf("%.200s is not called by %.200s but by %s: send POST with Content-Type: application/json and the request as JSON, at least {}", req.URL.Path, req.Method, header.Get("Allow"))
	case http.StatusHTTPVersionNotSupported:
		return api.Inputf("%.200s is a stream in both directions, which takes HTTP/2; curl speaks it with --http2-prior-knowledge", req.URL.Path)
	case http.StatusUnsupportedMediaType:
		return api.Inputf("%s", e.types())
	}
	return nil
}

// types says which content types a call takes.
func (e *explainer) types() string {
	got := fmt.Sprintf("this call does not take Content-Type: %.200s", e.req.Header.Get("Content-Type"))
	if e.req.Header.Get("Content-Type") == "" {
		got = "the request has no Content-Type"
	}
	switch {
	case e.req.Method == http.MethodGet:
		return "a GET has its message in the query of the URL, and no body"
	case e.isUnary:
		return got + "; send application/json (in UTF-8) or application/proto, or speak gRPC or gRPC-Web with +proto or +json"
	}
	return got + ", and is a stream; send application/connect+json or application/connect+proto with enveloped messages, or speak gRPC or gRPC-Web with +proto or +json"
}

// Write implements io.Writer.
func (e *explainer) Write(p []byte) (int, error) {
	if e.explained {
		return len(p), nil // it says less
	}
	return e.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (e *explainer) Flush() { _ = http.NewResponseController(e.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (e *explainer) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// explain answers with an HTTP status and an error. A caller who speaks a protocol
// in which the status says nothing gets the error alone.
func (r *Refusals) explain(w http.ResponseWriter, req *http.Request, status int, why error) {
	err := r.errorOf(req, why)
	inEnvelopes := strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc") || strings.HasPrefix(req.Header.Get("Content-Type"), "application/connect+")
	if inEnvelopes && status != http.StatusHTTPVersionNotSupported && r.errors.IsSupported(req) {
		_ = r.errors.Write(w, req, err)
		return
	}
	// The form that an error has in Connect.
	body, _ := json.Marshal(map[string]string{"code": connect.CodeOf(err).String(), "message": why.Error()}) // strings always have a form in JSON
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
