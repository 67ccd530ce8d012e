package branch

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
)

// freeze holds whoever passes while the branch is paused. The engine passes
// before each step, and the connections and the calls to peers with whatever
// they carry: so nothing happens and nothing leaves, as when the system stops
// a process. Its zero value holds nobody.
type freeze struct {
	mu sync.Mutex
	// lifted is set for good when the branch ends.
	lifted bool
	// held is closed when the pause ends; nil while there is none.
	held atomic.Pointer[chan struct{}]
}

func (f *freeze) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lifted || f.held.Load() != nil {
		return
	}
	held := make(chan struct{})
	f.held.Store(&held)
}

func (f *freeze) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if held := f.held.Swap(nil); held != nil {
		close(*held)
	}
}

// lift ends the pause, and there will be no other one.
func (f *freeze) lift() {
	f.mu.Lock()
	f.lifted = true
	f.mu.Unlock()
	f.end()
}

// pass returns when the branch is not paused.
func (f *freeze) pass() { _ = f.PassUntil(context.Background()) }

// PassUntil is pass for those who may have to give up.
func (f *freeze) PassUntil(ctx context.Context) error {
	for held := f.held.Load(); held != nil; held = f.held.Load() {
		select {
		case <-*held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Read is net.Conn's: while the branch is paused nothing comes in.
func (k *connection) Read(p []byte) (int, error) {
	n, err := k.Conn.Read(p)
	if f := k.all.freeze; f != nil {
		f.pass()
	}
	return n, err
}

// Write is net.Conn's: while the branch is paused nothing goes out.
func (k *connection) Write(p []byte) (int, error) {
	if f := k.all.freeze; f != nil {
		f.pass()
	}
	return k.Conn.Write(p)
}

// frozenBody is what is sent to a peer: nothing while the branch is paused.
type frozenBody struct {
	io.ReadCloser
	freeze *freeze
	// open ends when nobody wants to send it any more.
	open  context.Context
	close context.CancelFunc
}

func newFrozenBody(body io.ReadCloser, freeze *freeze) *frozenBody {
	b := &frozenBody{ReadCloser: body, freeze: freeze}
	b.open, b.close = context.WithCancel(context.Background())
	return b
}

// Read is io.Reader's. A peer of this process reads it itself: it must not be
// held longer than it wants to be.
func (b *frozenBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.freeze.PassUntil(b.open) != nil {
		return 0, io.ErrClosedPipe
	}
	return n, err
}

// Close is io.Closer's.
func (b *frozenBody) Close() error {
	b.close()
	return b.ReadCloser.Close()
}
