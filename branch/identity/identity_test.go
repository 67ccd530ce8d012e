package identity_test

import (
	"crypto/x509"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/identity"
)

// Each identity has one URI, and a URI that is none is refused whole.
func TestURIs(t *testing.T) {
	for uri, want := range map[string]*identity.Identity{
		"passbook://bank/branch/3":                            {Bank: "bank", Branch: 3},
		"passbook://my-bank.example/branch/4294967295":        {Bank: "my-bank.example", Branch: 1<<32 - 1},
		"passbook://bank/client/ann?role=teller":              {Bank: "bank", Client: "ann", Role: identity.Teller},
		"passbook://bank/client/a%2Fb%20%C3%BC?role=operator": {Bank: "bank", Client: "a/b ü", Role: identity.Operator},
		"passbook://bank/client/ann?accounts=shop-%2A&accounts=x&role=customer": {
			Bank: "bank", Client: "ann", Role: identity.Customer, Accounts: identity.Accounts{"shop-*", "x"},
		},
	} {
		got, err := identity.Parse(uri)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", uri, diff)
		}
		if again := got.URI().String(); again != uri {
			t.Errorf("%s became %s", uri, again)
		}
	}
	if got, err := identity.Parse("passbook://bank/client/ann?accounts=shop-*"); err != nil || got.Role != identity.Customer || !got.Accounts.Allow("shop-1") {
		t.Errorf("without a role, and a star as it is: %v, %v", got, err)
	}
	for _, uri := range []string{
		"", "bank", "https://bank/branch/1", "passbook://bank", "passbook:bank/branch/1", "passbook://bank/branch/0", "passbook://bank/branch/01",
		"passbook://bank/branch/+1", "passbook://bank/branch/4294967296", "passbook://bank/branch/1/2", "passbook://bank/branch/1?role=teller",
		"passbook://bank/branch/1?", "passbook://bank/branch/1#x", "passbook://x@bank/branch/1", "passbook://bank:1/branch/1", "passbook:///branch/1",
		"passbook://Bank/branch/1", "passbook://-bank/branch/1", "passbook://bank./branch/1", "passbook://ba%20nk/branch/1",
		"passbook://bank/client/", "passbook://bank/client/a/b", "passbook://bank/client/%00", "passbook://bank/client/ann?role=king",
		"passbook://bank/client/ann?role=teller&role=operator", "passbook://bank/client/ann?role=teller&accounts=x", "passbook://bank/client/ann?acounts=x",
		"passbook://bank/client/ann?accounts=", "passbook://bank/client/ann?accounts=%E2%80%8B", "passbook://bank/customer/ann",
		"passbook://bank/client/ann?accounts=" + strings.Repeat("x&accounts=", 64) + "y", "passbook://bank/client/" + strings.Repeat("x", 5000),
	} {
		if id, err := identity.Parse(uri); err == nil {
			t.Errorf("%.80q is taken for %v", uri, id)
		}
	}
}

// A certificate speaks for one, by exactly one URI.
func TestACertificateHasOneURI(t *testing.T) {
	one, two := &url.URL{Scheme: "passbook", Host: "bank", Path: "/branch/1"}, &url.URL{Scheme: "passbook", Host: "bank", Path: "/branch/2"}
	if id, err := identity.OfCertificate(&x509.Certificate{URIs: []*url.URL{two}}); err != nil || id.Branch != 2 {
		t.Errorf("got %v, %v", id, err)
	}
	for _, uris := range [][]*url.URL{nil, {one, two}, {one, one}} {
		if id, err := identity.OfCertificate(&x509.Certificate{URIs: uris}); err == nil {
			t.Errorf("%v speaks for %v", uris, id)
		}
	}
}

func TestAccountsOfACustomer(t *testing.T) {
	a := identity.Accounts{"shop-*", "ann"}
	for account, want := range map[string]bool{"shop-": true, "shop-1": true, "ann": true, "anna": false, "shop": false, "shared": false, "shop-*": true} {
		if a.Allow(account) != want {
			t.Errorf("%q: %v", account, !want)
		}
	}
	if (identity.Accounts{}).Allow("") || !(identity.Accounts{"*"}).Allow("x") {
		t.Error("nothing allows all, or everything allows none")
	}
}

// Where nobody has to prove anything, everybody may use everything; a customer may use
// its own accounts.
func TestWhatACallerMayUse(t *testing.T) {
	ctx := t.Context()
	if !identity.MayUse(ctx, "x") || identity.CallerOf(ctx) != nil || identity.CustomerOf(ctx) != "" {
		t.Error("somebody calls")
	}
	for role, want := range map[identity.Role]bool{identity.Customer: false, identity.Teller: true, identity.Auditor: true} {
		id := &identity.Identity{Bank: "bank", Client: "ann", Role: role}
		ctx := identity.WithCaller(ctx, id, identity.Proof{})
		if identity.MayUse(ctx, "x") != want || identity.CallerOf(ctx) != id || identity.CustomerOf(ctx) != "ann" {
			t.Errorf("%s: %v", role, !want)
		}
	}
}
