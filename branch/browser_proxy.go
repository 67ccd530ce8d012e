package branch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/replica"
)

// proxyTimeout bounds a call that is passed on to another branch.
const proxyTimeout = peernet.DialTimeout + api.CallTimeout

// passedHeaders are those of a request that are passed on. Neither who the
// caller is nor which page it comes from is the other branch's concern: this
// one has let the call in.
var passedHeaders = []string{
	"Accept", "Accept-Encoding", "Connect-Protocol-Version", "Connect-Timeout-Ms", "Content-Encoding", "Content-Type",
	"Grpc-Accept-Encoding", "Grpc-Encoding", "Grpc-Timeout", "Te", "User-Agent", "X-Grpc-Web", "X-User-Agent",
}

// addressedHere returns a request that names this branch as one that names
// none, so that it is served like any other.
func (b *Branch) addressedHere(req *http.Request) *http.Request {
	id, procedure, ok := api.Addressee(req.URL.Path)
	if !ok || id != b.id {
		return req
	}
	at := *req.URL
	at.Path, at.RawPath = procedure, ""
	req = req.WithContext(req.Context())
	req.URL = &at
	return req
}

// proxy passes customers' calls on to the branch that they name. It is a
// customer of that branch: a branch that is cut off from its peers is reached
// all the same. The other branch serves what is passed on itself, since no
// branch is named in it any more.
type proxy struct {
	branch    *Branch
	refusals  *admit.Refusals
	transport *http.Transport
	reverse   httputil.ReverseProxy
}

func newProxy(b *Branch, refusals *admit.Refusals) *proxy {
	p := &proxy{branch: b, refusals: refusals, transport: newProxyTransport()}
	p.reverse = httputil.ReverseProxy{
		Rewrite: rewrite, Transport: p.transport, ModifyResponse: forgetHeaders, ErrorHandler: p.failed,
		// What goes wrong the caller is told, but for replies that break off.
		ErrorLog: slog.NewLogLogger(b.logger.Handler(), slog.LevelDebug),
	}
	return p
}

// newProxyTransport is for calls that are passed on. A reply is read only as
// fast as the caller takes it, and as many as there may be that are large fit
// in what a connection holds: slow callers hold up nobody else.
func newProxyTransport() *http.Transport {
	t := peernet.NewTCP()
	t.DisableCompression = true // as the caller wants it
	t.MaxResponseHeaderBytes = maxHeaderBytes
	t.HTTP2.MaxReceiveBufferPerStream = 32 << 10
	return t
}

// ServeHTTP is http.Handler's.
func (p *proxy) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	b := p.branch
	id, _, ok := api.Addressee(req.URL.Path)
	if !ok {
		http.NotFound(w, req)
		return
	}
	if req.Method != http.MethodPost && req.Method != http.MethodGet {
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	to := b.peers[id]
	if to == nil {
		p.refusals.Refuse(w, req, api.Fieldf("branch", "this bank has no branch %d", id))
		return
	}
	if !b.gate.Enter() {
		p.refusals.Refuse(w, req, api.ErrStopping)
		return
	}
	defer b.gate.Leave()
	ctx, cancel := context.WithTimeout(context.WithValue(req.Context(), passedToKey{}, to), proxyTimeout)
	defer cancel()
	p.reverse.ServeHTTP(w, req.WithContext(ctx))
}

// passedToKey is where a request's context has the peer that it is passed on to.
type passedToKey struct{}

// rewrite makes the request that the other branch gets.
func rewrite(r *httputil.ProxyRequest) {
	to := r.In.Context().Value(passedToKey{}).(*peer)
	header := http.Header{}
	for _, name := range passedHeaders {
		if values := r.Out.Header[name]; values != nil {
			header[name] = values
		}
	}
	r.Out.Header = header
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", to.address, ""
	r.Out.URL.Path, r.Out.URL.RawPath = api.ProcedureOf(r.In.URL.Path), ""
}

// forgetHeaders drops what this branch says itself.
func forgetHeaders(res *http.Response) error {
	res.Header.Del("Cache-Control")
	res.Header.Del("X-Content-Type-Options")
	res.Header.Del("Cross-Origin-Resource-Policy")
	return nil
}

// failed tells the caller that the other branch has not answered.
func (p *proxy) failed(w http.ResponseWriter, req *http.Request, err error) {
	to := req.Context().Value(passedToKey{}).(*peer)
	p.refusals.Refuse(w, req, to.unanswered(req.Context(), err))
}

// unanswered says what it means that a call that was passed on got no answer.
func (p *peer) unanswered(ctx context.Context, err error) error {
	const unknown = "it is not known whether the call was carried out"
	var dialing *net.OpError
	var refused *connect.Error
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("branch %d has not answered branch %d within %v (%w): %s", p.id, p.branch.id, proxyTimeout, ctx.Err(), unknown)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused): // the request has not come, or may not go on
		return refused
	case errors.As(err, &dialing) && dialing.Op == "dial":
		return &replica.UnavailableError{Reason: fmt.Sprintf("branch %d can't be reached from branch %d: %v", p.id, p.branch.id, err)}
	}
	return &replica.UnavailableError{Reason: fmt.Sprintf("branch %d can't be reached from branch %d any more: %v: %s", p.id, p.branch.id, err, unknown)}
}
