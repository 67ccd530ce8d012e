package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// The bounds of a set of keys.
const (
	maxSetBytes = 256 << 10
	maxKeys     = 64
)

// RSA keys are of 2,048 bits or more; fewer are weak. More than the upper bound make each
// check slow, and an exponent that is large does too.
const (
	minRSABits     = 2048
	maxRSABits     = 8192
	maxRSAExponent = 1<<31 - 1
)

// keys are the keys of an issuer. They do not change.
type keys struct {
	// all are the keys by name and algorithm. Nothing is signed with a key by another
	// algorithm than its own.
	all map[header]crypto.PublicKey
	// text is what they were read from.
	text []byte
}

// find returns the key that a token names. A token that names none has the only key of
// its algorithm.
func (k *keys) find(head header) (crypto.PublicKey, error) {
	if key, ok := k.all[head]; ok {
		return key, nil
	}
	var of []crypto.PublicKey
	for at, key := range k.all {
		if at.keyID == head.keyID && head.keyID != "" {
			return nil, fmt.Errorf("it is signed by %s (alg), and the issuer's key %q is for %s", head.algorithm, head.keyID, at.algorithm)
		}
		if at.algorithm == head.algorithm {
			of = append(of, key)
		}
	}
	switch {
	case head.keyID != "":
		return nil, wrongKey("the issuer has no key %q (kid)", head.keyID)
	case len(of) != 1:
		return nil, wrongKey("it names no key (kid), and the issuer has %d for %s (alg)", len(of), head.algorithm)
	}
	return of[0], nil
}

// jwk is a key as RFC 7517, RFC 7518 and RFC 8037 write it.
type jwk struct {
	Kind       string   `json:"kty"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	ID         string   `json:"kid"`
	Curve      string   `json:"crv"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
	N          string   `json:"n"`
	E          string   `json:"e"`
	// D is the private part, which is not to be here.
	D string `json:"d"`
}

// parseKeys reads a set of keys. A key that can't be used is left out, and skipped says
// why: issuers have keys for other purposes, too. A set without any that can is an error.
func parseKeys(text []byte) (set *keys, skipped []string, err error) {
	if len(text) > maxSetBytes {
		return nil, nil, fmt.Errorf("it has more than %d bytes", maxSetBytes)
	}
	var in struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, nil, fmt.Errorf(`it is no JSON Web Key Set, as in {"keys": [...]}: %w`, err)
	}
	if len(in.Keys) > maxKeys {
		return nil, nil, fmt.Errorf("it has %d keys, and %d at most", len(in.Keys), maxKeys)
	}
	set = &keys{all: make(map[header]crypto.PublicKey, len(in.Keys)), text: bytes.Clone(text)}
	for i, raw := range in.Keys {
		if err := set.add(raw); err != nil {
			skipped = append(skipped, fmt.Sprintf("key %d: %v", i+1, err))
		}
	}
	if len(set.all) == 0 {
		return nil, nil, fmt.Errorf("it has no key that tokens can be checked with (%s)", strings.Join(append(skipped, fmt.Sprintf("%d keys in all", len(in.Keys))), "; "))
	}
	return set, skipped, nil
}

// add adds a key.
func (k *keys) add(raw json.RawMessage) error {
	var in jwk
	if json.Unmarshal(raw, &in) != nil {
		return errors.New("it is no JSON Web Key")
	}
	if in.D != "" {
		return errors.New("it has its private part in it (d), with which anybody can make tokens: publish the public part alone, and make another key")
	}
	if in.ID != "" {
		if err := checkKeyID(in.ID); err != nil {
			return err
		}
	}
	algorithm, key, err := in.public()
	if err != nil {
		return err
	}
	if in.Algorithm != "" && in.Algorithm != algorithm {
		return fmt.Errorf("it is for %.20q (alg), and this bank takes %s with such a key", in.Algorithm, algorithm)
	}
	if in.Use != "" && in.Use != "sig" || len(in.Operations) > 0 && !slices.Contains(in.Operations, "verify") {
		return errors.New("it is not for checking signatures (use, key_ops)")
	}
	at := header{algorithm: algorithm, keyID: in.ID}
	if _, there := k.all[at]; there {
		return fmt.Errorf("a key before it has the same name (kid), %q, and is for %s too", in.ID, algorithm)
	}
	k.all[at] = key
	return nil
}

// public returns the key, and the algorithm that it is for.
func (in *jwk) public() (algorithm string, key crypto.PublicKey, err error) {
	switch {
	case in.Kind == "OKP" && in.Curve == "Ed25519":
		x, err := decode("x", in.X)
		if err == nil && len(x) != ed25519.PublicKeySize {
			err = fmt.Errorf("its x has %d bytes, and Ed25519 has %d", len(x), ed25519.PublicKeySize)
		}
		return edDSA, ed25519.PublicKey(x), err
	case in.Kind == "EC" && in.Curve == "P-256":
		key, err := in.onP256()
		return es256, key, err
	case in.Kind == "RSA":
		key, err := in.rsa()
		return rs256, key, err
	}
	return "", nil, fmt.Errorf("it is of the kind %.20q %.20q (kty, crv), and this bank takes OKP Ed25519, EC P-256, and RSA", in.Kind, in.Curve)
}

func (in *jwk) onP256() (*ecdsa.PublicKey, error) {
	const size = 32
	x, errX := decode("x", in.X)
	y, errY := decode("y", in.Y)
	if err := errors.Join(errX, errY); err != nil {
		return nil, err
	}
	if len(x) != size || len(y) != size {
		return nil, fmt.Errorf("its x and y have %d and %d bytes, and P-256 has %d each", len(x), len(y), size)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, errors.New("its x and y are no point of P-256")
	}
	return key, nil
}

func (in *jwk) rsa() (*rsa.PublicKey, error) {
	n, errN := decode("n", in.N)
	e, errE := decode("e", in.E)
	if err := errors.Join(errN, errE); err != nil {
		return nil, err
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if bits := modulus.BitLen(); bits < minRSABits || bits > maxRSABits {
		return nil, fmt.Errorf("it has %d bits, and an RSA key must have %d to %d", bits, minRSABits, maxRSABits)
	}
	if exponent.Cmp(big.NewInt(3)) < 0 || exponent.Cmp(big.NewInt(maxRSAExponent)) > 0 || exponent.Bit(0) == 0 || modulus.Bit(0) == 0 {
		return nil, errors.New("its n and e are those of no RSA key")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// decode decodes a number of a key. Some issuers pad it, against the rule.
func decode(name, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("its %s is no base64url", name)
	}
	return raw, nil
}
