package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// tracedBranch is a branch that has traced nothing.
type tracedBranch struct {
	bankv1connect.UnimplementedBranchServiceHandler
}

// GetTrace returns an empty page.
func (tracedBranch) GetTrace(context.Context, *bankv1.GetTraceRequest) (*bankv1.GetTraceResponse, error) {
	return &bankv1.GetTraceResponse{Branch: 1}, nil
}

// After Ctrl-C, the trace of what was done is fetched all the same.
func TestATraceIsFetchedAfterCtrlC(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(tracedBranch{}))
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	client := customer.NewHTTPClient()
	defer client.CloseIdleConnections()
	in := &customer.Input{Branches: []customer.Branch{{ID: 1}}}
	tracer := customer.NewTracer(in, customer.Lamport, customer.Options{Address: func(uint32) string { return server.URL }, HTTPClient: client})
	stopped, stop := context.WithCancel(t.Context())
	stop()
	report := &customer.Report{}
	if err := fetch(stopped, tracer, report); err != nil || report.Trace == nil || len(report.Trace.Branches) != 1 {
		t.Errorf("trace %+v, %v", report.Trace, err)
	}
	if err := fetch(stopped, nil, report); err != nil {
		t.Errorf("without a tracer: %v", err)
	}
}
