package service

import (
	"context"
	"time"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Identities are what a branch knows of those who call, where they have to prove who they
// are.
type Identities interface {
	// Allowed returns the procedures that somebody may call.
	Allowed(who *identity.Identity) []string
	// Code returns a code with which somebody can log in once, and until when.
	Code(who *identity.Identity, proof identity.Proof) (text string, until time.Time, err error)
}

// loginPage is where a browser logs in: it does not send what stands behind the #, and the
// page sends it by POST.
const loginPage = "/#login="

var errOpen = code.New(code.FailedPrecondition, "this bank has no certificates, so its page is open to everybody who reaches it: open the address of the branch")

// GetIdentity implements BranchServiceHandler.
func (c *Customers) GetIdentity(ctx context.Context, _ *bankv1.GetIdentityRequest) (*bankv1.GetIdentityResponse, error) {
	who := identity.CallerOf(ctx)
	if who == nil {
		return &bankv1.GetIdentityResponse{}, nil
	}
	out := &bankv1.GetIdentityResponse{
		Secured: true, Client: who.Client, Role: who.Role.String(), Accounts: who.Accounts, Procedures: c.cfg.Identities.Allowed(who),
	}
	if until := identity.ProofOf(ctx).Until; !until.IsZero() {
		out.UntilUnixMs = until.UnixMilli()
	}
	return out, nil
}

// OpenDashboard implements BranchServiceHandler.
func (c *Customers) OpenDashboard(ctx context.Context, _ *bankv1.OpenDashboardRequest) (*bankv1.OpenDashboardResponse, error) {
	who := identity.CallerOf(ctx)
	if who == nil {
		return nil, errOpen
	}
	text, until, err := c.cfg.Identities.Code(who, identity.ProofOf(ctx))
	if err != nil {
		return nil, err
	}
	return &bankv1.OpenDashboardResponse{Code: text, UntilUnixMs: until.UnixMilli(), Path: loginPage + text}, nil
}
