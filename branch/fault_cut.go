package branch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// errCut is why a branch that is cut off reaches nobody.
var errCut = errors.New("this branch is cut off from all others on purpose; heal it to end that")

// fromBranchHeader tells on calls between branches which one calls: also what
// else only customers call may come from a branch, and a cut ends that.
const fromBranchHeader = "Passbook-From-Branch"

// cut is whether the branch is cut off from all others. Its zero value is a
// branch that is not.
type cut struct {
	mu sync.Mutex
	// connected ends when the branch is cut off. Healing makes a new one.
	connected context.Context
	sever     context.CancelFunc
}

// whole returns a context that ends when the branch is cut off, and has ended
// while it is.
func (c *cut) whole() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connected == nil {
		c.connected, c.sever = context.WithCancel(context.Background())
	}
	return c.connected
}

func (c *cut) begin() {
	c.whole()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sever()
}

func (c *cut) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connected != nil && c.connected.Err() != nil {
		c.connected = nil
	}
}

// cuttable is the way to the peers of a branch that can be cut off and paused.
type cuttable struct {
	branch *Branch
	next   connect.HTTPClient
}

// Do is connect.HTTPClient's. A cut fails calls that are under way.
func (c *cuttable) Do(req *http.Request) (*http.Response, error) {
	b := c.branch
	if err := b.freeze.PassUntil(req.Context()); err != nil {
		return nil, err
	}
	whole := context.Background()
	if !isWatch(req) {
		whole = b.cut.whole()
		req.Header.Set(fromBranchHeader, strconv.FormatUint(uint64(b.id), 10))
	}
	if whole.Err() != nil {
		return nil, errCut
	}
	ctx, cancel := context.WithCancel(req.Context())
	uncut := context.AfterFunc(whole, cancel)
	req = req.WithContext(ctx)
	if req.Body != nil {
		req.Body = newFrozenBody(req.Body, &b.freeze)
	}
	res, err := c.next.Do(req)
	if err != nil {
		uncut()
		cancel()
		if whole.Err() != nil {
			err = errCut
		}
		return nil, err
	}
	body := &cuttableBody{ReadCloser: res.Body, whole: whole, freeze: &b.freeze}
	// Cancelling alone does not wake an idle read.
	closing := context.AfterFunc(whole, func() { _ = body.ReadCloser.Close() })
	body.done = func() {
		closing()
		uncut()
		cancel()
	}
	res.Body = body
	return res, nil
}

// isWatch tells whether a branch watches another one. A cut does not end that:
// it is there to be seen, and to watch is what a customer may do, too.
func isWatch(req *http.Request) bool {
	return req.URL.Path == bankv1connect.BranchServiceWatchProcedure
}

// cuttableBody is what comes from a peer: nothing once the branch is cut off,
// and nothing yet while it is paused.
type cuttableBody struct {
	io.ReadCloser
	whole  context.Context
	freeze *freeze
	done   func()
}

// Read is io.Reader's.
func (b *cuttableBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.freeze.pass()
	if b.whole.Err() != nil {
		return 0, errCut
	}
	return n, err
}

// Close is io.Closer's.
func (b *cuttableBody) Close() error {
	err := b.ReadCloser.Close()
	b.done()
	return err
}

// cuttableHandler serves everybody, but other branches only while this one is
// not cut off. A cut fails their calls under way without an answer, and those
// that come later before they reach the branch.
func (b *Branch) cuttableHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !fromBranch(req) {
			next.ServeHTTP(w, req)
			return
		}
		whole := b.cut.whole()
		if whole.Err() != nil {
			http.Error(w, errCut.Error(), http.StatusServiceUnavailable)
			return
		}
		defer func() {
			if whole.Err() != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		ctx, cancel := context.WithCancel(req.Context())
		defer cancel()
		defer onEnd(whole, func() {
			cancel()
			// Nor does it wait for a peer that does not read.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now())
		})()
		next.ServeHTTP(w, req.WithContext(ctx))
	})
}

// fromBranch tells whether a request comes from another branch.
func fromBranch(req *http.Request) bool {
	return strings.HasPrefix(req.URL.Path, "/"+bankv1connect.PeerServiceName+"/") || req.Header.Get(fromBranchHeader) != ""
}

// onEnd has f run when a context ends. What it returns ends that, and
// waits for f.
func onEnd(ctx context.Context, f func()) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		f()
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}
