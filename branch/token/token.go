package token

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
)

// maxBytes bounds a token.
const maxBytes = 8 << 10

// leeway is by how much the clocks of the issuer and of this branch may differ.
const leeway = 30 * time.Second

// Config is what a Checker works with.
type Config struct {
	// Bank is the name of the bank whose identities the tokens carry.
	Bank string
	// JWKSFile is the file with the keys that tokens are signed with, as a JSON Web Key
	// Set (RFC 7517). It is read again when it changes.
	JWKSFile string
	// Issuer is who issues the tokens: their claim iss. Without JWKSFile it is the URL of
	// an OpenID provider, whose keys are fetched. With JWKSFile it may be empty: then the
	// claim is not looked at.
	Issuer string
	// Audience is what the claim aud must contain, so that a token which was made for
	// somebody else is none for this bank.
	Audience string
	// Roots are the certificates that the issuer's must lead to; nil for the system's.
	Roots *x509.CertPool
	// Logger gets what goes wrong with keys; nil for nowhere.
	Logger *slog.Logger
	// Now returns the time; nil for time.Now.
	Now func() time.Time
}

// Checker checks tokens. Its methods may be called at the same time.
type Checker struct {
	cfg    Config
	source source
	parser *jwt.Parser
	cache  cache
}

// source is where keys come from.
type source interface {
	// current returns the keys as far as they are known.
	current() (*keys, error)
	// newer returns the keys that there are instead of some in which one is missing, and
	// the same ones if there are no others.
	newer(than *keys) *keys
	close()
}

// ErrNoKeys says that no token can be checked at the moment, for want of the issuer's keys.
var ErrNoKeys = code.New(code.Unavailable, "the keys of the tokens' issuer can't be fetched, so no token can be checked; try again, and look into this branch's log")

// Open returns a Checker. It fails if the configuration is not complete, or a file of keys
// can't be used. It does not wait for an issuer: until that has been reached, tokens are
// refused with ErrNoKeys.
func Open(cfg Config) (*Checker, error) {
	if err := identity.CheckBank(cfg.Bank); err != nil {
		return nil, err
	}
	if cfg.Audience == "" {
		return nil, errors.New("tokens need an audience, by which this bank knows those that are for it: give --token-audience")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Checker{cfg: cfg, parser: newParser(cfg), cache: cache{most: maxGeneration}}
	var err error
	switch {
	case cfg.JWKSFile != "":
		c.source, err = openFile(cfg)
	case cfg.Issuer != "":
		c.source, err = openIssuer(cfg)
	default:
		err = errors.New("tokens need the keys that they are signed with: give --jwks-file or --oidc-issuer")
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close ends what fetches keys.
func (c *Checker) Close() { c.source.close() }

// Check returns whom a token speaks for, and until when. The error says what is wrong with
// the token, and does not repeat it.
func (c *Checker) Check(text string) (*identity.Identity, time.Time, error) {
	if len(text) > maxBytes {
		return nil, time.Time{}, fmt.Errorf("it has %d bytes, and %d at most", len(text), maxBytes)
	}
	set, err := c.source.current()
	if err != nil {
		return nil, time.Time{}, err
	}
	sum := sha256.Sum256([]byte(text))
	if known := c.cache.find(sum, set, c.cfg.Now()); known != nil {
		return known.who, known.until, nil
	}
	known, err := c.check(text, set)
	if err != nil {
		return nil, time.Time{}, err
	}
	c.cache.add(sum, known)
	return known.who, known.until, nil
}

// check checks a token that it does not know yet. If its key is missing, it looks for
// newer keys, once.
func (c *Checker) check(text string, set *keys) (*checked, error) {
	head, err := readHeader(text)
	if err != nil {
		return nil, err
	}
	known, err := c.checkWith(set, head, text)
	if !errors.Is(err, errKey) {
		return known, err
	}
	newer := c.source.newer(set)
	if newer == set {
		return nil, err
	}
	return c.checkWith(newer, head, text)
}

// errKey marks what other keys may mend.
var errKey = errors.New("the key is missing")

// checkWith checks a token with the keys of a set.
func (c *Checker) checkWith(set *keys, head header, text string) (*checked, error) {
	key, err := set.find(head)
	if err != nil {
		return nil, err
	}
	claims := jwt.MapClaims{}
	_, err = c.parser.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return key, nil })
	if err != nil {
		return nil, c.explain(head, claims, err)
	}
	who, until, err := c.identityOf(claims)
	if err != nil {
		return nil, err
	}
	return &checked{who: who, until: until, by: set}, nil
}
