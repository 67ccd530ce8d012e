package fault

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

// fromBranchHeader tells on calls between branches which one calls. A branch may
// also make calls that only customers make else, and a cut ends those, too.
const fromBranchHeader = "Passbook-From-Branch"

// cut is whether the branch is cut off from all others. Its zero value is a
// branch that is not.
type cut struct {
	// mu protects what follows.
	mu sync.Mutex
	// connected ends when the branch is cut off. Healing makes a new one.
	connected context.Context
	// sever ends connected.
	sever context.CancelFunc
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

// client is the way to the peers of a branch that can be cut off and paused.
type client struct {
	// breaker says whether it is.
	breaker *Breaker
	// next makes the calls.
	next connect.HTTPClient
}

// Do implements connect.HTTPClient. A cut fails calls that are under way.
func (c *client) Do(req *http.Request) (*http.Response, error) {
	b := c.breaker
	if err := b.freeze.passUntil(req.Context()); err != nil {
		return nil, err
	}
	whole := context.Background()
	if !isWatch(req) {
		whole = b.cut.whole()
		req.Header.Set(fromBranchHeader, strconv.FormatUint(uint64(b.self), 10))
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

// isWatch reports whether a branch watches another one, or follows a request there. A cut
// does not end that: a cut is there to be seen, and customers may watch and follow, too.
func isWatch(req *http.Request) bool {
	switch req.URL.Path {
	case bankv1connect.BranchServiceWatchProcedure, bankv1connect.BranchServiceFollowRequestProcedure:
		return true
	}
	return false
}

// cuttableBody is what comes from a peer: nothing once the branch is cut off,
// and nothing yet while it is paused.
type cuttableBody struct {
	io.ReadCloser
	// whole ends when the branch is cut off.
	whole  context.Context
	freeze *freeze
	// done releases what watches over the call.
	done func()
}

// Read implements io.Reader.
func (b *cuttableBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.freeze.pass()
	if b.whole.Err() != nil {
		return 0, errCut
	}
	return n, err
}

// Close implements io.Closer.
func (b *cuttableBody) Close() error {
	err := b.ReadCloser.Close()
	b.done()
	return err
}

// isFromBranch reports whether a request comes from another branch.
func isFromBranch(req *http.Request) bool {
	return strings.HasPrefix(req.URL.Path, "/"+bankv1connect.PeerServiceName+"/") || req.Header.Get(fromBranchHeader) != ""
}

// serve serves another branch with next until this one is cut off.
func (c *cut) serve(next http.Handler, w http.ResponseWriter, req *http.Request) {
	whole := c.whole()
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
	interrupted := make(chan struct{})
	stop := context.AfterFunc(whole, func() {
		defer close(interrupted)
		cancel()
		// A peer that does not read must not keep the call up.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now())
	})
	defer func() {
		if !stop() {
			<-interrupted // which must not outlive this call
		}
	}()
	next.ServeHTTP(w, req.WithContext(ctx))
}
