package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/protocol"
)

// proxyTimeout bounds a call that is passed on to another branch.
const proxyTimeout = peernet.DialTimeout + api.CallTimeout

// passedHeaders are those of a request that are passed on. Neither what proves who
// the caller is nor which page it comes from is the other branch's concern: this
// one has let the call in, and says in whose name it calls.
var passedHeaders = []string{
	"Accept", "Accept-Encoding", "Connect-Protocol-Version", "Connect-Timeout-Ms", "Content-Encoding", "Content-Type",
	"Grpc-Accept-Encoding", "Grpc-Encoding", "Grpc-Timeout", "Te", "User-Agent", "X-Grpc-Web", "X-User-Agent",
}

// ProxyConfig is what a Proxy is told.
type ProxyConfig struct {
	// ID is this branch.
	ID uint32
	// Addresses are host:port of every branch of the bank.
	Addresses map[uint32]string
	// Gate counts the calls that are passed on.
	Gate Gate
	// Refusals tell callers why a call can't be passed on.
	Refusals *admit.Refusals
	// Security, unless nil, says how to reach the other branches over TLS.
	Security *peernet.Security
	// MaxHeaderBytes bounds the headers of a reply.
	MaxHeaderBytes int64
	// Logger is where replies that break off are logged.
	Logger *slog.Logger
}

// Gate counts customers' calls until the branch stops, and then lets none in.
type Gate interface {
	// Enter counts one more. It reports false, and counts nothing, once the branch
	// stops.
	Enter() bool
	// Leave counts one less. Each Enter that succeeded needs one.
	Leave()
}

// Proxy passes customers' calls on to the branch that they name. It is a
// customer of that branch: a branch that is cut off from its peers is reached
// all the same. The other branch serves what is passed on itself, since no
// branch is named in it any more.
type Proxy struct {
	cfg ProxyConfig
	// transport reaches the other branches, and reverse passes calls on over it.
	transport transport
	reverse   httputil.ReverseProxy
}

// transport carries calls to other branches.
type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

// NewProxy returns a handler for the paths of api.ProxyPattern.
func NewProxy(cfg ProxyConfig) *Proxy {
	p := &Proxy{cfg: cfg, transport: newProxyTransport(cfg.MaxHeaderBytes)}
	if cfg.Security != nil {
		p.transport = peernet.NewSecured(newProxyTransport(cfg.MaxHeaderBytes), *cfg.Security)
	}
	p.reverse = httputil.ReverseProxy{
		Rewrite: rewrite, Transport: p.transport, ModifyResponse: sift, ErrorHandler: p.failed,
		// The caller is told what goes wrong, except for replies that break off.
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	return p
}

// CloseIdleConnections closes the connections to other branches that no call is on.
func (p *Proxy) CloseIdleConnections() { p.transport.CloseIdleConnections() }

// newProxyTransport is for calls that are passed on. A reply is read only as
// fast as the caller takes it, and all the large ones that may be in hand fit into
// the buffers of one connection: slow callers hold up nobody else.
func newProxyTransport(maxHeaderBytes int64) *http.Transport {
	t := peernet.NewTCP()
	t.DisableCompression = true // as the caller wants it
	t.MaxResponseHeaderBytes = maxHeaderBytes
	t.HTTP2.MaxReceiveBufferPerStream = 32 << 10
	return t
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, req *http.Request) {
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
	address, ok := p.cfg.Addresses[uint32(id)]
	if !ok || uint32(id) == p.cfg.ID {
		p.cfg.Refusals.Refuse(w, req, api.Fieldf("branch", "this bank has no branch %d", id))
		return
	}
	if by := identity.ProofOf(req.Context()).By; by != nil {
		// Another branch could otherwise have this one vouch for its word.
		p.cfg.Refusals.Refuse(w, req, code.Errorf(code.PermissionDenied, "%s calls branch %d itself, and not through this one", by, id))
		return
	}
	if !p.cfg.Gate.Enter() {
		p.cfg.Refusals.Refuse(w, req, api.ErrStopping)
		return
	}
	defer p.cfg.Gate.Leave()
	ctx, cancel := context.WithTimeout(context.WithValue(req.Context(), passedToKey{}, passedTo{id: id, address: address}), proxyTimeout)
	defer cancel()
	p.reverse.ServeHTTP(w, req.WithContext(ctx))
}

// passedTo is the branch that a call is passed on to.
type passedTo struct {
	// id is the other branch, and address its host:port.
	id      ledger.BranchID
	address string
}

// passedToKey is where a request's context has it.
type passedToKey struct{}

// rewrite makes the request that the other branch gets.
func rewrite(r *httputil.ProxyRequest) {
	to := r.In.Context().Value(passedToKey{}).(passedTo)
	header := http.Header{}
	for _, name := range passedHeaders {
		if values := r.Out.Header[name]; values != nil {
			header[name] = values
		}
	}
	identity.SetOnBehalfOf(header, identity.CallerOf(r.In.Context()))
	r.Out.Header = header
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", to.address, ""
	r.Out.URL.Path, r.Out.URL.RawPath = api.ProcedureOf(r.In.URL.Path), ""
}

// answeredHeaders are those of an answer that are passed back, besides those that begin
// with answeredPrefixes. A branch that somebody has taken over answers under this one's name
// here: it sets no cookie, lets no other origin in, and says nothing that this branch says
// itself.
var (
	answeredHeaders = map[string]bool{
		"Content-Encoding": true, "Content-Length": true, "Content-Type": true, "Date": true, "Retry-After": true, "Vary": true,
	}
	answeredPrefixes = []string{"Connect-", "Grpc-", "Trailer-"}
	// answeredTypes begin the content types of answers to calls, none of which a browser
	// runs or shows as a page.
	answeredTypes = []string{"application/json", "application/proto", "application/connect+", "application/grpc", "text/plain"}
)

// noScript keeps a browser from running anything in an answer.
const noScript = "sandbox; default-src 'none'"

// sift lets through what an answer to a call may say.
func sift(res *http.Response) error {
	kind := res.Header.Get("Content-Type")
	if !slices.ContainsFunc(answeredTypes, func(prefix string) bool { return strings.HasPrefix(kind, prefix) }) && (kind != "" || res.ContentLength != 0) {
		return fmt.Errorf("it answers with %.100q, which is no answer to a call", kind)
	}
	for _, header := range []http.Header{res.Header, res.Trailer} {
		maps.DeleteFunc(header, func(name string, _ []string) bool {
			return !answeredHeaders[name] && !slices.ContainsFunc(answeredPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		})
	}
	res.Header.Set("Content-Security-Policy", noScript)
	return nil
}

// failed tells the caller that the other branch has not answered.
func (p *Proxy) failed(w http.ResponseWriter, req *http.Request, err error) {
	to := req.Context().Value(passedToKey{}).(passedTo)
	p.cfg.Refusals.Refuse(w, req, to.unanswered(req.Context(), p.cfg.ID, err))
}

// unanswered says what it means that the other branch has not answered a call that
// branch here passed on.
func (to passedTo) unanswered(ctx context.Context, here uint32, err error) error {
	const unknown = "it is not known whether the call was carried out"
	var dialing *net.OpError
	var refused *connect.Error
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("branch %d has not answered branch %d within %v (%w): %s", to.id, here, proxyTimeout, ctx.Err(), unknown)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused): // the request has not come, or may not go on
		return refused
	case errors.As(err, &dialing) && dialing.Op == "dial":
		return &protocol.UnavailableError{Reason: fmt.Sprintf("branch %d can't be reached from branch %d: %v", to.id, here, err)}
	}
	return &protocol.UnavailableError{Reason: fmt.Sprintf("branch %d can't be reached from branch %d any more: %v: %s", to.id, here, err, unknown)}
}
