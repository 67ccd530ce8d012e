package session_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/session"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// A token is the message of the schema.
func TestATokenIsTheMessage(t *testing.T) {
	for _, seen := range [][]ledger.Position{
		nil,
		{{Branch: 1, Sequence: 1}},
		{{Branch: 1}, {Sequence: 1}, {}},
		{{Branch: 1<<32 - 1, Sequence: 1<<64 - 1}, {Branch: 128, Sequence: 1 << 40}},
		slices.Repeat([]ledger.Position{{Branch: 300, Sequence: 1 << 30}}, 100),
	} {
		m := &bankv1.Session{}
		for _, p := range seen {
			m.Positions = append(m.Positions, &bankv1.Position{Branch: uint32(p.Branch), Sequence: p.Sequence})
		}
		want, err := proto.Marshal(m)
		if got := session.Encode(seen); err != nil || got != base64.RawURLEncoding.EncodeToString(want) {
			t.Errorf("%v: %q is not %x, %v", seen, got, want, err)
		}
	}
}

// Whatever a customer sends as a session, it is refused with an error that
// says invalid_argument, or it is positions, no more than there are branches, that a token can carry.
func FuzzDecodeSession(f *testing.F) {
	const branches = 3
	for _, seen := range [][]ledger.Position{
		nil,
		{{Branch: 1, Sequence: 1}},
		{{Branch: 1, Sequence: 1 << 40}, {Branch: 2, Sequence: 7}, {Branch: 1<<32 - 1, Sequence: 1<<64 - 1}},
		{{Branch: 1}, {Branch: 2}, {Branch: 3}, {Branch: 4}},
	} {
		f.Add(session.Encode(seen))
	}
	for _, token := range []string{"CgQIARAB", "CgQIARAB=", "!", "\n", "AAAA", "CgQIARABCg"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		seen, err := session.Decode(token, branches)
		if err != nil {
			var refused *code.Error
			if !errors.As(err, &refused) || refused.Code() != code.InvalidArgument || refused.Field() != "session" {
				t.Errorf("%q: %v does not refuse the session", token, err)
			}
			return
		}
		if len(seen) > branches {
			t.Errorf("%q names %d positions", token, len(seen))
		}
		written := session.Encode(seen)
		again, err := session.Decode(written, branches)
		if err != nil || len(again) != len(seen) || len(seen) > 0 && !cmp.Equal(seen, again) {
			t.Errorf("%q is %v, and then %v, %v", token, seen, again, err)
		}
	})
}
