package branch

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/access"
	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/login"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/secure"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Security is how a branch proves who it is, and whom it believes. Without it nobody
// proves anything, and everybody who reaches the port may do everything.
type Security struct {
	// Certificates are those of the branch, and what it judges others' by.
	Certificates Certificates
	// Plain lets callers in who prove nothing, in clear text too, as a bank without
	// certificates does. It is for the time in which a bank moves to them.
	Plain bool
	// Tokens and Limits may be nil, for none.
	Tokens access.Tokens
	Limits access.Limits
	// Tell, unless nil, is told of each call that is refused for want of a right, and of
	// each by which an operator changes something.
	Tell func(branch uint32, e access.Event)
}

// Certificates are those of a bank, as one of its machines has them. Package certs reads
// them from a folder, and again when they change.
type Certificates interface {
	// Server returns how a branch takes connections over TLS.
	Server(branch uint32) *tls.Config
	// Peer returns how a branch connects to another one, and makes sure that it is it.
	Peer(from, to uint32) *tls.Config
	// Identify returns who has proven to be at the other side of a connection, as far as
	// the certificate is still good; nil if none was given.
	Identify(state *tls.ConnectionState) (*identity.Identity, error)
	// OnChange calls f whenever there are other certificates or revocations, until stop is
	// called.
	OnChange(f func()) (stop func())
	// Expiries returns until when the certificates are good that are used here.
	Expiries() []certs.Expiry
}

// tell counts a call that was refused, and tells of each call, if anybody listens.
func (b *Branch) tell(e access.Event) {
	if e.Err != nil {
		b.refusedAccesses.Add(api.CodeOf(e.Err))
	}
	if tell := b.cfg.Security.Tell; tell != nil {
		tell(b.cfg.ID, e)
	}
}

// scheme begins the URLs of the bank's branches.
func (c *Config) scheme() string {
	if c.Security != nil {
		return "https://"
	}
	return "http://"
}

// toPeers says how the branch connects to the others.
func (c *Config) toPeers() peernet.Security {
	at := make(map[string]uint32, len(c.Addresses))
	for id, address := range c.Addresses {
		at[address] = id
	}
	return c.Security.ToBranches(at, func(uint32) uint32 { return c.ID })
}

// ToBranches says how to connect to branches by their addresses, as the branch that from
// returns for each of them.
func (s *Security) ToBranches(at map[string]uint32, from func(to uint32) uint32) peernet.Security {
	return peernet.Security{
		Optional: s.Plain,
		Proves:   func(header http.Header) bool { return header.Get(identity.OnBehalfOf) != "" },
		Branch:   func(address string) uint32 { return at[address] },
		Config:   func(to uint32) *tls.Config { return s.Certificates.Peer(from(to), to) },
	}
}

// secureTransport makes the branch's calls to others go over TLS, where it has
// certificates.
func (b *Branch) secureTransport() {
	if b.cfg.Security != nil {
		how := b.cfg.toPeers()
		how.Proven = b.proven.Note
		b.onRecheck(b.transport.Secure(b.cfg.ID, how))
	}
}

// secureListener returns the listener that the server accepts from, over TLS where there
// are certificates, and in clear text too if that is let in.
func (b *Branch) secureListener(below *admit.Connections, plain bool) net.Listener {
	s := b.cfg.Security
	if s == nil {
		return below
	}
	recheck := func(state tls.ConnectionState) error {
		_, err := s.Certificates.Identify(&state)
		return err
	}
	l := secure.NewListener(below, s.Certificates.Server(b.cfg.ID), recheck, plain)
	b.onRecheck(l.Live.Recheck)
	if b.cfg.Signatures != nil {
		b.onRecheck(b.cfg.Signatures.Recheck)
	}
	return l
}

// onRecheck makes f be called when there are other certificates, until the branch stops.
func (b *Branch) onRecheck(f func()) {
	b.unsecure = append(b.unsecure, b.cfg.Security.Certificates.OnChange(f))
}

// asked returns a handler that asks of every call who makes it, where there are
// certificates.
func (b *Branch) asked(refusals *admit.Refusals, next http.Handler) http.Handler {
	s := b.cfg.Security
	if s == nil {
		return next
	}
	return access.NewHandler(access.Config{
		Bank: b.cfg.Bank, Neighbour: peernet.CallerOf, Certificates: s.Certificates, Tokens: s.Tokens, Logins: b.logins, Limits: s.Limits,
		Port: b.portOf, Open: s.Plain, Proven: &b.proven, Refuse: refusals.Refuse, Refused: b.tell,
	}, next)
}

// newLogins returns where browsers log in; nil where nobody has to.
func (b *Branch) newLogins(refusals *admit.Refusals) *login.Logins {
	if b.cfg.Security == nil {
		return nil
	}
	l := login.New(login.Config{
		Bank: b.cfg.Bank, Branch: b.cfg.ID, Now: time.Now, Refuse: refusals.Refuse,
		Tell: func(req *http.Request, who *identity.Identity, err error) {
			b.tell(access.Event{Who: who, From: req.RemoteAddr, Procedure: login.Path, Err: err})
		},
	})
	b.onRecheck(l.Recheck)
	return l
}

// identities are what the branch knows of those who call.
type identities struct{ *login.Logins }

// Allowed implements service.Identities.
func (identities) Allowed(who *identity.Identity) []string { return access.Allowed(who) }

// certificates returns until when the branch's certificates are good, what ends first
// first.
func (b *Branch) certificates() []*bankv1.CertificateStatus {
	all := b.cfg.Security.Certificates.Expiries()
	slices.SortStableFunc(all, func(x, y certs.Expiry) int { return x.At.Compare(y.At) })
	out := make([]*bankv1.CertificateStatus, len(all))
	for i, e := range all {
		out[i] = &bankv1.CertificateStatus{File: e.File, Subject: e.Subject, ExpiresAtUnixMs: e.At.UnixMilli()}
	}
	return out
}

// denied tells of what was refused within a stream.
func (b *Branch) denied(ctx context.Context, procedure string, err error) {
	e := access.Event{Who: identity.CallerOf(ctx), Procedure: procedure, Err: err}
	if call, ok := connect.CallInfoForHandlerContext(ctx); ok {
		e.From = call.Peer().Addr
	}
	b.tell(e)
}

// noHandshake tells of a connection over TLS that has come to nothing.
func (b *Branch) noHandshake(from, why string) {
	if b.cfg.Security != nil {
		b.tell(access.Event{From: from, Procedure: "TLS handshake", Err: code.New(code.Unauthenticated, why)})
	}
}

// portOf returns which port a call came on.
func (b *Branch) portOf(ctx context.Context) access.Port {
	k := admit.ConnectionOf(ctx)
	switch {
	case b.ofPeers == nil || k == nil:
		return access.ForAll
	case k.Of(b.ofPeers):
		return access.ForBranches
	}
	return access.ForClients
}

// connection returns the context of what comes on a connection.
func (b *Branch) connection(ctx context.Context, c net.Conn) context.Context {
	return b.connections.Remember(ctx, secure.Below(c))
}
