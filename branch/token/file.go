package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// rereadAfter is how long a file of keys is believed to be as it was.
const rereadAfter = time.Second

// file is a source of keys: a file. It is read again at most once in rereadAfter, when a
// token comes. It is small, so reading it costs less than a reason to trust its time.
type file struct {
	path   string
	logger *slog.Logger
	now    func() time.Time

	mu sync.Mutex
	// set has the keys of the last file that could be used.
	set *keys
	// read is when it was read last.
	read time.Time
	// broken says that the file could not be used then, which was logged.
	broken bool
}

// openFile reads a file of keys. It must be good now; later a bad one changes nothing.
func openFile(cfg Config) (*file, error) {
	f := &file{path: cfg.JWKSFile, logger: cfg.Logger, now: cfg.Now, read: cfg.Now()}
	set, skipped, err := f.load()
	if err != nil {
		return nil, err
	}
	f.set = set
	f.tell(skipped)
	return f, nil
}

// current implements source.
func (f *file) current() (*keys, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.read) >= rereadAfter || now.Before(f.read) {
		f.read = now
		f.reload()
	}
	return f.set, nil
}

// newer implements source. A file is never older than rereadAfter.
func (f *file) newer(*keys) *keys {
	set, _ := f.current()
	return set
}

func (f *file) close() {}

// reload takes the file up if it has changed, and keeps the keys if it can't be used.
func (f *file) reload() {
	set, skipped, err := f.load()
	if err != nil {
		if !f.broken {
			f.logger.Error("the file of keys can't be used; tokens are checked with the keys before", "error", err)
		}
		f.broken = true
		return
	}
	if set != f.set || f.broken {
		f.logger.Info("the file of keys was taken up", "file", f.path, "keys", len(set.all))
		f.tell(skipped)
	}
	f.set, f.broken = set, false
}

// tell logs which keys of the file can't be used.
func (f *file) tell(skipped []string) {
	if len(skipped) > 0 {
		f.logger.Warn("some keys of the file can't be used", "file", f.path, "why", skipped)
	}
}

// load reads the file. It returns the same keys if it is the same.
func (f *file) load() (set *keys, skipped []string, err error) {
	text, err := readRegular(f.path)
	if err != nil {
		return nil, nil, fmt.Errorf("the file of keys (--jwks-file): %w", err)
	}
	if f.set != nil && bytes.Equal(text, f.set.text) {
		return f.set, nil, nil
	}
	set, skipped, err = parseKeys(text)
	if err != nil {
		return nil, nil, fmt.Errorf("the file of keys %s (--jwks-file): %w", f.path, err)
	}
	return set, skipped, nil
}

// readRegular reads a file, up to a byte more than a set of keys may have. It reads no
// pipe, which would make it wait.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSetBytes+1))
	return text, errors.Join(err, in.Close())
}
