// Package identity says who calls: a branch, or a client of the bank, with its role and
// the accounts that it may use. A certificate carries an identity as its one URI, a token
// has the same in its claims, and a call has it in its context.
//
//	identity.go  Identity and Role
//	uri.go       the URI in a certificate
//	accounts.go  which accounts a customer may use
//	caller.go    the identity of a call, in its context
//
// It knows names and codes of errors, and does no I/O. The form follows SPIFFE
// (https://spiffe.io), where an identity is a URI as well: anything that issues
// certificates can issue these.
package identity

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// Identity is who a certificate, a token or a session speaks for: a branch or a client
// of one bank. It does not change once it is made.
type Identity struct {
	// Bank is the name of the bank. What another bank's identity may do is nothing.
	Bank string
	// Branch is the branch that it is; 0 for a client.
	Branch uint32
	// Client is the name of the client; empty for a branch.
	Client string
	// Role is what a client may do; zero for a branch.
	Role Role
	// Accounts are those that a customer may use. Other roles don't need any.
	Accounts Accounts
}

// String names the identity in logs and errors.
func (id *Identity) String() string {
	switch {
	case id == nil:
		return "nobody"
	case id.Branch != 0:
		return fmt.Sprintf("branch %d of bank %q", id.Branch, id.Bank)
	}
	return fmt.Sprintf("%s %q of bank %q", id.Role, id.Client, id.Bank)
}

// Equal reports whether two identities are the same one, with the same rights.
func (id *Identity) Equal(o *Identity) bool {
	return id.Bank == o.Bank && id.Branch == o.Branch && id.Client == o.Client && id.Role == o.Role && slices.Equal(id.Accounts, o.Accounts)
}

// Role is what a client may do.
type Role uint8

// The roles of clients.
const (
	// Customer uses accounts of its own.
	Customer Role = iota + 1
	// Teller uses all accounts.
	Teller
	// Auditor reads everything and changes nothing.
	Auditor
	// Operator sees to the branches: their status, alarms and faults.
	Operator
)

// roles are the words of the roles.
var roles = []string{Customer: "customer", Teller: "teller", Auditor: "auditor", Operator: "operator"}

// Roles returns the words of all roles.
func Roles() []string { return slices.Clone(roles[Customer:]) }

// String returns the role's word.
func (r Role) String() string {
	if r < Customer || int(r) >= len(roles) {
		return fmt.Sprintf("role(%d)", uint8(r))
	}
	return roles[r]
}

// ParseRole returns the role of a word.
func ParseRole(word string) (Role, error) {
	if i := slices.Index(roles, word); i > 0 {
		return Role(i), nil
	}
	return 0, fmt.Errorf("%q is no role; there are %s", word, strings.Join(Roles(), ", "))
}

// OfCertificate returns the identity that a certificate carries. It has exactly one URI:
// of two, each check could believe another one. Whether the certificate is genuine is
// for the caller to check.
func OfCertificate(c *x509.Certificate) (*Identity, error) {
	if n := len(c.URIs); n != 1 {
		return nil, fmt.Errorf("the certificate carries %d URIs, where it must have one: passbook://BANK/branch/ID or passbook://BANK/client/NAME?role=ROLE", n)
	}
	return Parse(c.URIs[0].String())
}
