package token

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The algorithms that tokens may be signed with, by their names in RFC 7518 and RFC 8037.
const (
	edDSA = "EdDSA"
	es256 = "ES256"
	rs256 = "RS256"
)

var algorithms = []string{edDSA, es256, rs256}

// maxKeyIDBytes bounds the name of a key.
const maxKeyIDBytes = 128

// header is what a token says before its signature is checked.
type header struct {
	// algorithm is one of algorithms.
	algorithm string
	// keyID names the key; empty for none.
	keyID string
}

// foreign are the parameters of a header that bring a key along, or say where one is. A
// token can't say by what it is to be believed.
var foreign = []string{"jku", "jwk", "x5u", "x5c"}

// types are those of tokens that speak for a caller: without a type, the general one, and
// that of RFC 9068. Others are for other purposes, such as to log somebody out.
var types = []string{"", "jwt", "at+jwt"}

// readHeader reads the header of a token. What it does not understand it refuses.
func readHeader(text string) (header, error) {
	switch dots := strings.Count(text, "."); dots {
	case 2:
	case 4:
		return header{}, fmt.Errorf("it is encrypted (JWE), and this bank takes signed ones")
	default:
		return header{}, fmt.Errorf("it is no JWT: that has three parts with dots between, and it has %d", dots+1)
	}
	// The decoder passes over the ends of lines, which a token does not have.
	if strings.ContainsAny(text, "\r\n") {
		return header{}, fmt.Errorf("it is no JWT: its parts are not base64url")
	}
	first, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return header{}, fmt.Errorf("it is no JWT: its header is not base64url")
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return header{}, fmt.Errorf("it is no JWT: its header is no JSON object")
	}
	return checkHeader(fields)
}

func checkHeader(fields map[string]json.RawMessage) (header, error) {
	for _, name := range foreign {
		if _, there := fields[name]; there {
			return header{}, fmt.Errorf("its header brings a key of its own (%s); only the issuer's keys count", name)
		}
	}
	if _, there := fields["crit"]; there {
		return header{}, fmt.Errorf("its header asks for extensions (crit), and this bank knows none")
	}
	words := map[string]string{}
	for _, name := range []string{"alg", "kid", "typ", "cty"} {
		var word string
		if raw, there := fields[name]; there && json.Unmarshal(raw, &word) != nil {
			return header{}, fmt.Errorf("its header's %s is no text", name)
		}
		words[name] = word
	}
	if !slices.Contains(algorithms, words["alg"]) {
		return header{}, fmt.Errorf("it is signed by %.20q (alg), and this bank takes %s", words["alg"], strings.Join(algorithms, ", "))
	}
	if typ := strings.TrimPrefix(strings.ToLower(words["typ"]), "application/"); !slices.Contains(types, typ) {
		return header{}, fmt.Errorf("its type is %.40q (typ), and a token that speaks for a caller has JWT or at+jwt", words["typ"])
	}
	if words["cty"] != "" {
		return header{}, fmt.Errorf("it has a token in it (cty), and this bank takes plain ones")
	}
	if _, there := fields["kid"]; there {
		if err := checkKeyID(words["kid"]); err != nil {
			return header{}, err
		}
	}
	return header{algorithm: words["alg"], keyID: words["kid"]}, nil
}

// checkKeyID reports what keeps a text from being the name of a key. A name is only ever
// compared. Some issuers use base64, so a / may be in it; but a path or a URL is no name.
func checkKeyID(id string) error {
	if id == "" || len(id) > maxKeyIDBytes {
		return fmt.Errorf("the name of its key (kid) has %d bytes, and must have 1 to %d", len(id), maxKeyIDBytes)
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return fmt.Errorf("the name of its key (kid) has signs in it that no name has")
		}
	}
	if id[0] == '/' || strings.Contains(id, "..") || strings.Contains(id, "//") || strings.ContainsAny(id, `\%`) {
		return fmt.Errorf("the name of its key (kid) is a path or a URL, and must be a name")
	}
	return nil
}
