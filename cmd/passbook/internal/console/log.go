package console

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/name"
)

// Options say how much a command tells while it works, and in which form.
type Options struct {
	// Verbose is 1 to tell events too, and 2 to tell calls too.
	Verbose int
	// Quiet leaves out all but results and errors.
	Quiet bool
	// Level is the least level that is logged, unless one of those above says it.
	Level slog.Level
	// JSON makes log lines of all that goes to standard error.
	JSON bool
}

// Least returns the least level that is logged: each of the flags stands for one.
func (o *Options) Least() slog.Level {
	switch {
	case o.Quiet:
		return slog.LevelError
	case o.Verbose == 1:
		return api.LevelEvents
	case o.Verbose > 1:
		return api.LevelCalls
	}
	return o.Level
}

// Configure makes the console tell as much as the flags say.
func (c *Console) Configure(o Options) {
	handler := newHandler(c.Err, o.Least(), o.JSON)
	c.quiet, c.jsonLines = o.Quiet, o.JSON
	c.barless = o.Quiet || o.JSON || o.Least() < slog.LevelInfo
	c.Deeds = slog.New(handler)
	c.Log = slog.New(newRepeats(handler))
}

// newHandler returns the handler that writes the log.
func newHandler(out io.Writer, least slog.Level, json bool) slog.Handler {
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey && len(groups) == 0 {
			return slog.String(slog.LevelKey, strings.ToUpper(LevelWord(level)))
		}
		return a
	}}
	if json {
		return slog.NewJSONHandler(out, options)
	}
	lines := &lineWriter{out: out}
	return &eventLines{Handler: slog.NewTextHandler(lines, options), out: lines}
}

// lineWriter serves several writers of whole lines.
type lineWriter struct {
	// mu is held while a line is written to out.
	mu  sync.Mutex
	out io.Writer
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

// eventLines writes events as the programs of the course print them: the text
// alone. All else goes to the handler in it.
type eventLines struct {
	// Handler gets everything but events.
	slog.Handler
	// out gets the events.
	out *lineWriter
}

// Handle implements slog.Handler.
func (e *eventLines) Handle(ctx context.Context, r slog.Record) error {
	if r.Level != api.LevelEvents {
		return e.Handler.Handle(ctx, r)
	}
	_, err := io.WriteString(e.out, name.Printable(r.Message)+"\n")
	return err
}

// WithAttrs implements slog.Handler.
func (e *eventLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &eventLines{Handler: e.Handler.WithAttrs(attrs), out: e.out}
}

// WithGroup implements slog.Handler.
func (e *eventLines) WithGroup(group string) slog.Handler {
	return &eventLines{Handler: e.Handler.WithGroup(group), out: e.out}
}

// LevelWord returns the word for a level: "info".
func LevelWord(level slog.Level) string {
	switch level {
	case api.LevelEvents:
		return "events"
	case api.LevelCalls:
		return "calls"
	}
	return strings.ToLower(level.String())
}
