package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// syncedBytes is how many bytes are appended before each sync.
const syncedBytes = 200

// fsyncCall appends to a file in a directory, and syncs: the limit of a write
// that is to survive. close removes the file.
func fsyncCall(dir string) (do call, close func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "fsync"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, err
	}
	block := make([]byte, syncedBytes)
	do = func(context.Context) (int, error) {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, fmt.Errorf("fdatasync %s: %w", f.Name(), err)
		}
		return 1, nil
	}
	return do, func() error {
		if err := f.Close(); err != nil {
			return err
		}
		return os.Remove(f.Name())
	}, nil
}
