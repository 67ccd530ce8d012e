package identity

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"passbook.example/passbook/branch/code"
)

// callerKey is where a context has the caller.
type callerKey struct{}

// caller is who makes a call, and what proves it.
type caller struct {
	*Identity
	proof Proof
}

// Proof is what proves an identity, and how long that is good.
type Proof struct {
	// By is the branch that vouches for the identity; nil for one that proves itself.
	By *Identity
	// Until is when it ends; zero if that is not known.
	Until time.Time
	// Still returns an error once it is good no more, before that; nil for a proof that
	// can't be asked again.
	Still func() error
	// OnEnd calls f as soon as it is good no more, before Until, unless stop is called
	// first; nil for a proof that ends with the connection it was given on.
	OnEnd func(f func()) (stop func() bool)
}

// WithCaller returns the context of a call that has proven to come from somebody.
func WithCaller(ctx context.Context, id *Identity, proof Proof) context.Context {
	return context.WithValue(ctx, callerKey{}, &caller{id, proof})
}

// CallerOf returns who makes a call. It is nil where nobody has to prove anything: in a
// bank without certificates, where everybody who reaches a port may do everything.
func CallerOf(ctx context.Context) *Identity {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.Identity
	}
	return nil
}

// ProofOf returns how long what proves the caller is good. It is zero where CallerOf is
// nil.
func ProofOf(ctx context.Context) Proof {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.proof
	}
	return Proof{}
}

// MayUse reports whether whoever calls may use an account.
func MayUse(ctx context.Context, account string) bool {
	id := CallerOf(ctx)
	return id == nil || id.Role != Customer || id.Accounts.Allow(account)
}

// CustomerOf returns the name under which what a call writes is recorded, and under
// which its request ids are kept; empty where nobody has to prove anything.
func CustomerOf(ctx context.Context) string {
	if id := CallerOf(ctx); id != nil {
		return id.Client
	}
	return ""
}

// OnBehalfOf is the header in which a branch that passes a client's call on to another
// branch names the client, by the URI of its identity. It counts only from a branch.
const OnBehalfOf = "Passbook-On-Behalf-Of"

// SetOnBehalfOf names in a header for whom a branch calls. It names nobody where nobody
// has to prove anything, and nobody for the calls that branches make in their own name.
func SetOnBehalfOf(header http.Header, id *Identity) {
	if id != nil && id.Branch == 0 {
		header.Set(OnBehalfOf, id.URI().String())
	}
}

// OnBehalf returns for whom a branch calls; nil for itself.
func OnBehalf(header http.Header) (*Identity, error) {
	values := header.Values(OnBehalfOf)
	switch len(values) {
	case 0:
		return nil, nil
	case 1:
		return Parse(values[0])
	}
	return nil, fmt.Errorf("the header %s is there %d times", OnBehalfOf, len(values))
}

// unprovenKey is where a context says for which branches a caller may speak who has proven
// nothing.
type unprovenKey struct{}

// WithUnproven returns the context of a call of somebody who has proven nothing, and is let in
// all the same. check returns an error for a branch that he can't be.
func WithUnproven(ctx context.Context, check func(branch uint32) error) context.Context {
	return context.WithValue(ctx, unprovenKey{}, check)
}

// CheckBranch returns an error unless whoever calls has proven to be a branch, where
// anybody has to prove anything; or may be it for all that is known, where somebody may call
// without a proof.
func CheckBranch(ctx context.Context, branch uint32) error {
	if id := CallerOf(ctx); id != nil && id.Branch != branch {
		return code.Errorf(code.PermissionDenied, "the call speaks for branch %d, and %s makes it", branch, id)
	}
	if check, ok := ctx.Value(unprovenKey{}).(func(uint32) error); ok {
		return check(branch)
	}
	return nil
}
