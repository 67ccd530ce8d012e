package branch

import (
	"encoding/base64"

	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// encodeSession writes what a customer has seen as a token: base64url of the
// message bank.v1.Session.
func encodeSession(seen []ledger.Position) (string, error) {
	if len(seen) == 0 {
		return "", nil
	}
	s := &bankv1.Session{Positions: make([]*bankv1.Position, len(seen))}
	for i, p := range seen {
		s.Positions[i] = &bankv1.Position{Branch: uint32(p.Branch), Sequence: p.Sequence}
	}
	b, err := proto.Marshal(s)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// decodeSession reads a token that names at most branches positions. It
// returns an *InputError for anything that encodeSession did not write.
func decodeSession(token string, branches int) ([]ledger.Position, error) {
	if token == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, fieldErrorf("session", "not a token that a branch has given out")
	}
	s := &bankv1.Session{}
	if err := proto.Unmarshal(b, s); err != nil || len(s.GetPositions()) > branches {
		return nil, fieldErrorf("session", "not a token that a branch of this bank has given out")
	}
	return positionsFromProto(s.GetPositions()), nil
}
