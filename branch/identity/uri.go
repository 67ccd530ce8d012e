package identity

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"passbook.example/passbook/branch/name"
)

// scheme begins all URIs of identities.
const scheme = "passbook"

// maxURIBytes bounds the URI of an identity.
const maxURIBytes = 4 << 10

// CheckBank reports what keeps the name of a bank from being in a certificate. A URI has
// it where others have the name of a host, so the rules for those apply.
func CheckBank(bank string) error {
	const rule = "small letters, digits, hyphens and dots between them"
	if bank == "" || len(bank) > 63 {
		return fmt.Errorf("the name of a bank that has certificates has 1 to 63 characters: %s; %q has %d bytes", rule, bank, len(bank))
	}
	for i, c := range []byte(bank) {
		inner := i > 0 && i < len(bank)-1
		if isWord := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'; !isWord && (!inner || c != '-' && c != '.') {
			return fmt.Errorf("the name of a bank that has certificates may have only %s, and %q has more", rule, bank)
		}
	}
	return nil
}

// Check reports what is wrong with the identity.
func (id *Identity) Check() error {
	if err := CheckBank(id.Bank); err != nil {
		return err
	}
	if id.Branch != 0 {
		if id.Client != "" || id.Role != 0 || len(id.Accounts) > 0 {
			return errors.New("a branch has no name, no role and no accounts")
		}
		return nil
	}
	if id.Client == "" {
		return errors.New("the identity names neither a branch nor a client")
	}
	if err := name.Check(id.Client); err != nil {
		return fmt.Errorf("the name of the client %w", err)
	}
	if id.Role < Customer || id.Role > Operator {
		return fmt.Errorf("the client has no role; there are %s", strings.Join(Roles(), ", "))
	}
	if id.Role != Customer && len(id.Accounts) > 0 {
		return fmt.Errorf("only a customer has accounts of its own, and the role is %s", id.Role)
	}
	return id.Accounts.check()
}

// URI returns the identity as a certificate carries it. There is one URI for each
// identity.
func (id *Identity) URI() *url.URL {
	u := &url.URL{Scheme: scheme, Host: id.Bank}
	if id.Branch != 0 {
		u.Path = "/branch/" + strconv.FormatUint(uint64(id.Branch), 10)
		return u
	}
	u.Path, u.RawPath = "/client/"+id.Client, "/client/"+url.PathEscape(id.Client)
	query := url.Values{"role": {id.Role.String()}}
	if len(id.Accounts) > 0 {
		query["accounts"] = id.Accounts
	}
	u.RawQuery = query.Encode()
	return u
}

// Parse returns the identity in a URI. A client whose role is not given is a customer.
// What it does not understand it refuses: a right that is misspelled would otherwise
// be no limit.
func Parse(text string) (*Identity, error) {
	if len(text) > maxURIBytes {
		return nil, fmt.Errorf("the URI of an identity has %d bytes, and %d at most", len(text), maxURIBytes)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%.200q is no URI of an identity: %w", text, err)
	}
	if u.Scheme != scheme || u.User != nil || u.Opaque != "" || u.Fragment != "" || strings.Contains(u.Host, ":") {
		return nil, fmt.Errorf("%.200q is no URI of an identity: it must be passbook://BANK/branch/ID or passbook://BANK/client/NAME?role=ROLE", text)
	}
	id := &Identity{Bank: u.Host}
	kind, rest, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	switch kind {
	case "branch":
		err = id.parseBranch(rest, u)
	case "client":
		err = id.parseClient(rest, u)
	default:
		err = fmt.Errorf("it names neither a branch nor a client")
	}
	if err == nil {
		err = id.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("%.200q is no URI of an identity: %w", text, err)
	}
	return id, nil
}

func (id *Identity) parseBranch(rest string, u *url.URL) error {
	n, err := strconv.ParseUint(rest, 10, 32)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != rest {
		return fmt.Errorf("%.50q is no id of a branch", rest)
	}
	if u.RawQuery != "" || u.ForceQuery {
		return errors.New("a branch has no role and no accounts")
	}
	id.Branch = uint32(n)
	return nil
}

func (id *Identity) parseClient(rest string, u *url.URL) error {
	if strings.Contains(rest, "/") {
		return errors.New("the name of a client has a / in it; write it as %2F")
	}
	client, err := url.PathUnescape(rest)
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return err
	}
	id.Client, id.Role = client, Customer
	for key, values := range query {
		switch {
		case key == "accounts":
			id.Accounts = values
		case key == "role" && len(values) == 1:
			if id.Role, err = ParseRole(values[0]); err != nil {
				return err
			}
		default:
			return fmt.Errorf("it has %q %d times, and may have one role, and accounts", key, len(values))
		}
	}
	return nil
}
