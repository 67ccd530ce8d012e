package access

import (
	"crypto/tls"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
)

// Certificates say whom a certificate speaks for; package certs has the real ones.
type Certificates interface {
	// Identify returns who has proven to be at the other side of a connection, as far
	// as his certificate is still good; nil when none was given.
	Identify(state *tls.ConnectionState) (*identity.Identity, error)
}

// Tokens say whom a bearer token speaks for; package token has the real ones.
type Tokens interface {
	// Check returns whom the token speaks for, and until when.
	Check(token string) (*identity.Identity, time.Time, error)
}

// Logins say who has logged in on the page; package login has the real ones.
type Logins interface {
	// Of returns who has logged in, and how long that is good; nil for nobody.
	Of(req *http.Request) (*identity.Identity, identity.Proof, error)
}

// proof is what a call has proven.
type proof struct {
	// who calls; nil for nobody.
	who *identity.Identity
	// by is the branch that calls in his name; nil for none.
	by *identity.Identity
	// proof is how long that is good.
	identity.Proof
}

// Errors of callers who prove nothing.
var (
	errNobody = code.New(code.Unauthenticated, "this bank asks who you are: call with a client certificate (--certs-dir, curl --cert and --key), or with the header \"Authorization: Bearer TOKEN\"")
	errTwo    = code.New(code.Unauthenticated, "a branch's certificate and a token speak for two: a branch calls in a client's name with the header "+identity.OnBehalfOf)
)

func denied(format string, args ...any) error {
	return code.Errorf(code.PermissionDenied, format, args...)
}

// unproven says that a proof is none; or that this branch can't tell, as the error says.
func unproven(what string, err error) error {
	if api.CodeOf(err) == connect.CodeUnavailable {
		return err
	}
	return code.Errorf(code.Unauthenticated, "%s proves nothing: %w", what, err)
}

// prove finds out who calls. A token counts more than the certificate of the connection
// it comes on, which may be that of a gateway; and both more than a login of the page.
func (h *Handler) prove(req *http.Request) (proof, error) {
	connected, err := h.connected(req)
	if err != nil {
		return proof{}, err
	}
	if connected != nil && connected.Branch != 0 {
		return onBehalf(req, connected)
	}
	if req.Header.Get(identity.OnBehalfOf) != "" && (connected != nil || !h.cfg.Open) {
		return proof{}, denied("only a branch of this bank may call in another's name (the header %s)", identity.OnBehalfOf)
	}
	token, given, err := bearer(req)
	switch {
	case err != nil:
		return proof{}, err
	case given && h.cfg.Tokens == nil:
		return proof{}, code.New(code.Unauthenticated, "this branch takes no tokens: it was started without --jwks-file and --oidc-issuer")
	case given:
		who, until, err := h.cfg.Tokens.Check(token)
		if err != nil {
			return proof{}, unproven("the token", err)
		}
		return proof{who: who, Proof: identity.Proof{Until: until, Still: func() error {
			_, _, err := h.cfg.Tokens.Check(token)
			return err
		}}}, nil
	case connected == nil && h.cfg.Logins != nil && req.TLS != nil: // a browser sends a login over TLS alone
		who, good, err := h.cfg.Logins.Of(req)
		if err != nil {
			return proof{}, unproven("the login", err)
		}
		return proof{who: who, Proof: good}, nil
	}
	return proof{who: connected, Proof: identity.Proof{Still: func() error {
		_, err := h.cfg.Certificates.Identify(req.TLS)
		return err
	}}}, nil
}

// connected returns who is at the other side of the connection: by its certificate, or
// because it is a branch of this process.
func (h *Handler) connected(req *http.Request) (*identity.Identity, error) {
	if id := h.cfg.Neighbour(req.Context()); id != 0 {
		return &identity.Identity{Bank: h.cfg.Bank, Branch: id}, nil
	}
	if req.TLS == nil {
		return nil, nil
	}
	id, err := h.cfg.Certificates.Identify(req.TLS)
	if err != nil {
		return nil, unproven("the certificate", err)
	}
	return id, nil
}

// onBehalf returns for whom a branch calls: for itself, or for the client that it names.
func onBehalf(req *http.Request, branch *identity.Identity) (proof, error) {
	if req.Header.Get("Authorization") != "" {
		return proof{}, errTwo
	}
	who, err := identity.OnBehalf(req.Header)
	switch {
	case err != nil:
		return proof{}, denied("%s names nobody: %w", branch, err)
	case who == nil:
		return proof{who: branch}, nil
	case who.Branch != 0 || who.Bank != branch.Bank:
		return proof{}, denied("%s can't call for %s", branch, who)
	}
	return proof{who: who, by: branch, Proof: identity.Proof{By: branch}}, nil
}

// bearer returns the token of a request, if it has one.
func bearer(req *http.Request) (token string, given bool, err error) {
	values := req.Header.Values("Authorization")
	if len(values) == 0 {
		return "", false, nil
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(token) == "" {
		return "", false, code.New(code.Unauthenticated, "the header Authorization must be there once, and be \"Bearer TOKEN\"")
	}
	return strings.TrimSpace(token), true, nil
}
