package service

import (
	"slices"
	"sync/atomic"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/session"
)

// tokens writes the sessions of replies. It remembers the last one, because all
// customers who are answered by one step of the replica have seen the same, unless
// they have sent a session themselves.
type tokens struct{ last atomic.Pointer[written] }

// written is a session, which does not change, and how it is written.
type written struct {
	seen []ledger.Position
	text string
}

// of returns the token of a session.
func (t *tokens) of(seen []ledger.Position) string {
	last := t.last.Load()
	if last == nil || !slices.Equal(last.seen, seen) {
		last = &written{seen, session.Encode(seen)}
		t.last.Store(last)
	}
	return last.text
}
