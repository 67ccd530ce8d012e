package service

import (
	"slices"
	"sync"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/session"
)

// tokens writes the sessions of replies. It remembers the last one, because all
// customers who are answered by one step of the replica have seen the same, unless
// they have sent a session themselves.
type tokens struct {
	mu sync.Mutex
	// seen is the last session, which does not change, and text how it is written.
	seen []ledger.Position
	text string
}

// of returns the token of a session.
func (t *tokens) of(seen []ledger.Position) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Equal(t.seen, seen) {
		t.seen, t.text = seen, session.Encode(seen)
	}
	return t.text
}
