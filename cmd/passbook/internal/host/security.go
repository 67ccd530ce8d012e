package host

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/peernet"
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
}

// guard is the security of a bank's branches in this process.
type guard struct {
	// of is for the config of each branch; nil for a bank without certificates.
	of *branch.Security
	// folder is where the certificates are; nil without any.
	folder *certs.Folder
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
	folder, err := certs.Open(s.CertsDir, o.Bank, certs.Options{Branches: o.IDs, Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("--certs-dir: %w", err)
	}
	if s.Plaintext {
		o.Logger.Warn("whoever proves nothing is let in, in clear text too (--plaintext), until every branch of the bank has certificates: start the branches again without it then")
	}
	g.folder, g.of = folder, &branch.Security{Certificates: folder, Plain: s.Plaintext}
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

// close ends what watches over the files.
func (g *guard) close() {
	g.stop()
	g.watching.Wait()
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
