package store

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// FillBytes is how much of a log is filled with zeros at once. Opening a new
	// store fills this much of its first log.
	FillBytes = 256 << 10
	// largeWrite is the size from which on filling makes a write no cheaper. A log is
	// filled after smallWrites smaller ones in a row: a large commit ends with a
	// small one.
	largeWrite  = 16 << 10
	smallWrites = 4
	// reserveBytes bounds the room on disk that a log reserves at once. It reserves
	// as much as it has, but at least FillBytes, so the log of an idle branch uses
	// little and that of a busy one lies in few pieces.
	reserveBytes = 4 << 20
)

var zeros [FillBytes]byte

// logFile is a log of Pebble's that is filled with zeros ahead of what is
// written to it. A sync of what lies within is one write of data; where a file
// grows, or a block is written for the first time, the file system must write its
// own journal as well. Pebble and package walcheck find the end of a log by its
// content, as they must where an old log is used again.
type logFile struct {
	*diskFile
	// written is where the next byte goes, filled where the zeros end.
	written, filled int64
	// reserved is where the room on disk that was reserved ends.
	reserved int64
	// small counts the writes in a row that are not large; a new log is filled
	// with the first that is not.
	small int
}

// LogSuffix ends the names of write-ahead logs.
const LogSuffix = ".log"

func isLog(name string) bool { return strings.HasSuffix(name, LogSuffix) }

// newLogFile returns a log that has size bytes already.
func newLogFile(f vfs.File, size int64) vfs.File {
	return &logFile{diskFile: f.(*diskFile), filled: size, reserved: size, small: smallWrites}
}

// Preallocate does nothing. Pebble asks for more than a memtable at a log's
// first byte, 17 MiB that most branches of a quiet bank never write: see reserve.
func (f *logFile) Preallocate(int64, int64) error { return nil }

// reserve makes the file system set room aside up to end. Where it can't, the log
// finds room as it grows, and a write without room returns an error then.
func (f *logFile) reserve(end int64) {
	for f.reserved < end && f.disk.Failure() == nil {
		step := min(max(f.reserved, FillBytes), reserveBytes)
		_ = f.File.Preallocate(f.reserved, step)
		f.reserved += step
	}
}

// Write implements io.Writer.
func (f *logFile) Write(p []byte) (int, error) {
	f.small++
	if len(p) >= largeWrite {
		f.small = 0
	}
	if f.small >= smallWrites && f.written+int64(len(p)) > f.filled {
		f.fill()
	}
	f.reserve(f.written + int64(len(p)))
	n, err := f.diskFile.Write(p)
	f.written += int64(n)
	f.filled = max(f.filled, f.written)
	return n, err
}

// fill adds zeros. If it can't, the log grows with the write as other files do.
func (f *logFile) fill() {
	if f.disk.Failure() != nil {
		return
	}
	f.reserve(f.filled + FillBytes)
	if n, err := f.File.WriteAt(zeros[:], f.filled); err == nil {
		f.filled += int64(n)
	}
}
