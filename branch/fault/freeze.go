package fault

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
)

// freeze stops everybody who passes while the branch is paused. The engine passes
// before each step, and the connections and the calls to peers with whatever
// they carry: so nothing happens and nothing leaves, as when the system stops
// a process. Its zero value stops nobody.
type freeze struct {
	// mu orders changes; who passes does not need it.
	mu sync.Mutex
	// lifted is set for good when the branch ends.
	lifted bool
	// paused is closed when the pause ends; nil while there is none.
	paused atomic.Pointer[chan struct{}]
}

func (f *freeze) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lifted || f.paused.Load() != nil {
		return
	}
	paused := make(chan struct{})
	f.paused.Store(&paused)
}

func (f *freeze) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if paused := f.paused.Swap(nil); paused != nil {
		close(*paused)
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
func (f *freeze) pass() { _ = f.passUntil(context.Background()) }

// passUntil is pass for those who may have to give up.
func (f *freeze) passUntil(ctx context.Context) error {
	for paused := f.paused.Load(); paused != nil; paused = f.paused.Load() {
		select {
		case <-*paused:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
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

// Read implements io.Reader. A peer of this process reads the body itself, and
// must be able to give up.
func (b *frozenBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.freeze.passUntil(b.open) != nil {
		return 0, io.ErrClosedPipe
	}
	return n, err
}

// Close implements io.Closer.
func (b *frozenBody) Close() error {
	b.close()
	return b.ReadCloser.Close()
}
