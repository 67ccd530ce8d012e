package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"passbook.example/passbook/branch/access"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/token"
)

// A Checker says whom tokens speak for.
var _ access.Tokens = (*token.Checker)(nil)

// signer makes tokens with one key.
type signer struct {
	method jwt.SigningMethod
	key    crypto.Signer
	id     string
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The keys of the tests, one of each kind, and another one of a kind.
var (
	ed    = signer{jwt.SigningMethodEdDSA, edKey(), "ed"}
	edTwo = signer{jwt.SigningMethodEdDSA, edKey(), "ed-2"}
	ec    = signer{jwt.SigningMethodES256, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), "ec/+="}
	big2k = signer{jwt.SigningMethodRS256, must(rsa.GenerateKey(rand.Reader, 2048)), "rsa"}
)

func edKey() crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

// sign returns a token with some claims, and changes of the header.
func (s signer) sign(claims jwt.MapClaims, header map[string]any) string {
	t := jwt.NewWithClaims(s.method, claims)
	t.Header["kid"] = s.id
	for name, value := range header {
		if t.Header[name] = value; value == nil {
			delete(t.Header, name)
		}
	}
	return must(t.SignedString(s.key))
}

// public returns the public part as a JSON Web Key.
func (s signer) public() map[string]any {
	text := base64.RawURLEncoding.EncodeToString
	jwk := map[string]any{"kid": s.id, "use": "sig", "alg": s.method.Alg()}
	switch key := s.key.Public().(type) {
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", text(key)
	case *ecdsa.PublicKey:
		point := must(key.Bytes())
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", key.Params().Name, text(point[1:1+len(point)/2]), text(point[1+len(point)/2:])
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", text(key.N.Bytes()), text(big.NewInt(int64(key.E)).Bytes())
	}
	return jwk
}

// set returns a set of keys.
func set(all ...map[string]any) string {
	return string(must(json.Marshal(map[string]any{"keys": all})))
}

// with returns a copy of a key, or of claims, with changes; nil takes one away.
func with[M ~map[string]any](m M, changes M) M {
	out := M{}
	for name, value := range m {
		out[name] = value
	}
	for name, value := range changes {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// start is the time of the tests.
var start = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// good are the claims of a good token at that time.
func good() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": "https://issuer", "aud": "passbook", "sub": "ann",
		"iat": start.Unix(), "nbf": start.Unix(), "exp": start.Add(time.Hour).Unix(),
	}
}

// write writes a file of keys, in place of the one before.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// open returns a checker with the keys of the tests, at a time that moves with *now.
func open(t *testing.T, now *time.Time, issuer string) *token.Checker {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	write(t, path, set(ed.public(), ec.public(), big2k.public()))
	c, err := token.Open(token.Config{Bank: "bank", JWKSFile: path, Issuer: issuer, Audience: "passbook", Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// refuse makes sure that a token is refused with some words, and not repeated.
func refuse(t *testing.T, c *token.Checker, text, want string) {
	t.Helper()
	id, _, err := c.Check(text)
	if err == nil {
		t.Errorf("it is taken, for %v; want %q", id, want)
		return
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("refused with %q, want %q", err, want)
	}
	for part := range strings.SplitSeq(text, ".") {
		if len(part) > 20 && strings.Contains(err.Error(), part) {
			t.Errorf("the error repeats the token: %v", err)
		}
	}
	if len(err.Error()) > 600 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

// take makes sure that a token speaks for somebody.
func take(t *testing.T, c *token.Checker, text string, want *identity.Identity) time.Time {
	t.Helper()
	id, until, err := c.Check(text)
	if err != nil {
		t.Errorf("refused: %v", err)
	} else if !id.Equal(want) {
		t.Errorf("it speaks for %+v, want %+v", id, want)
	}
	return until
}

var ann = &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Customer}
