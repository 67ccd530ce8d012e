package audit

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"passbook.example/passbook/branch/identity"
)

// Kind says what an event is about.
type Kind string

// The kinds of events.
const (
	// Refused is a call for which somebody proved nothing, or lacked the right, or which
	// was one too many. Those that are like others are summed.
	Refused Kind = "refused"
	// Write is a call by which an operator changed something, or tried to.
	Write Kind = "write"
	// Login is somebody who logged in on the page, or tried to.
	Login Kind = "login"
	// Certificate is a certificate that was taken up, revoked, or is about to end.
	Certificate Kind = "certificate"
	// Key is a key, or a set of them, that was taken up or could not be.
	Key Kind = "key"
	// lost are events that could not be written.
	lost Kind = "lost"
)

// Event is what the log is told. What is not known stays empty.
type Event struct {
	// Kind says what it is about.
	Kind Kind
	// Branch is where it happened; 0 for no branch in particular.
	Branch uint32
	// Who did it, and By the branch that called in his name; nil for nobody.
	Who, By *identity.Identity
	// From is the address that it came from.
	From string
	// What was done: a procedure, or in words.
	What string
	// Account is the account that it was done to.
	Account string
	// Err is why it failed, as the caller was told; nil if it did not.
	Err error
}

// Options of a log.
type Options struct {
	// Logger is told, once, when the audit log can't be written; nil for nobody.
	Logger *slog.Logger
	// Stderr is where the log goes whose path is "-"; nil for os.Stderr.
	Stderr io.Writer
}

// Log is an audit log. Its methods may be called at the same time, and on a nil *Log,
// which writes nothing.
type Log struct {
	logger *slog.Logger

	mu  sync.Mutex
	out output
	// anonymous sums the refusals of callers who are nobody, identified those of others:
	// however many are nobody, they hide nothing of somebody.
	anonymous, identified flood
	// sums writes what they summed, at the end of a window; nil while there is none.
	sums *time.Timer
	// missing counts the events that were lost and that the log does not tell of yet,
	// lost all that ever were.
	missing, lost uint64
	// trouble is why the file could not be written last; nil if it could.
	trouble error
	closed  bool
}

// Open opens the log in a file, which it makes if there is none, for its owner alone. With
// the path "-" it goes to Stderr.
func Open(path string, o Options) (*Log, error) {
	if path == "" {
		return nil, errors.New("the audit log needs a path, or - for stderr")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	l := &Log{logger: o.Logger}
	if path == "-" {
		l.out.to = o.Stderr
		return l, nil
	}
	l.out.path = path
	if err := l.out.reopen(); err != nil {
		return nil, err
	}
	return l, nil
}

// Write writes an event. It returns when the system has the line, and never fails: what
// can't be written is counted.
func (l *Log) Write(e Event) {
	if l == nil {
		return
	}
	line := newLine(e, time.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		l.lost++
		return
	}
	if e.Kind != Refused && (e.Kind != Login || e.Err == nil) {
		l.write(line)
		return
	}
	if l.sums == nil {
		l.sums = time.AfterFunc(window, l.endWindow) // Close ends it
	}
	flood, caller := &l.anonymous, networkOf(line.From)
	if e.Who != nil {
		flood, caller = &l.identified, line.URI
	}
	if flood.isFirst(caller, line) {
		l.write(line)
	}
}

// Lost returns how many events could not be written, for a metric.
func (l *Log) Lost() uint64 {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// Close writes what has been summed, and closes the file.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	l.writeSums()
	return l.out.close()
}

// endWindow ends the time in which refusals are summed.
func (l *Log) endWindow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.writeSums()
	}
}

func (l *Log) writeSums() {
	if l.sums == nil {
		return
	}
	l.sums.Stop()
	l.sums = nil
	now := time.Now()
	for _, flood := range []*flood{&l.anonymous, &l.identified} {
		for _, line := range flood.end() {
			line.Time = now
			l.write(line)
		}
	}
}

// write writes a line, and before it how many are missing.
func (l *Log) write(line line) {
	astray := l.out.follow()
	err := l.writeMissing(line.Time)
	if err == nil {
		err = l.out.write(line.bytes())
	}
	if err != nil {
		l.missing += max(line.Count, 1)
		l.lost += max(line.Count, 1)
	}
	l.tell(errors.Join(err, astray))
}

// writeMissing writes how many events were lost, if any were.
func (l *Log) writeMissing(now time.Time) error {
	if l.missing == 0 {
		return nil
	}
	line := line{Time: now, Event: lost, Outcome: "lost", Text: cut("so many events could not be written: "+l.trouble.Error(), maxField), Count: l.missing}
	err := l.out.write(line.bytes())
	if err == nil {
		l.missing = 0
	}
	return err
}

// tell logs that the log can't be written, and that it can again, once each.
func (l *Log) tell(trouble error) {
	switch {
	case trouble != nil && l.trouble == nil:
		l.logger.Error("the audit log can't be written as it should; the branch goes on, and events may be lost", "error", trouble)
	case trouble == nil && l.trouble != nil:
		l.logger.Info("the audit log can be written again", "lost", l.lost)
	}
	l.trouble = trouble
}
