// Package session writes and reads session tokens: what a customer has seen, as
// it carries that from branch to branch (Terry et al., Session Guarantees for
// Weakly Consistent Replicated Data, 1994).
package session

import (
	"encoding/base64"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Errors of Decode.
var (
	errToken = code.Field("session", "not a token that a branch has given out")
	errBank  = code.Field("session", "not a token that a branch of this bank has given out")
)

// Encode writes positions as a token: base64url of the message bank.v1.Session.
// No position is an empty token. The message is encoded by hand, since there is a token
// in each reply to a customer; a test compares it with the generated one.
func Encode(seen []ledger.Position) string {
	var message, text [256]byte // with room for those of a small bank
	b := message[:0]
	for _, p := range seen {
		b = protowire.AppendTag(b, sessionPositions, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(sizeOfField(positionBranch, uint64(p.Branch))+sizeOfField(positionSequence, p.Sequence)))
		b = appendField(b, positionBranch, uint64(p.Branch))
		b = appendField(b, positionSequence, p.Sequence)
	}
	return string(base64.RawURLEncoding.AppendEncode(text[:0], b))
}

// Field numbers of bank.v1.Session and bank.v1.Position.
const (
	sessionPositions = 1
	positionBranch   = 1
	positionSequence = 2
)

// appendField appends a field that is a number; nothing for 0.
func appendField(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

// sizeOfField returns how many bytes appendField appends.
func sizeOfField(field protowire.Number, v uint64) int {
	if v == 0 {
		return 0
	}
	return protowire.SizeTag(field) + protowire.SizeVarint(v)
}

// Decode reads a token that names at most as many positions as the bank has
// branches. It returns a [*code.Error] for anything that Encode has not written.
func Decode(token string, branches int) ([]ledger.Position, error) {
	if token == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, errToken
	}
	s := &bankv1.Session{}
	if err := proto.Unmarshal(b, s); err != nil || len(s.GetPositions()) > branches {
		return nil, errBank
	}
	seen := make([]ledger.Position, len(s.GetPositions()))
	for i, p := range s.GetPositions() {
		seen[i] = ledger.Position{Branch: ledger.BranchID(p.GetBranch()), Sequence: p.GetSequence()}
	}
	return seen, nil
}
