package host

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"sync"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/access"
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/audit"
	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/limit"
	"passbook.example/passbook/branch/login"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/signature"
	"passbook.example/passbook/branch/token"
	"passbook.example/passbook/customer"
)

// Security says whom the branches of a process believe.
type Security struct {
	// CertsDir is the directory of certificates; empty for none: everybody may do
	// everything.
	CertsDir string
	// Insecure says that somebody wants branches without certificates where other
	// machines reach them.
	Insecure bool
	// Plaintext lets callers in who prove nothing, in clear text too.
	Plaintext bool
	// Unsigned takes batches of other branches that nobody has signed.
	Unsigned bool
	// PeerListen is host:port where only the other branches are served; empty for the port
	// of everybody else.
	PeerListen string
	// JWKSFile and Issuer say whose tokens are believed: those signed with a key of a
	// file, or of an OpenID Connect issuer. Audience is whom they must be made for.
	JWKSFile, Issuer, Audience string
	// AuditLog is the file of the audit log, or - for stderr; empty for none.
	AuditLog string
	// Rate bounds the calls of each client in a second, Calls those at once, at each
	// branch; 0 for no bound.
	Rate  float64
	Calls int
}

// guard is the security of a bank's branches in this process.
type guard struct {
	// of is for the config of each branch; nil for a bank without certificates.
	of *branch.Security
	// folder is where the certificates are; nil without any.
	folder *certs.Folder
	// signatures sign what the branches write; nil without certificates.
	signatures *signature.Signatures
	// tokens checks tokens, and log is the audit log; nil for none.
	tokens *token.Checker
	log    *audit.Log
	// stop ends what watches over the files, and watching ends then.
	stop     context.CancelFunc
	watching sync.WaitGroup
}

// secure reads the certificates, and says what an operator should know of the choice.
func (o *Options) secure() (*guard, error) {
	g := &guard{stop: func() {}}
	s := &o.Security
	if s.Insecure {
		o.Logger.Warn("the branches serve outside this machine without certificates (--insecure): everybody who reaches one may move money, and pose as another branch")
	}
	if s.CertsDir == "" {
		return g, nil
	}
	if err := g.openLog(o); err != nil {
		return nil, err
	}
	folder, err := certs.Open(s.CertsDir, o.Bank, certs.Options{Branches: o.IDs, Logger: o.Logger, Tell: g.tellFiles})
	if err != nil {
		g.close()
		return nil, fmt.Errorf("--certs-dir: %w", err)
	}
	if s.Plaintext {
		o.Logger.Warn("whoever proves nothing is let in, in clear text too (--plaintext), until every branch of the bank has certificates: start the branches again without it then")
	}
	g.folder, g.of = folder, &branch.Security{Certificates: folder, Plain: s.Plaintext}
	g.signatures = signature.New(folder, signature.Options{Optional: s.Plaintext || s.Unsigned})
	if g.log != nil {
		g.of.Tell = g.tell
	}
	if err := g.open(o); err != nil {
		g.close()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	g.watching.Go(func() { folder.Watch(ctx) })
	return g, nil
}

// scheme begins the URLs of the branches.
func (g *guard) scheme() string {
	if g.of != nil {
		return "https://"
	}
	return "http://"
}

// openLog opens the audit log, if there is to be one.
func (g *guard) openLog(o *Options) (err error) {
	if o.Security.AuditLog == "" {
		return nil
	}
	if g.log, err = audit.Open(o.Security.AuditLog, audit.Options{Logger: o.Logger}); err != nil {
		return fmt.Errorf("--audit-log: %w", err)
	}
	return nil
}

// tellFiles writes of certificates to the audit log.
func (g *guard) tellFiles(what string, err error) {
	g.log.Write(audit.Event{Kind: audit.Certificate, What: what, Err: err})
}

// open opens what else there is to check callers with.
func (g *guard) open(o *Options) (err error) {
	s := &o.Security
	if s.JWKSFile != "" || s.Issuer != "" {
		g.tokens, err = token.Open(token.Config{Bank: o.Bank, JWKSFile: s.JWKSFile, Issuer: s.Issuer, Audience: s.Audience, Logger: o.Logger})
		if err != nil {
			return err
		}
		g.of.Tokens = g.tokens
	}
	if s.Rate > 0 || s.Calls > 0 {
		limits, err := limit.New(limit.Config{PerSecond: s.Rate, Burst: int(math.Ceil(s.Rate)), Concurrent: s.Calls})
		if err != nil {
			return err
		}
		g.of.Limits = limits
	}
	return nil
}

// tell writes of a call to the audit log.
func (g *guard) tell(b uint32, e access.Event) {
	kind := audit.Write
	switch code := api.CodeOf(e.Err); {
	case e.Procedure == login.Path:
		kind = audit.Login
	case e.Err == nil:
	case code == connect.CodePermissionDenied, code == connect.CodeUnauthenticated, code == connect.CodeResourceExhausted && e.Who != nil && e.By == nil:
		kind = audit.Refused
	}
	g.log.Write(audit.Event{Kind: kind, Branch: b, Who: e.Who, By: e.By, From: e.From, What: e.Procedure, Err: e.Err})
}

// close ends what watches over the files, and closes what is open.
func (g *guard) close() {
	g.stop()
	g.watching.Wait()
	if g.tokens != nil {
		g.tokens.Close()
	}
	_ = g.log.Close() // what it could not write it has logged
}

// Caller returns a client for calls to the branches of this process, and the URL of each.
// Where callers have to prove who they are, each call comes from the branch that it goes
// to.
func (b *Bank) Caller() (*http.Client, func(id uint32) string) {
	at := make(map[uint32]string, len(b.branches))
	ids := make(map[string]uint32, len(b.branches))
	for _, open := range b.branches {
		at[open.ID()] = open.Address()
		ids[open.Address()] = open.ID()
	}
	if b.guard.folder == nil {
		return customer.NewHTTPClient(), func(id uint32) string { return "http://" + at[id] }
	}
	transport := peernet.NewSecured(peernet.NewTCP(), b.guard.of.ToBranches(ids, func(id uint32) uint32 { return id }))
	return &http.Client{Transport: transport}, func(id uint32) string { return "https://" + at[id] }
}
