package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"passbook.example/passbook/branch/token"
)

// oddSigner stands in for keys of other kinds than the tests sign with.
func oddSigner(key crypto.Signer, method jwt.SigningMethod) signer { return signer{method, key, "odd"} }

// A key that tokens can't be checked with safely is left out, and the rest of the set
// counts. A set without any other is refused with the reason.
func TestKeysThatAreLeftOut(t *testing.T) {
	weak := must(rsa.GenerateKey(rand.Reader, 1024))
	text := base64.RawURLEncoding.EncodeToString
	wide := oddSigner(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), jwt.SigningMethodES384)
	huge := text(append([]byte{0x80}, make([]byte, 1024)...))
	even := text(new(big.Int).Sub(big2k.key.Public().(*rsa.PublicKey).N, big.NewInt(1)).Bytes())
	for want, key := range map[string]map[string]any{
		"it has 1024 bits":              oddSigner(weak, jwt.SigningMethodRS256).public(),
		"it has 8200 bits":              with(big2k.public(), map[string]any{"n": huge}),
		"those of no RSA key":           with(big2k.public(), map[string]any{"n": even}),
		"n and e are those of no":       with(big2k.public(), map[string]any{"e": text([]byte{1})}),
		"and e are those of no":         with(big2k.public(), map[string]any{"e": text([]byte{1, 0, 0})}),
		"e are those of no":             with(big2k.public(), map[string]any{"e": text([]byte{1, 0, 0, 0, 1})}),
		"its e is no base64url":         with(big2k.public(), map[string]any{"e": nil}),
		"its n is no base64url":         with(big2k.public(), map[string]any{"n": "!"}),
		`kind "EC" "P-384"`:             wide.public(),
		`kind "EC" "secp256k1"`:         with(ec.public(), map[string]any{"crv": "secp256k1"}),
		"no point of P-256":             with(ec.public(), map[string]any{"y": ec.public()["x"]}),
		"have 31 and 32 bytes":          with(ec.public(), map[string]any{"x": text(make([]byte, 31))}),
		`kind "OKP" "X25519"`:           with(ed.public(), map[string]any{"crv": "X25519"}),
		"its x has 33 bytes":            with(ed.public(), map[string]any{"x": text(make([]byte, 33))}),
		`kind "oct" ""`:                 {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "odd"},
		`it is for "PS256"`:             with(big2k.public(), map[string]any{"alg": "PS256"}),
		`it is for "HS256"`:             with(ed.public(), map[string]any{"alg": "HS256"}),
		"not for checking signatures":   with(ed.public(), map[string]any{"use": "enc"}),
		"for checking signatures":       with(ed.public(), map[string]any{"key_ops": []string{"sign"}}),
		"it has its private part in it": with(ed.public(), map[string]any{"d": "AAAA"}),
		"is a path or a URL":            with(ed.public(), map[string]any{"kid": "../ed"}),
		"it is no JSON Web Key":         {"kty": 1},
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		cfg := token.Config{Bank: "bank", JWKSFile: path, Audience: "passbook", Now: func() time.Time { return start }}
		write(t, path, set(key))
		if _, err := token.Open(cfg); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v: %v, want %q", key, err, want)
		}
		write(t, path, set(key, edTwo.public()))
		c := must(token.Open(cfg))
		take(t, c, edTwo.sign(good(), nil), ann)
	}
}

// The public key of one algorithm does not check signatures of another one, whatever a
// set says; keys that don't say what they are for are for the one that this bank takes.
func TestKeysThatSayLittle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	cfg := token.Config{Bank: "bank", JWKSFile: path, Audience: "passbook", Now: func() time.Time { return start }}
	bare := func(s signer) map[string]any { return with(s.public(), map[string]any{"alg": nil, "use": nil}) }
	padded := bare(ec)
	padded["x"] = padded["x"].(string) + "="
	write(t, path, set(bare(ed), padded, with(bare(big2k), map[string]any{"key_ops": []string{"verify"}}), bare(signer{ed.method, edTwo.key, "ed"})))
	c := must(token.Open(cfg))
	for _, s := range []signer{ed, ec, big2k} {
		take(t, c, s.sign(good(), nil), ann)
	}
	refuse(t, c, signer{edTwo.method, edTwo.key, "ed"}.sign(good(), nil), "not by the issuer's key") // the second of that name

	write(t, path, set(with(ed.public(), map[string]any{"kid": nil}), ec.public(), with(ec.public(), map[string]any{"kid": "more"})))
	c = must(token.Open(cfg))
	take(t, c, ed.sign(good(), map[string]any{"kid": nil}), ann)
	refuse(t, c, ed.sign(good(), nil), `no key "ed"`)
	refuse(t, c, ec.sign(good(), map[string]any{"kid": nil}), "the issuer has 2 for ES256")
}

// What is no set of keys is refused, by its size before it is read.
func TestTextsThatAreNoKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	many := make([]map[string]any, 65)
	for i := range many {
		many[i] = with(ed.public(), map[string]any{"kid": fmt.Sprint(i)})
	}
	for text, want := range map[string]string{
		"": "no JSON Web Key Set", "[]": "no JSON Web Key Set", "{}": "0 keys in all", `{"keys":[]}`: "0 keys in all", `{"keys":{}}`: "no JSON Web Key Set",
		set(ed.public())[:40]: "no JSON Web Key Set", "-----BEGIN PUBLIC KEY-----": "no JSON Web Key Set",
		set(many...):                   "65 keys, and 64 at most",
		strings.Repeat(" ", 256<<10+1): "more than 262144 bytes",
	} {
		write(t, path, text)
		if _, err := token.Open(token.Config{Bank: "bank", JWKSFile: path, Audience: "passbook"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

// A file that changes is taken up without a restart, a second later at most. Tokens by
// keys that are gone count no more, even those that were found good before. A file that
// is broken, or gone, keeps the old keys, and is logged once.
func TestAFileThatChanges(t *testing.T) {
	var log bytes.Buffer
	now := start
	path := filepath.Join(t.TempDir(), "keys.json")
	write(t, path, set(ed.public()))
	c := must(token.Open(token.Config{
		Bank: "bank", JWKSFile: path, Audience: "passbook", Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now },
	}))
	first, second := ed.sign(good(), nil), edTwo.sign(good(), nil)
	take(t, c, first, ann)
	refuse(t, c, second, `no key "ed-2"`)

	write(t, path, set(ed.public(), edTwo.public()))
	now = now.Add(time.Second)
	take(t, c, first, ann)
	take(t, c, second, ann)

	write(t, path, set(edTwo.public()))
	now = now.Add(time.Second)
	refuse(t, c, first, `no key "ed"`)
	take(t, c, second, ann)

	log.Reset()
	half := set(ed.public(), ec.public())
	for _, text := range []string{half[:len(half)/2], "", set()} {
		write(t, path, text)
		now = now.Add(time.Second)
		take(t, c, second, ann)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	take(t, c, second, ann)
	if n := strings.Count(log.String(), "can't be used"); n != 1 {
		t.Errorf("a broken file was logged %d times, want once:\n%s", n, &log)
	}

	log.Reset()
	write(t, path, half)
	now = now.Add(time.Second)
	take(t, c, first, ann)
	refuse(t, c, second, `no key "ed-2"`)
	if n := strings.Count(log.String(), "was taken up"); n != 1 {
		t.Errorf("the file that mended it was logged %d times, want once:\n%s", n, &log)
	}
	write(t, path, "again")
	now = now.Add(time.Second)
	take(t, c, first, ann)
	if n := strings.Count(log.String(), "can't be used"); n != 1 {
		t.Errorf("the next broken file was logged %d times, want once:\n%s", n, &log)
	}
}
