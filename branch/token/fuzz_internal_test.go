package token

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// No text but the issuer's own is taken for a token, and none makes a check panic.
func FuzzTokens(f *testing.F) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	cfg := Config{Bank: "bank", Audience: "passbook", Now: time.Now}
	c := &Checker{cfg: cfg, parser: newParser(cfg)}
	set := &keys{all: map[header]crypto.PublicKey{{algorithm: edDSA, keyID: "ed"}: public}}
	genuine := map[string]bool{}
	for _, exp := range []any{time.Now().Add(time.Hour).Unix(), 1, 1e300, "x", nil} {
		t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"aud": "passbook", "sub": "ann", "exp": exp, "accounts": []any{"x", 1}})
		t.Header["kid"] = "ed"
		text, err := t.SignedString(private)
		if err != nil {
			f.Fatal(err)
		}
		genuine[text] = true
		f.Add(text)
	}
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("bnVsbA.bnVsbA.")
	f.Fuzz(func(t *testing.T, text string) {
		head, err := readHeader(text)
		if err != nil {
			return
		}
		if known, err := c.checkWith(set, head, text); err == nil && !genuine[text] {
			t.Errorf("%q is taken, for %v", text, known.who)
		}
	})
}

// No set of keys makes a branch panic, or has a key that is weak or slow.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"EQxeuOkEZNFM4koLVGLm2t-gQePgfyZZV3brA_FKKVk"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","key_ops":["verify"]},{"kty":"RSA","n":"_w","e":"AQAB","use":"sig"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, _, err := parseKeys(text)
		if err != nil {
			return
		}
		for at, key := range set.all {
			if key, ok := key.(*rsa.PublicKey); ok && (at.algorithm != rs256 || key.N.BitLen() < minRSABits || key.N.BitLen() > maxRSABits || key.E > maxRSAExponent) {
				t.Errorf("a key of %d bits, %d, is taken for %s", key.N.BitLen(), key.E, at.algorithm)
			}
		}
	})
}
