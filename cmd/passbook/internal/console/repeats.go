package console

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// repeatAfter is how long a line that was logged is then not logged again.
	repeatAfter = time.Minute
	// maxRepeats bounds the lines that are remembered for that. When there are
	// more, all are forgotten.
	maxRepeats = 4096
)

// changing are the keys of attributes that say how it went this time: lines that
// differ in nothing else are the same line.
var changing = []string{"error", "cause", "took"}

// repeats is a handler that lets the same line through once a minute. The next one
// after that says how many there were between. Events and calls, which somebody
// asked for, it lets through.
type repeats struct {
	// next logs what is let through.
	next slog.Handler
	// seen is shared with all that With returns.
	seen *seenLines
	// with is what With has added to every line.
	with string
}

// seenLines are the lines that were logged lately.
type seenLines struct {
	// mu guards lines.
	mu sync.Mutex
	// lines are by what makes them the same.
	lines map[string]*seenLine
}

type seenLine struct {
	// at is when it was last logged, dropped how often it was not since.
	at      time.Time
	dropped int
}

func newRepeats(next slog.Handler) *repeats {
	return &repeats{next: next, seen: &seenLines{lines: map[string]*seenLine{}}}
}

// Enabled implements slog.Handler.
func (r *repeats) Enabled(ctx context.Context, level slog.Level) bool {
	return r.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (r *repeats) Handle(ctx context.Context, record slog.Record) error {
	if record.Level < slog.LevelInfo {
		return r.next.Handle(ctx, record)
	}
	dropped, pass := r.seen.pass(r.line(&record), record.Time)
	if !pass {
		return nil
	}
	if dropped > 0 {
		record = record.Clone()
		record.AddAttrs(slog.Int("repeated", dropped))
	}
	return r.next.Handle(ctx, record)
}

// line returns what makes a line the same as another one.
func (r *repeats) line(record *slog.Record) string {
	var b strings.Builder
	b.WriteString(record.Level.String())
	b.WriteString(record.Message)
	b.WriteString(r.with)
	record.Attrs(func(a slog.Attr) bool {
		writeAttr(&b, a)
		return true
	})
	return b.String()
}

func writeAttr(b *strings.Builder, a slog.Attr) {
	if slices.Contains(changing, a.Key) {
		return
	}
	b.WriteByte(0)
	b.WriteString(a.Key)
	b.WriteByte(0)
	b.WriteString(a.Value.String())
}

// WithAttrs implements slog.Handler.
func (r *repeats) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(r.with)
	for _, a := range attrs {
		writeAttr(&b, a)
	}
	return &repeats{next: r.next.WithAttrs(attrs), seen: r.seen, with: b.String()}
}

// WithGroup implements slog.Handler.
func (r *repeats) WithGroup(name string) slog.Handler {
	return &repeats{next: r.next.WithGroup(name), seen: r.seen, with: r.with + "\x00" + name}
}

// pass says whether a line may be logged, and how often it was dropped before.
func (s *seenLines) pass(line string, now time.Time) (dropped int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.lines[line]
	switch {
	case last == nil:
		if len(s.lines) >= maxRepeats {
			clear(s.lines)
		}
		s.lines[line] = &seenLine{at: now}
		return 0, true
	case now.Sub(last.at) < repeatAfter:
		last.dropped++
		return 0, false
	}
	dropped = last.dropped
	*last = seenLine{at: now}
	return dropped, true
}
