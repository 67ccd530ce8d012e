package token

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"passbook.example/passbook/branch/identity"
)

// lastMoment is the last one that a token may name.
var lastMoment = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// newParser returns what checks signatures and the claims that every token has.
func newParser(cfg Config) *jwt.Parser {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithAudience(cfg.Audience), jwt.WithLeeway(leeway), jwt.WithTimeFunc(cfg.Now),
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	return jwt.NewParser(options...)
}

// explain says what is wrong with a token, in the words of this bank and without the
// token's own, as an error of the parser has them.
func (c *Checker) explain(head header, claims jwt.MapClaims, err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return errors.New("it is no JWT: its three parts must be base64url, and its claims a JSON object")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		if head.keyID == "" {
			return wrongKey("its signature is not by the issuer's key, and it names none (kid)")
		}
		return fmt.Errorf("its signature is not by the issuer's key %q", head.keyID)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return missing(claims, c.cfg.Issuer != "")
	case errors.Is(err, jwt.ErrTokenExpired):
		return fmt.Errorf("it expired at %s (claim exp)", moment(claims.GetExpirationTime))
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return fmt.Errorf("it is valid only from %s on (claim nbf)", moment(claims.GetNotBefore))
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return fmt.Errorf("it says that it was issued at %s (claim iat), which is yet to come: compare the clocks", moment(claims.GetIssuedAt))
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return fmt.Errorf("it is for others: its claim aud does not have %q", c.cfg.Audience)
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return fmt.Errorf("it is by another issuer: its claim iss is not %q", c.cfg.Issuer)
	}
	return errors.New("one of its claims iss, aud, exp, nbf, iat is not of the kind that it must be")
}

// wrongKey returns an error that other keys may mend.
func wrongKey(format string, args ...any) error {
	return &keyError{text: fmt.Sprintf(format, args...)}
}

// keyError says that the right key is not among those that are known.
type keyError struct{ text string }

func (e *keyError) Error() string        { return e.text }
func (e *keyError) Is(target error) bool { return target == errKey }

// missing names the claims that a token must have and has not.
func missing(claims jwt.MapClaims, needsIssuer bool) error {
	var names []string
	if at, err := claims.GetExpirationTime(); err == nil && at == nil {
		names = append(names, "exp")
	}
	if aud, err := claims.GetAudience(); err == nil && (len(aud) == 0 || len(aud) == 1 && aud[0] == "") {
		names = append(names, "aud")
	}
	if iss, err := claims.GetIssuer(); needsIssuer && err == nil && iss == "" {
		names = append(names, "iss")
	}
	return fmt.Errorf("it lacks what every token must have: the claim %s", strings.Join(names, " and "))
}

// moment returns a time that a claim names.
func moment(claim func() (*jwt.NumericDate, error)) string {
	at, err := claim()
	if err != nil || at == nil {
		return "a time that can't be read"
	}
	return at.UTC().Format(time.RFC3339)
}

// identityOf returns whom the claims speak for, and until when: as long as the token is
// believed, which is a little longer than it says.
func (c *Checker) identityOf(claims jwt.MapClaims) (*identity.Identity, time.Time, error) {
	ends, err := claims.GetExpirationTime()
	if err != nil || ends == nil || ends.After(lastMoment) {
		return nil, time.Time{}, fmt.Errorf("it is valid for longer than the year %d (claim exp)", lastMoment.Year())
	}
	client, err := claims.GetSubject()
	if err != nil || client == "" {
		return nil, time.Time{}, errors.New("it names no client (claim sub)")
	}
	role, err := roleOf(claims)
	if err != nil {
		return nil, time.Time{}, err
	}
	accounts, err := accountsOf(claims)
	if err != nil {
		return nil, time.Time{}, err
	}
	who := &identity.Identity{Bank: c.cfg.Bank, Client: client, Role: role, Accounts: accounts}
	if err := who.Check(); err != nil {
		return nil, time.Time{}, fmt.Errorf("its claims sub, role and accounts are nobody's: %w", err)
	}
	return who, ends.Add(leeway), nil
}

func roleOf(claims jwt.MapClaims) (identity.Role, error) {
	claim, there := claims["role"]
	if !there {
		return identity.Customer, nil
	}
	word, _ := claim.(string)
	role, err := identity.ParseRole(word)
	if err != nil {
		return 0, fmt.Errorf("its claim role must be one of %s", strings.Join(identity.Roles(), ", "))
	}
	return role, nil
}

// accountsOf returns the accounts that the claims name: several, or one as a text.
func accountsOf(claims jwt.MapClaims) (identity.Accounts, error) {
	switch claim := claims["accounts"].(type) {
	case nil:
		if _, there := claims["accounts"]; !there {
			return nil, nil
		}
	case string:
		return identity.Accounts{claim}, nil
	case []any:
		return texts(claim)
	}
	return nil, errAccounts
}

var errAccounts = errors.New("its claim accounts must be a list of texts, or one text")

func texts(list []any) (identity.Accounts, error) {
	var accounts identity.Accounts
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, errAccounts
		}
		accounts = append(accounts, text)
	}
	return accounts, nil
}
