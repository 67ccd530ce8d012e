package branch

import (
	"io"
	"os"
	"sync"
	"time"
)

const (
	// memoryBytes bounds what of a response through memory is written and not
	// read. Who writes more waits until the other side has read.
	memoryBytes = 32 << 10
	// keptBytes bounds the buffer that a flow keeps while it has nothing: most
	// messages are small, and a thousand links are idle.
	keptBytes = 1 << 10
)

// flow carries bytes from one goroutine to another one.
type flow struct {
	mu sync.Mutex
	// readable and writable wake who waits to read and to write.
	readable, writable sync.Cond
	// buffer from start on is written and not read.
	buffer []byte
	start  int
	// unwritten says that no more will be written, broken why no more will be
	// read either.
	unwritten bool
	broken    error
	writeBy   time.Time
}

func (f *flow) init() { f.readable.L, f.writable.L = &f.mu, &f.mu }

// change makes a change that those who wait may be concerned with.
func (f *flow) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	f.readable.Broadcast()
	f.writable.Broadcast()
}

// read is io.Reader's.
func (f *flow) read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch {
		case f.broken != nil:
			return 0, f.broken
		case f.start < len(f.buffer) || len(p) == 0:
			return f.take(p), nil
		case f.unwritten:
			return 0, io.EOF
		}
		f.readable.Wait()
	}
}

// take moves what p has room for out of the buffer.
func (f *flow) take(p []byte) int {
	n := copy(p, f.buffer[f.start:])
	f.start += n
	if f.start == len(f.buffer) {
		f.buffer, f.start = f.buffer[:0], 0
		if cap(f.buffer) > keptBytes {
			f.buffer = nil
		}
	}
	f.writable.Signal()
	return n
}

// room returns how much can be written without waiting.
func (f *flow) room() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return memoryBytes - len(f.buffer) + f.start
}

// flush wakes who waits to read what was written. A message is written in
// pieces, and waking somebody costs more than a piece.
func (f *flow) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readable.Signal()
}

// write is io.Writer's. What it writes may be read after flush at the latest.
func (f *flow) write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := 0; ; {
		switch {
		case f.broken != nil || f.unwritten:
			return n, io.ErrClosedPipe
		case isPast(f.writeBy):
			return n, os.ErrDeadlineExceeded
		}
		n += f.put(p[n:])
		if n == len(p) {
			return n, nil
		}
		f.readable.Signal()
		f.awaitRoom()
	}
}

// put moves what there is room for into the buffer.
func (f *flow) put(p []byte) int {
	p = p[:min(len(p), memoryBytes-len(f.buffer)+f.start)]
	if f.start > 0 && len(f.buffer)+len(p) > cap(f.buffer) {
		f.buffer, f.start = f.buffer[:copy(f.buffer, f.buffer[f.start:])], 0
	}
	f.buffer = append(f.buffer, p...)
	return len(p)
}

// awaitRoom waits for a change, and not past the deadline.
func (f *flow) awaitRoom() {
	if !f.writeBy.IsZero() {
		defer time.AfterFunc(time.Until(f.writeBy), func() { f.change(func() {}) }).Stop()
	}
	f.writable.Wait()
}

func isPast(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }
