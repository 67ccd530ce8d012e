package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"passbook.example/passbook/branch/journal/internal/store"
)

// HeldError says that another process holds a directory.
type HeldError struct {
	// Dir is the directory.
	Dir string
	// Err is the error of the lock.
	Err error
}

// Error implements error.
func (e *HeldError) Error() string {
	return fmt.Sprintf("another process holds %s: stop it, or use another --data directory%s", e.Dir, e.Cause())
}

// Cause returns a colon and why the lock failed; nothing if the system says only that
// it is not free at the moment.
func (e *HeldError) Cause() string {
	if errors.Is(e.Err, syscall.EAGAIN) {
		return ""
	}
	return fmt.Sprintf(": %v", e.Err)
}

// Unwrap returns the error that is wrapped.
func (e *HeldError) Unwrap() error { return e.Err }

// openStore opens the store, once check accepts the stored identity, which is nil if
// there is none. Until then it changes nothing.
func (j *Journal) openStore(logger *slog.Logger, check func(stored []byte) error) error {
	if !j.readOnly {
		if err := j.disk.MakeDir(); err != nil {
			return err
		}
	}
	lock, err := j.lockDir(logger)
	if err != nil {
		return err
	}
	stored, err := j.look(lock.Options())
	if err == nil {
		if err := check(stored); err != nil {
			return errors.Join(err, lock.Close())
		}
		j.db, err = lock.Open()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open the store in %s: %w", j.disk.Dir, err), lock.Close())
	}
	j.lock = lock
	return nil
}

// lockDir locks the directory, so that no other process opens it.
func (j *Journal) lockDir(logger *slog.Logger) (*store.Locked, error) {
	lock, err := store.Lock(store.Config{
		Disk:     j.disk,
		ReadOnly: j.readOnly,
		Logger:   loggerOr(logger),
		TableEnd: splitter{groups: groupsOf(j.branches)}.end,
		Flushed:  func() { j.flushed.Store(true) },
	})
	if path := (*os.PathError)(nil); err == nil || errors.As(err, &path) {
		return lock, err
	}
	return nil, &HeldError{Dir: j.disk.Dir, Err: err}
}

// loggerOr returns the logger, or one that discards everything.
func loggerOr(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return logger
}
