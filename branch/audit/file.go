package audit

import (
	"fmt"
	"io"
	"os"
)

// output is where lines go.
type output struct {
	// path is that of the file; empty for a stream, which nobody renames.
	path string
	// file is the file that is open, and info says which it is.
	file *os.File
	info os.FileInfo
	// to is where lines are written: the file, or the stream.
	to io.Writer
	// torn says that the last line is there in part only.
	torn bool
}

// follow makes lines go to the file that now has the path, as after it was rotated. If
// there can be none, they go where they went before.
func (o *output) follow() error {
	if o.path == "" {
		return nil
	}
	if info, err := os.Stat(o.path); err == nil && os.SameFile(info, o.info) {
		return nil
	}
	return o.reopen()
}

// reopen opens the file that has the path, or makes one. On an error nothing has changed.
func (o *output) reopen() error {
	// To open a pipe would wait for somebody who reads it.
	if info, err := os.Stat(o.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("the audit log %s is no regular file", o.path)
	}
	file, err := os.OpenFile(o.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("open the audit log: %w", err)
	}
	_ = o.close()
	o.file, o.info, o.to, o.torn = file, info, file, isTorn(o.path, info.Size())
	return nil
}

// isTorn reports whether a file ends within a line, as after a crash.
func isTorn(path string, size int64) bool {
	if size == 0 {
		return false
	}
	in, err := os.Open(path)
	if err != nil {
		return true // an empty line does no harm
	}
	defer func() { _ = in.Close() }()
	last := make([]byte, 1)
	_, err = in.ReadAt(last, size-1)
	return err != nil || last[0] != '\n'
}

// write writes a line with its end, in one piece, so those of several processes don't
// mix. After one that is torn it begins a new line.
func (o *output) write(p []byte) error {
	if o.torn {
		p = append([]byte{'\n'}, p...)
	}
	n, err := o.to.Write(p)
	if n > 0 {
		o.torn = p[n-1] != '\n'
	}
	return err
}

func (o *output) close() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}
