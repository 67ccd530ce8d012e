package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/name"
)

// consoleOptions say how much a command tells while it works, and in which form.
type consoleOptions struct {
	verbose int
	quiet   bool
	level   slog.Level
	json    bool
}

// consoleFlags adds the flags of a command that runs branches or replays.
func (o *consoleOptions) consoleFlags(c *cobra.Command) {
	f := c.Flags()
	f.CountVarP(&o.verbose, "verbose", "v", "tell each event of customers and branches; -vv each call and link besides")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "tell results and errors only")
	logLevelFlag(c, &o.level, "info")
	format := &choice[bool]{value: &o.json, words: []string{"text", "json"}, mean: []bool{false, true}, word: "text"}
	format.add(c, "log-format", "the form of what is told on stderr")
	c.MarkFlagsMutuallyExclusive("verbose", "quiet", "log-level")
}

// least returns the least level that is logged: each of the flags stands for one.
func (o *consoleOptions) least() slog.Level {
	switch {
	case o.quiet:
		return slog.LevelError
	case o.verbose == 1:
		return api.LevelEvents
	case o.verbose > 1:
		return api.LevelCalls
	}
	return o.level
}

// arguments returns the flags with which another process tells as much.
func (o *consoleOptions) arguments() []string {
	args := []string{"--log-level=" + levelWord(o.least())}
	if o.json {
		args = append(args, "--log-format=json")
	}
	return args
}

// console has the command tell as much as the flags say.
func (u *ui) console(o consoleOptions) {
	handler := newHandler(u.err, o.least(), o.json)
	u.quiet, u.jsonLines = o.quiet, o.json
	u.barless = o.quiet || o.json || o.least() < slog.LevelInfo
	u.deeds = slog.New(handler)
	u.log = slog.New(newRepeats(handler))
}

// newHandler returns where what is logged goes.
func newHandler(out io.Writer, least slog.Level, json bool) slog.Handler {
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey && len(groups) == 0 {
			return slog.String(slog.LevelKey, strings.ToUpper(levelWord(level)))
		}
		return a
	}}
	if json {
		return slog.NewJSONHandler(out, options)
	}
	lines := &lineWriter{out: out}
	return &eventLines{Handler: slog.NewTextHandler(lines, options), out: lines}
}

// lineWriter is for several who write whole lines.
type lineWriter struct {
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
	slog.Handler
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
