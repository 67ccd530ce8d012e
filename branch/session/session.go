// Package session writes and reads session tokens: what a customer has seen, as
// it carries that from branch to branch (Terry et al., Session Guarantees for
// Weakly Consistent Replicated Data, 1994).
package session

import (
	"encoding/base64"

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
// No position is an empty token.
func Encode(seen []ledger.Position) string {
	if len(seen) == 0 {
		return ""
	}
	s := &bankv1.Session{Positions: make([]*bankv1.Position, len(seen))}
	for i, p := range seen {
		s.Positions[i] = &bankv1.Position{Branch: uint32(p.Branch), Sequence: p.Sequence}
	}
	b, err := proto.Marshal(s)
	if err != nil {
		panic("a session can't be encoded: " + err.Error()) // only its text could be wrong, and it has none
	}
	return base64.RawURLEncoding.EncodeToString(b)
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
