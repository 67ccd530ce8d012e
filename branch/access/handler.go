package access

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
)

// Config is what a Handler works with.
type Config struct {
	// Bank is the name of the bank.
	Bank string
	// Neighbour returns the branch of this process that makes a call through memory; 0
	// for a call that came over the network.
	Neighbour func(context.Context) uint32
	// Certificates say whom a certificate speaks for.
	Certificates Certificates
	// Tokens say whom a bearer token speaks for; nil where none are taken.
	Tokens Tokens
	// Logins say who has logged in on the page; nil where nobody can.
	Logins Logins
	// Port returns for whom the port is that a call came on; nil where all are for everybody.
	Port func(context.Context) Port
	// Open lets callers in who prove nothing, as a bank without certificates does. Proven has
	// the branches for which nobody may speak like that; nil for none.
	Open   bool
	Proven *Proven
	// Limits bound what each client may do at once; nil for no bounds.
	Limits Limits
	// Refuse tells a caller why he is refused.
	Refuse func(w http.ResponseWriter, req *http.Request, why error)
	// Refused is told of each refusal.
	Refused func(Event)
}

// Port says for whom a port is.
type Port int

// The ports of a branch. One whose peers have a port of their own serves them there only.
const (
	ForAll Port = iota
	ForClients
	ForBranches
)

// check returns why a call is not served on the port.
func (p Port) check(procedure string, by proof) error {
	switch {
	case p == ForClients && table[procedure].roles == 0:
		return denied("%s is not served on this port: the bank's branches have one of their own", procedure)
	case p == ForBranches && by.who.Branch == 0 && by.by == nil:
		return denied("this port is for the bank's branches, and you are %s", by.who)
	}
	return nil
}

// checkUnproven returns why a call is not served on the port to somebody who proves nothing,
// where such callers are let in. The branches that have no certificates yet know nothing of a
// port for branches; and operators have theirs, or the branches would have none.
func (p Port) checkUnproven(procedure string) error {
	switch {
	case p == ForBranches:
		return code.New(code.Unauthenticated, "this port is for the bank's branches, who prove who they are by their certificates; --plaintext is for the other port")
	case table[procedure].roles == of(identity.Operator):
		return code.Errorf(code.Unauthenticated, "%s is for the role operator, who proves who he is also while others need not (--plaintext)", procedure)
	}
	return nil
}

// Limits bound the calls of each client.
type Limits interface {
	// Enter counts a call of a client until leave is called. If it may not be, it says
	// how long the client had better wait.
	Enter(client string) (leave func(), wait time.Duration, ok bool)
}

// Event is what became of a call, for those who look after the bank.
type Event struct {
	// Who called, and By the branch that called in his name; nil for nobody.
	Who, By *identity.Identity
	// From is the address that the call came from.
	From string
	// Procedure is what was called.
	Procedure string
	// Err is why it failed; nil if it did not.
	Err error
}

// Handler asks of every call who makes it, and lets those in that may make it. It does
// so before a message is read. What is no call is the page, which anybody may read: it
// shows nothing that it does not get by calls.
type Handler struct {
	cfg  Config
	next http.Handler
}

// NewHandler returns a handler that lets next serve the calls of those who may make them.
func NewHandler(cfg Config, next http.Handler) *Handler { return &Handler{cfg: cfg, next: next} }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	port := ForAll
	if h.cfg.Port != nil {
		port = h.cfg.Port(req.Context())
	}
	if !isCall(req.URL.Path) {
		if port == ForBranches {
			http.NotFound(w, req)
			return
		}
		h.next.ServeHTTP(w, req)
		return
	}
	procedure := api.ProcedureOf(req.URL.Path)
	if table[procedure].anybody {
		h.next.ServeHTTP(w, req)
		return
	}
	proven, err := h.prove(req)
	if err == nil && proven.who == nil && h.cfg.Open {
		if err = port.checkUnproven(procedure); err == nil {
			h.next.ServeHTTP(w, h.unproven(req, procedure))
			return
		}
	} else if err == nil {
		h.note(proven)
		if err = check(procedure, proven.who, proven.by); err == nil {
			err = port.check(procedure, proven)
		}
	}
	if err != nil {
		h.refuse(w, req, procedure, proven, err)
		return
	}
	ctx := identity.WithCaller(req.Context(), proven.who, proven.Proof)
	if !proven.Until.IsZero() {
		// A stream ends with the token that opened it.
		limited, cancel := context.WithDeadlineCause(ctx, proven.Until, errExpired)
		defer cancel()
		ctx = limited
	}
	if proven.OnEnd != nil {
		// And with the login.
		ending, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer proven.OnEnd(func() { cancel(errExpired) })()
		ctx = ending
	}
	if proven.who.Branch == 0 && h.cfg.Limits != nil {
		leave, wait, ok := h.cfg.Limits.Enter(proven.who.Client)
		if !ok {
			w.Header().Set("Retry-After", seconds(wait))
			h.refuse(w, req, procedure, proven, errLimited)
			return
		}
		defer leave()
	}
	h.next.ServeHTTP(w, req.WithContext(ctx))
}

// unproven returns the request of somebody who has proven nothing, and may not speak for a
// branch that has.
func (h *Handler) unproven(req *http.Request, procedure string) *http.Request {
	if h.cfg.Proven == nil || !table[procedure].branches {
		return req
	}
	return req.WithContext(identity.WithUnproven(req.Context(), h.cfg.Proven.Check))
}

// note notes a branch that has proven who it is, where others need not.
func (h *Handler) note(proven proof) {
	switch {
	case !h.cfg.Open || h.cfg.Proven == nil:
	case proven.by != nil:
		h.cfg.Proven.Note(proven.by.Branch)
	case proven.who != nil:
		h.cfg.Proven.Note(proven.who.Branch)
	}
}

func (h *Handler) refuse(w http.ResponseWriter, req *http.Request, procedure string, proven proof, why error) {
	h.cfg.Refused(Event{Who: proven.who, By: proven.by, From: req.RemoteAddr, Procedure: procedure, Err: why})
	h.cfg.Refuse(w, req, why)
}

var (
	errExpired = code.New(code.Unauthenticated, "what proved who you are has expired; prove it again")
	errLimited = code.New(code.ResourceExhausted, "you have made more calls than this branch takes from one client at a time; wait as long as Retry-After says")
)

// isCall reports whether a path leads to a service, however it is written, or to the
// metrics. A page has no dot in the name of a folder.
func isCall(path string) bool {
	service, _, below := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return api.IsCall(path) || below && strings.Contains(service, ".") || path == api.MetricsPath
}

// seconds returns a time in whole seconds, rounded up, as Retry-After has it.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
