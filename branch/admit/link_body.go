package admit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// maxHelloBytes bounds what a link may send before its hello is accepted.
const maxHelloBytes = 64 << 10

// LinkBody is what comes on an accepted link. Little may come until the link is
// greeted.
type LinkBody struct {
	io.ReadCloser
	// left is how much may still come before the link is greeted.
	left int
	// greeted says that the link's hello is accepted.
	greeted atomic.Bool
	// control interrupts the writes of the answer.
	control *http.ResponseController
}

type linkBodyKey struct{}

func withLinkBody(w http.ResponseWriter, req *http.Request) *http.Request {
	b := &LinkBody{ReadCloser: req.Body, left: maxHelloBytes, control: http.NewResponseController(w)}
	req = req.WithContext(context.WithValue(req.Context(), linkBodyKey{}, b))
	req.Body = b
	return req
}

// LinkBodyOf returns the body of the call that a link was accepted by.
func LinkBodyOf(ctx context.Context) *LinkBody {
	b, _ := ctx.Value(linkBodyKey{}).(*LinkBody)
	return b
}

// Greet notes that the link's hello is accepted.
func (b *LinkBody) Greet() { b.greeted.Store(true) }

// Read implements io.Reader.
func (b *LinkBody) Read(p []byte) (int, error) {
	if b.greeted.Load() {
		return b.ReadCloser.Read(p)
	}
	if b.left == 0 {
		return 0, fmt.Errorf("the hello of a link has at most %d bytes", maxHelloBytes)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// InterruptWrites fails a write that the other side does not read.
func (b *LinkBody) InterruptWrites() { _ = b.control.SetWriteDeadline(time.Now()) }
