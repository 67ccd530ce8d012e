package customer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Of more customers than the bound, exactly so many are at work at once.
func TestCustomersAtOnceAreBounded(t *testing.T) {
	const bound, customers = 64, 100
	var text strings.Builder
	for i := range customers {
		fmt.Fprintf(&text, `{"id":%d,"type":"customer","events":[{"interface":"deposit","money":1,"branch":1}]},`, i+1)
	}
	in := read(t, "["+text.String()+`{"id":1,"type":"branch","balance":0}]`)
	synctest.Test(t, func(t *testing.T) {
		bank := newFakeBank(in)
		var arrived atomic.Int64
		release := make(chan struct{})
		bank.executed = func(context.Context, int) error {
			arrived.Add(1)
			<-release
			return nil
		}
		options := serve(t, bank, in).options(in)
		options.Concurrent = true
		reports := make(chan *customer.Report, 1)
		go func() {
			report, err := customer.Replay(t.Context(), in, options)
			if err != nil {
				t.Error(err)
			}
			reports <- report
		}()
		synctest.Wait()
		if got := arrived.Load(); got != bound {
			t.Errorf("%d customers are at work, want %d", got, bound)
		}
		close(release)
		checkCounts(t, <-reports, customers, customers, 0, 0)
	})
}

// largeBranch answers every query with more than a reply may have.
type largeBranch struct {
	bankv1connect.UnimplementedBranchServiceHandler
}

// Query answers with a session of 1 MiB.
func (largeBranch) Query(context.Context, *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	return &bankv1.QueryResponse{Session: strings.Repeat("s", 1<<20)}, nil
}

func TestAReplyOverTheSizeLimitFails(t *testing.T) {
	in := read(t, `[{"id":1,"type":"customer","events":[{"interface":"query"}]},{"id":1,"type":"branch","balance":0}]`)
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(largeBranch{}))
	server := httptest.NewServer(mux)
	defer server.Close()
	report := replay(t, in, customer.Options{HTTPClient: server.Client(), Address: func(uint32) string { return server.URL }})
	checkCounts(t, report, 1, 0, 0, 1)
	text := errorText(report.Customers[0].Received[0].Err)
	for _, want := range []string{"branch 1 at " + server.URL, "max 1048576"} {
		if !strings.Contains(text, want) {
			t.Errorf("error %q does not say %q", text, want)
		}
	}
}
