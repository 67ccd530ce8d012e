package admit

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// errorsEvery is how often connections that were given up are logged, at most: everybody
// who reaches the port can make one.
const errorsEvery = 10 * time.Second

// handshakeError begins what package net/http says of a connection whose TLS handshake has
// failed. The address of the other side follows, and the error.
const handshakeError = "http: TLS handshake error from "

// ServerErrors takes what package net/http says about connections, and logs it. Each has a
// text of its own, with the caller's port: as an attribute it doesn't keep a log from seeing
// that the line is the same again.
type ServerErrors struct {
	// Logger is where it logs.
	Logger *slog.Logger
	// Now tells the time.
	Now func() time.Time
	// Handshake is told of each TLS handshake that fails: from where, and why.
	Handshake func(from, why string)

	mu sync.Mutex
	// loggedAt is when the last was logged, left how many were not since.
	loggedAt time.Time
	left     int
}

// Write implements io.Writer, for a log.Logger.
func (e *ServerErrors) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	if rest, ok := strings.CutPrefix(text, handshakeError); ok {
		from, why, _ := strings.Cut(rest, ": ")
		e.Handshake(from, why)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.Now()
	if !e.loggedAt.IsZero() && now.Sub(e.loggedAt) < errorsEvery {
		e.left++
		return len(p), nil
	}
	args := []any{"error", text}
	if e.left > 0 {
		args = append(args, "more", e.left)
	}
	e.Logger.Warn("a connection was given up", args...)
	e.loggedAt, e.left = now, 0
	return len(p), nil
}
