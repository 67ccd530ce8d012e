package branch

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/grpchealth"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// call begins a call over gRPC whose message does not come yet.
func (p *servedBranch) call(procedure string) (body *io.PipeWriter, answer func() *http.Response) {
	p.t.Helper()
	reader, writer := io.Pipe()
	req, err := http.NewRequestWithContext(hour(p.t), http.MethodPost, "http://localhost"+procedure, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	done := make(chan *http.Response, 1)
	go func() {
		res, err := p.client.Do(req)
		if err != nil {
			p.t.Error(err)
		}
		done <- res
	}()
	return writer, func() *http.Response {
		res := <-done
		if res != nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		return res
	}
}

// Every kind of call ends if it says nothing, with an error that says when.
func TestCallsThatSayNothingEndInTime(t *testing.T) {
	tests := map[string]struct {
		took time.Duration
		want string
	}{
		bankv1connect.BranchServiceDepositProcedure:                      {admit.RequestTimeout, "did not arrive within 5s"},
		bankv1connect.BranchServiceGetStatusProcedure:                    {admit.RequestTimeout, "did not arrive within 5s"},
		bankv1connect.BranchServiceWatchProcedure:                        {admit.RequestTimeout, "did not arrive within 5s"},
		bankv1connect.BranchServiceSubmitProcedure:                       {time.Minute, "no list has come on this stream for 1m0s"},
		bankv1connect.PeerServiceClaimProcedure:                          {admit.RequestTimeout, "did not arrive within 5s"},
		bankv1connect.PeerServiceCollectProcedure:                        {admit.RequestTimeout, "did not arrive within 5s"},
		bankv1connect.PeerServicePropagateDepositProcedure:               {admit.RequestTimeout, "did not arrive within 5s"},
		bankv1connect.PeerServicePropagateProcedure:                      {5 * time.Second, "no hello came within 5s"},
		"/bank.Bank/MsgDelivery":                                         {admit.RequestTimeout, "did not arrive within 5s"},
		"/" + grpchealth.HealthV1ServiceName + "/Check":                  {admit.RequestTimeout, "did not arrive within 5s"},
		"/" + grpchealth.HealthV1ServiceName + "/Watch":                  {admit.RequestTimeout, "did not arrive within 5s"},
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      {admit.StreamSilence, "nothing has come on this stream for 10s"},
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {admit.StreamSilence, "nothing has come on this stream for 10s"},
	}
	for procedure, test := range tests {
		t.Run(strings.TrimPrefix(procedure, "/"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := servePort(t)
				body, answer := p.call(procedure)
				took := <-p.took
				res := answer()
				body.Close()
				if took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				message := res.Header.Get("Grpc-Message") + res.Trailer.Get("Grpc-Message")
				if said := strings.NewReplacer("%20", " ").Replace(message); !strings.Contains(said, test.want) {
					t.Errorf("got %q, want %q", said, test.want)
				}
			})
		})
	}
}
