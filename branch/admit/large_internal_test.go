package admit

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// large serves replies, each in two steps: its first byte, and its end.
type large struct{ making, made, begin, end chan struct{} }

func newLarge() large {
	return large{make(chan struct{}, 2*maxLargeReplies), make(chan struct{}, 2*maxLargeReplies), make(chan struct{}), make(chan struct{})}
}

// ServeHTTP implements http.Handler.
func (l large) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	l.making <- struct{}{}
	<-l.begin
	_, _ = io.WriteString(w, "{")
	l.made <- struct{}{}
	<-l.end
}

// Listings are made one for each processor; those that are made and not read leave
// it to the next ones.
func TestListingsBeingMadeAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLarge()
		q := newRequests(l)
		var inHand sync.WaitGroup
		call := func(path string) {
			inHand.Go(func() {
				q.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, nil))
			})
		}
		processors := runtime.GOMAXPROCS(0)
		for range processors + 2 {
			call(bankv1connect.BranchServiceListEntriesProcedure)
		}
		synctest.Wait()
		if n := len(l.making); n != processors {
			t.Errorf("%d listings are made at once, want %d", n, processors)
		}
		// A status is made all the same, and the listing of another branch, which
		// may not answer, takes no place of those that are made here.
		call(bankv1connect.BranchServiceGetStatusProcedure)
		call("/branch/2" + bankv1connect.BranchServiceListEntriesProcedure)
		synctest.Wait()
		if n := len(l.making); n != processors+2 {
			t.Errorf("%d calls are served, want %d", n, processors+2)
		}
		close(l.begin)
		synctest.Wait()
		if n := len(l.made); n != processors+4 {
			t.Errorf("%d replies have begun, want %d", n, processors+4)
		}
		close(l.end)
		inHand.Wait()
		if n := len(q.large.places) + len(q.large.making); n != 0 {
			t.Errorf("%d places are taken after all", n)
		}
	})
}

// One address has three quarters of the large replies, so that its slow readers
// keep nobody else from a status.
func TestLargeRepliesOfAnAddressAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, all := newLarge(), &Connections{most: 2 * maxLargeReplies}
		q := newRequests(l)
		var inHand sync.WaitGroup
		refused := make(chan int, 2*maxLargeReplies)
		call := func(from string) {
			k, _ := all.admit(comingFrom{ip: from})
			req := httptest.NewRequest(http.MethodPost, bankv1connect.BranchServiceGetStatusProcedure, nil)
			req = req.WithContext(context.WithValue(req.Context(), connectionKey{}, k))
			inHand.Go(func() {
				w := httptest.NewRecorder()
				if q.ServeHTTP(w, req); w.Code != http.StatusOK {
					refused <- w.Code
				}
				k.Close()
			})
		}
		for range maxLargeReplies {
			call("10.0.0.1")
		}
		synctest.Wait()
		if n := len(l.making); n != ofAddress(maxLargeReplies) {
			t.Errorf("%d are in hand for one address, want %d", n, ofAddress(maxLargeReplies))
		}
		call("10.0.0.2")
		synctest.Wait()
		if n := len(l.making); n != ofAddress(maxLargeReplies)+1 {
			t.Error("an address has to wait for another one")
		}
		close(l.begin)
		close(l.end)
		inHand.Wait()
		if len(refused) != 0 || len(q.large.places) != 0 {
			t.Errorf("%d refused, %d places taken after all", len(refused), len(q.large.places))
		}
	})
}
