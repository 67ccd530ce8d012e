package link

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/protocol"
)

// silent is the way to peers that answer no call.
type silent struct{}

// Do implements connect.HTTPClient.
func (silent) Do(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// A call to a peer that says nothing ends all the same.
func TestCallsToPeersEndInTime(t *testing.T) {
	tests := map[string]func(context.Context, *peer){
		"claim": func(ctx context.Context, p *peer) { p.claim(ctx, &protocol.Claim{}) },
		"look":  func(ctx context.Context, p *peer) { p.collect(ctx, &protocol.Collect{}) },
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := serveLinks(t, silent{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // when this test fails
				defer cancel()
				began := time.Now()
				call(ctx, p.peers[1])
				if took := time.Since(began); took != api.CallTimeout {
					t.Errorf("took %v, want %v", took, api.CallTimeout)
				}
			})
		})
	}
}

// A link is given up when no hello comes.
func TestAHelloMustComeInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serveLinks(t, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // when this test fails
		defer cancel()
		s, err := p.client.Propagate(ctx)
		if err == nil {
			err = s.Send(nil) // the headers alone
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Receive()
		if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "no hello came within 5s") {
			t.Errorf("got %v, want invalid_argument that names the bound", err)
		}
		if took := <-p.took; took != helloTimeout {
			t.Errorf("took %v, want %v", took, helloTimeout)
		}
		_ = s.CloseRequest()
		_ = s.CloseResponse()
	})
}
