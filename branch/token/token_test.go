package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/token"
)

// A token of each of the three algorithms speaks for a client, until shortly after it ends.
func TestTokensSpeakForClients(t *testing.T) {
	now := start
	c := open(t, &now, "")
	for _, s := range []signer{ed, ec, big2k} {
		until := take(t, c, s.sign(good(), nil), ann)
		if want := start.Add(time.Hour + 30*time.Second); !until.Equal(want) {
			t.Errorf("%s: until %v, want %v", s.id, until, want)
		}
	}
	for name, test := range map[string]struct {
		claims jwt.MapClaims
		want   *identity.Identity
	}{
		"a role":                {jwt.MapClaims{"role": "operator"}, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Operator}},
		"accounts":              {jwt.MapClaims{"accounts": []string{"ann", "shop-*"}}, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Customer, Accounts: identity.Accounts{"ann", "shop-*"}}},
		"one account":           {jwt.MapClaims{"accounts": "ann", "role": "customer"}, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Customer, Accounts: identity.Accounts{"ann"}}},
		"several audiences":     {jwt.MapClaims{"aud": []string{"other", "passbook"}}, ann},
		"no issuer, nor times":  {jwt.MapClaims{"iss": nil, "iat": nil, "nbf": nil}, ann},
		"fractions of a second": {jwt.MapClaims{"exp": float64(start.Unix()) + 60.5}, ann},
	} {
		t.Run(name, func(t *testing.T) { take(t, c, ed.sign(with(good(), test.claims), nil), test.want) })
	}
	for name, header := range map[string]map[string]any{"no type": {"typ": nil}, "of RFC 9068": {"typ": "application/at+JWT"}, "a fingerprint": {"x5t": "AAAA"}, "no key": {"kid": nil}} {
		t.Run(name, func(t *testing.T) { take(t, c, ec.sign(good(), header), ann) })
	}
}

// What the claims don't say in the right form, they don't say.
func TestWhatClaimsMustSay(t *testing.T) {
	now := start
	c := open(t, &now, "https://issuer")
	take(t, c, ed.sign(good(), nil), ann)
	long := make([]string, 65)
	for i := range long {
		long[i] = "x"
	}
	for name, test := range map[string]struct {
		claims jwt.MapClaims
		want   string
	}{
		"another audience":        {jwt.MapClaims{"aud": "other"}, `aud does not have "passbook"`},
		"a part of the audience":  {jwt.MapClaims{"aud": []string{"pass", "book", "passbook2"}}, `aud does not have "passbook"`},
		"no audience":             {jwt.MapClaims{"aud": nil}, "lacks what every token must have: the claim aud"},
		"an empty audience":       {jwt.MapClaims{"aud": []string{}}, "the claim aud"},
		"an audience of numbers":  {jwt.MapClaims{"aud": []any{1}}, "not of the kind"},
		"no end":                  {jwt.MapClaims{"exp": nil}, "the claim exp"},
		"no end, no audience":     {jwt.MapClaims{"exp": nil, "aud": nil}, "the claim exp and aud"},
		"an end of 0":             {jwt.MapClaims{"exp": 0}, "the claim exp"},
		"an end in words":         {jwt.MapClaims{"exp": "tomorrow"}, "not of the kind"},
		"an end that overflows":   {jwt.MapClaims{"exp": 1e300}, "claim exp"},
		"an end too far":          {jwt.MapClaims{"exp": 1e13}, "longer than the year 9999"},
		"an end before":           {jwt.MapClaims{"exp": -1}, "it expired at"},
		"expired":                 {jwt.MapClaims{"exp": start.Add(-30 * time.Second).Unix()}, "it expired at 2026-11-29T11:59:30Z"},
		"not yet valid":           {jwt.MapClaims{"nbf": start.Add(31 * time.Second).Unix()}, "only from 2026-11-29T12:00:31Z on"},
		"nbf in words":            {jwt.MapClaims{"nbf": "now"}, "not of the kind"},
		"issued in the future":    {jwt.MapClaims{"iat": start.Add(31 * time.Second).Unix()}, "compare the clocks"},
		"iat in words":            {jwt.MapClaims{"iat": true}, "not of the kind"},
		"another issuer":          {jwt.MapClaims{"iss": "https://issuer/"}, `iss is not "https://issuer"`},
		"no issuer":               {jwt.MapClaims{"iss": nil}, "the claim iss"},
		"issuers":                 {jwt.MapClaims{"iss": []string{"https://issuer"}}, "not of the kind"},
		"nobody":                  {jwt.MapClaims{"sub": nil}, "names no client"},
		"an empty name":           {jwt.MapClaims{"sub": ""}, "names no client"},
		"a number":                {jwt.MapClaims{"sub": 7}, "names no client"},
		"a name with a line":      {jwt.MapClaims{"sub": "ann\nbob"}, "the name of the client must have only"},
		"a long name":             {jwt.MapClaims{"sub": strings.Repeat("x", 129)}, "129 bytes"},
		"a wrong role":            {jwt.MapClaims{"role": strings.Repeat("king", 500)}, "role must be one of customer, teller"},
		"two roles":               {jwt.MapClaims{"role": []string{"teller"}}, "role must be one of"},
		"no role":                 {jwt.MapClaims{"role": ""}, "role must be one of"},
		"a role of other letters": {jwt.MapClaims{"role": "Operator"}, "role must be one of"},
		"accounts of a teller":    {jwt.MapClaims{"role": "teller", "accounts": []string{"x"}}, "only a customer has accounts"},
		"accounts as numbers":     {jwt.MapClaims{"accounts": []any{"x", 1}}, "accounts must be a list of texts"},
		"accounts as a number":    {jwt.MapClaims{"accounts": 1}, "accounts must be a list of texts"},
		"an empty account":        {jwt.MapClaims{"accounts": ""}, "an account without a name"},
		"too many accounts":       {jwt.MapClaims{"accounts": long}, "65 accounts"},
	} {
		t.Run(name, func(t *testing.T) { refuse(t, c, ed.sign(with(good(), test.claims), nil), test.want) })
	}
	// Claims are told apart by their letters: who may choose one of them, chooses no other.
	take(t, c, ed.sign(with(good(), jwt.MapClaims{"ROLE": "operator", "Sub": "bob", "Exp": 1}), nil), ann)
	null := ed.sign(good(), nil)
	head, _, _ := strings.Cut(null, ".")
	text := head + "." + base64.RawURLEncoding.EncodeToString([]byte("null"))
	refuse(t, c, text+"."+base64.RawURLEncoding.EncodeToString(must(ed.method.Sign(text, ed.key))), "lacks what every token must have")
}

// What a token says before its signature is checked can't lead to another key, algorithm
// or kind of token.
func TestHeadersThatAreRefused(t *testing.T) {
	now := start
	c := open(t, &now, "")
	for name, test := range map[string]struct {
		header map[string]any
		want   string
	}{
		"a URL of keys":             {map[string]any{"jku": "https://evil/keys"}, "(jku)"},
		"a key":                     {map[string]any{"jwk": edTwo.public()}, "(jwk)"},
		"a URL of certificates":     {map[string]any{"x5u": "https://evil"}, "(x5u)"},
		"certificates":              {map[string]any{"x5c": []string{"AAAA"}}, "(x5c)"},
		"extensions":                {map[string]any{"crit": []string{"b64"}, "b64": false}, "(crit)"},
		"no extensions":             {map[string]any{"crit": []string{}}, "(crit)"},
		"a nested token":            {map[string]any{"cty": "JWT"}, "(cty)"},
		"another type":              {map[string]any{"typ": "logout+jwt"}, "its type is"},
		"a type that is none":       {map[string]any{"typ": 1}, "typ is no text"},
		"a path":                    {map[string]any{"kid": "../../../etc/passwd"}, "is a path or a URL"},
		"an absolute path":          {map[string]any{"kid": "/dev/null"}, "is a path or a URL"},
		"a path of Windows":         {map[string]any{"kid": `c:\keys`}, "is a path or a URL"},
		"a path in percents":        {map[string]any{"kid": "%2e%2e%2fkeys"}, "is a path or a URL"},
		"a URL":                     {map[string]any{"kid": "https://evil/keys"}, "is a path or a URL"},
		"a relative path":           {map[string]any{"kid": "keys/ed"}, `no key "keys/ed"`},
		"an unknown key":            {map[string]any{"kid": "eve"}, `no key "eve"`},
		"a name with a zero":        {map[string]any{"kid": "ed\x00"}, "signs in it"},
		"a name with SQL":           {map[string]any{"kid": "ed' OR '1'='1"}, "signs in it"},
		"a long name":               {map[string]any{"kid": strings.Repeat("x", 129)}, "129 bytes"},
		"an empty name":             {map[string]any{"kid": ""}, "0 bytes"},
		"a name that is a number":   {map[string]any{"kid": 1}, "kid is no text"},
		"names":                     {map[string]any{"kid": []string{"ed"}}, "kid is no text"},
		"another key's name":        {map[string]any{"kid": "rsa"}, `key "rsa" is for RS256`},
		"no algorithm":              {map[string]any{"alg": nil}, `signed by "" (alg)`},
		"none":                      {map[string]any{"alg": "none"}, `signed by "none" (alg)`},
		"None":                      {map[string]any{"alg": "nOnE"}, `signed by "nOnE" (alg)`},
		"small letters":             {map[string]any{"alg": "eddsa"}, `signed by "eddsa" (alg)`},
		"an algorithm that is none": {map[string]any{"alg": 1}, "alg is no text"},
		"another key's algorithm":   {map[string]any{"alg": "RS256"}, `key "ed" is for EdDSA`},
	} {
		t.Run(name, func(t *testing.T) { refuse(t, c, ed.sign(good(), test.header), test.want) })
	}
}

// What nobody of the issuer has signed is refused: without a signature, with the public
// key as the secret of an HMAC, by another key, by another algorithm of the same key.
func TestSignaturesThatAreNone(t *testing.T) {
	now := start
	c := open(t, &now, "")
	parts := strings.Split(ed.sign(good(), nil), ".")
	none := jwt.NewWithClaims(jwt.SigningMethodNone, good())
	none.Header["kid"] = "ed"
	refuse(t, c, must(none.SignedString(jwt.UnsafeAllowNoneSignatureType)), `signed by "none" (alg)`)
	refuse(t, c, parts[0]+"."+parts[1]+".", "not by the issuer's key")

	der := must(x509.MarshalPKIXPublicKey(big2k.key.Public()))
	for _, secret := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), big2k.key.Public().(*rsa.PublicKey).N.Bytes()} {
		forged := jwt.NewWithClaims(jwt.SigningMethodHS256, good())
		forged.Header["kid"] = "rsa"
		refuse(t, c, must(forged.SignedString(secret)), `signed by "HS256" (alg)`)
		forged.Header["alg"] = "RS256" // signed as HS256 all the same
		refuse(t, c, must(forged.SignedString(secret)), "not by the issuer's key")
	}
	refuse(t, c, signer{edTwo.method, edTwo.key, "ed"}.sign(good(), nil), "not by the issuer's key")
	refuse(t, c, edTwo.sign(good(), map[string]any{"kid": nil}), "it names none (kid)")
	refuse(t, c, signer{jwt.SigningMethodRS512, big2k.key, "rsa"}.sign(good(), nil), `signed by "RS512" (alg)`)
	refuse(t, c, signer{jwt.SigningMethodPS256, big2k.key, "rsa"}.sign(good(), nil), `signed by "PS256" (alg)`)
	wide := signer{jwt.SigningMethodES384, must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), ec.id}
	refuse(t, c, wide.sign(good(), nil), `signed by "ES384" (alg)`)

	// Other claims under the same signature, and signatures in which a bit is flipped.
	changed := strings.Split(ed.sign(with(good(), jwt.MapClaims{"sub": "bob"}), nil), ".")
	refuse(t, c, parts[0]+"."+changed[1]+"."+parts[2], "not by the issuer's key")
	for _, s := range []signer{ed, ec, big2k} {
		text := s.sign(good(), nil)
		dot := strings.LastIndexByte(text, '.')
		sig := must(base64.RawURLEncoding.DecodeString(text[dot+1:]))
		for _, at := range []int{0, len(sig) / 2, len(sig) - 1} {
			sig[at] ^= 1
			refuse(t, c, text[:dot+1]+base64.RawURLEncoding.EncodeToString(sig), "not by the issuer's key")
			sig[at] ^= 1
		}
		take(t, c, text[:dot+1]+base64.RawURLEncoding.EncodeToString(sig), ann)
	}
}

// What is no JWT is refused, however it is broken.
func TestTextsThatAreNoTokens(t *testing.T) {
	now := start
	c := open(t, &now, "")
	whole := ed.sign(good(), nil)
	parts := strings.Split(whole, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	for text, want := range map[string]string{
		"": "three parts", "x": "three parts", "..": "no JSON object", "a.b": "three parts", whole + ".x": "three parts",
		whole + ".x.y":                                                     "encrypted (JWE)",
		"!." + parts[1] + "." + parts[2]:                                   "not base64url",
		parts[0] + "=." + parts[1] + "." + parts[2]:                        "not base64url",
		parts[0] + ".!." + parts[2]:                                        "must be base64url",
		parts[0] + "." + b64([]byte("[]")) + ".":                           "claims a JSON object",
		parts[0] + "." + b64([]byte(strings.Repeat("[", 5000))) + ".":      "claims a JSON object",
		parts[0] + "." + parts[1] + ".!":                                   "must be base64url",
		b64([]byte("[]")) + "." + parts[1] + "." + parts[2]:                "no JSON object",
		b64([]byte(`{"alg":"EdDSA"}{}`)) + "." + parts[1] + "." + parts[2]: "no JSON object",
		" " + whole: "not base64url", whole + "\n": "not base64url", parts[0] + ".\r\n" + parts[1] + "." + parts[2]: "not base64url",
		strings.Repeat("x", 8<<10+1): "8193 bytes, and 8192 at most",
	} {
		refuse(t, c, text, want)
	}
	// The last sign of a signature has bits to spare, which are to be zero.
	alphabet := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(whole) - 1
	refuse(t, c, whole[:last]+string(alphabet[strings.IndexByte(alphabet, whole[last])+1]), "must be base64url")
	// Of a token that is cut anywhere nothing is believed.
	for i := range len(whole) {
		if _, _, err := c.Check(whole[:i]); err == nil {
			t.Errorf("the first %d bytes are taken for a token", i)
		}
	}
	fill := strings.Repeat("x", 3000)
	take(t, c, ed.sign(with(good(), jwt.MapClaims{"more": fill}), nil), ann)
	refuse(t, c, ed.sign(with(good(), jwt.MapClaims{"more": fill + fill}), nil), "8192 at most")
}

// A token that was found to be good is believed from memory, and no longer than it is good.
func TestGoodTokensAreRemembered(t *testing.T) {
	now := start
	c := open(t, &now, "")
	text := big2k.sign(good(), nil)
	take(t, c, text, ann)
	if allocs := testing.AllocsPerRun(100, func() { take(t, c, text, ann) }); allocs > 1 {
		t.Errorf("a token that is known costs %v allocations, want one: its bytes, for the hash", allocs)
	}
	now = start.Add(time.Hour + 29*time.Second)
	take(t, c, text, ann)
	now = now.Add(time.Second)
	refuse(t, c, text, "it expired at 2026-11-29T13:00:00Z")
}

// A configuration that would take tokens of others, or none at all, is refused.
func TestConfigurationsThatAreRefused(t *testing.T) {
	for want, cfg := range map[string]token.Config{
		"name of a bank":         {Bank: "My Bank", Audience: "x", Issuer: "https://issuer"},
		"--token-audience":       {Bank: "bank", Issuer: "https://issuer"},
		"or --oidc-issuer":       {Bank: "bank", Audience: "x"},
		"no such file":           {Bank: "bank", Audience: "x", JWKSFile: "/nowhere/keys.json"},
		"is no regular file":     {Bank: "bank", Audience: "x", JWKSFile: "/dev/null"},
		"in clear text":          {Bank: "bank", Audience: "x", Issuer: "http://issuer.example"},
		"http://127.0.0.1.evil ": {Bank: "bank", Audience: "x", Issuer: "http://127.0.0.1.evil"},
		`"issuer" is no issuer`:  {Bank: "bank", Audience: "x", Issuer: "issuer"},
		"https://a:b@issuer":     {Bank: "bank", Audience: "x", Issuer: "https://a:b@issuer"},
		"https://issuer?x":       {Bank: "bank", Audience: "x", Issuer: "https://issuer?x"},
	} {
		if c, err := token.Open(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
			if c != nil {
				c.Close()
			}
		}
	}
}

// BenchmarkKnownToken is what each call with a token costs.
func BenchmarkKnownToken(b *testing.B) {
	t := new(testing.T)
	now := start
	path := b.TempDir() + "/keys.json"
	write(t, path, set(big2k.public()))
	c := must(token.Open(token.Config{Bank: "bank", JWKSFile: path, Audience: "passbook", Now: func() time.Time { return now }}))
	text := big2k.sign(good(), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.Check(text); err != nil {
			b.Fatal(err)
		}
	}
}
