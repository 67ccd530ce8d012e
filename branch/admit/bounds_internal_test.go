package admit

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/gen/bank/bankconnect"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// testWatches is how many requests to watch may be in hand in tests.
const testWatches = 40

// newRequests lets a handler serve the calls of a branch.
func newRequests(next http.Handler) *Requests {
	offered := Services{Customers: []string{bankv1connect.BranchServiceName, bankconnect.BankName}, Peers: []string{bankv1connect.PeerServiceName}, MaxWatchRequests: testWatches}
	return NewRequests(NewRefusals(slog.New(slog.DiscardHandler)), offered, next)
}

func TestOpeningsAreBounded(t *testing.T) {
	o := NewOpenings()
	var gaveWay []int
	for i := range 2 * maxOpenings {
		leave := o.Enter(func() { gaveWay = append(gaveWay, i) })
		if i%4 == 0 {
			leave() // said hello
			leave()
		}
	}
	if o.share.in != maxOpenings || len(gaveWay) != 2*maxOpenings*3/4-maxOpenings || gaveWay[0] != 1 {
		t.Errorf("%d wait, %v have given way", o.share.in, gaveWay)
	}
}

// held is a handler whose requests wait until they are released.
type held chan struct{}

// ServeHTTP implements http.Handler.
func (h held) ServeHTTP(http.ResponseWriter, *http.Request) { <-h }

// One more request of a kind than may be in hand is refused, while the others are
// served.
func TestRequestsInHandAreBounded(t *testing.T) {
	t.Parallel() // it waits most of the time
	synctest.Test(t, func(t *testing.T) {
		release := make(held)
		q := newRequests(release)
		call := func(path string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			req := httptest.NewRequest(http.MethodPost, path, nil)
			req.Header.Set("Content-Type", "application/json")
			q.ServeHTTP(w, req)
			return w
		}
		var inHand sync.WaitGroup
		fill := func(path string, most int) {
			for range most {
				inHand.Go(func() {
					if w := call(path); w.Code != http.StatusOK {
						t.Errorf("%s within the bound: %d %s", path, w.Code, w.Body)
					}
				})
			}
			synctest.Wait()
			if w := call(path); w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), "as many requests in hand") {
				t.Errorf("%s over the bound: %d %s", path, w.Code, w.Body)
			}
		}
		fill(bankv1connect.BranchServiceDepositProcedure, maxRequests)
		fill(bankv1connect.PeerServiceClaimProcedure, maxPeerRequests)
		fill(bankv1connect.BranchServiceWatchProcedure, testWatches)
		fill("/grpc.health.v1.Health/Check", maxHealthRequests)
		fill("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", maxReflections)
		fill("/", maxPageRequests)
		close(release)
		inHand.Wait()
		for _, path := range []string{bankv1connect.BranchServiceDepositProcedure, bankv1connect.PeerServiceClaimProcedure, bankv1connect.BranchServiceWatchProcedure, "/"} {
			if w := call(path); w.Code != http.StatusOK {
				t.Errorf("%s when there is room again: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

// Listings and statuses wait for their turn, for as long as a call may take.
func TestLargeRepliesInHandAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLarge()
		close(l.begin) // made at once, and then taken slowly
		q := newRequests(l)
		call := func(path string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			req := httptest.NewRequest(http.MethodPost, path, nil)
			req.Header.Set("Content-Type", "application/json")
			q.ServeHTTP(w, req)
			return w
		}
		var inHand sync.WaitGroup
		for i := range maxLargeReplies {
			inHand.Go(func() {
				call([]string{bankv1connect.BranchServiceListEntriesProcedure, bankv1connect.BranchServiceGetStatusProcedure}[i%2])
			})
		}
		synctest.Wait()
		began := time.Now()
		w := call(bankv1connect.BranchServiceGetStatusProcedure)
		if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), "as many listings and statuses in hand") {
			t.Errorf("over the bound: %d %s", w.Code, w.Body)
		}
		if took := time.Since(began); took != api.CallTimeout {
			t.Errorf("waited %v, want %v", took, api.CallTimeout)
		}
		close(l.end)
		inHand.Wait()
		if w := call(bankv1connect.BranchServiceGetStatusProcedure); w.Code != http.StatusOK {
			t.Errorf("when there is room again: %d %s", w.Code, w.Body)
		}
	})
}
