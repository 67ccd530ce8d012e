package peernet

import (
	"io"
	"os"
	"sync"
	"time"
)

const (
	// memoryBytes bounds the bytes of a response through memory that are written
	// and not read. A handler that writes more waits until the caller has read.
	memoryBytes = 32 << 10
	// keptBytes bounds the buffer that a flow keeps while it has nothing: most
	// messages are small, and a thousand links are idle.
	keptBytes = 1 << 10
)

// flow carries bytes from one goroutine to another one.
type flow struct {
	mu sync.Mutex
	// readable wakes the reader, writable the writer.
	readable, writable sync.Cond
	// buffer[start:] is written and not read.
	buffer []byte
	start  int
	// unwritten says that no more will be written.
	unwritten bool
	// broken says why no more can be read either; nil while more can be.
	broken error
	// writeBy is when a write gives up; zero for never.
	writeBy time.Time
}

func (f *flow) init() { f.readable.L, f.writable.L = &f.mu, &f.mu }

// change makes a change that may concern the reader and the writer, and wakes
// both.
func (f *flow) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	f.readable.Broadcast()
	f.writable.Broadcast()
}

// read implements io.Reader.
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

// take moves as much as p has room for out of the buffer.
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

// room returns how many bytes can be written without waiting.
func (f *flow) room() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return memoryBytes - len(f.buffer) + f.start
}

// flush wakes the reader. A message is written in pieces, and waking the reader
// costs more than a piece.
func (f *flow) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readable.Signal()
}

// write implements io.Writer. The reader may read what is written at once, and
// after flush at the latest.
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

// put moves as much into the buffer as there is room for.
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
