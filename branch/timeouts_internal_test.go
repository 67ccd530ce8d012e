package branch

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/service"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Anything unbounded ends after an hour, and then these tests fail.
func hour(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	t.Cleanup(cancel)
	return ctx
}

// A call without a deadline ends all the same when the engine does not answer.
func TestCallsEndInTime(t *testing.T) {
	tests := map[string]func(context.Context, *Branch) error{
		"query": func(ctx context.Context, b *Branch) error {
			_, err := service.NewCustomers(b.serviceConfig()).Query(ctx, &bankv1.QueryRequest{})
			return err
		},
		"deposit": func(ctx context.Context, b *Branch) error {
			_, err := service.NewCustomers(b.serviceConfig()).Deposit(ctx, &bankv1.DepositRequest{Amount: 1})
			if err == nil || !strings.Contains(err.Error(), "not known whether the write was recorded") {
				t.Errorf("a write that was not answered: %v", err)
			}
			return err
		},
		"status": func(ctx context.Context, b *Branch) error {
			_, err := service.NewCustomers(b.serviceConfig()).GetStatus(ctx, &bankv1.GetStatusRequest{})
			return err
		},
		"peer's claim": func(ctx context.Context, b *Branch) error {
			_, err := service.NewPeers(b.serviceConfig()).Claim(ctx, &bankv1.ClaimRequest{Branch: 1, Amount: 1})
			return err
		},
		"peer's look": func(ctx context.Context, b *Branch) error {
			_, err := service.NewPeers(b.serviceConfig()).Collect(ctx, &bankv1.CollectRequest{Branch: 1})
			return err
		},
		"peer's entry": func(ctx context.Context, b *Branch) error {
			_, err := service.NewPeers(b.serviceConfig()).PropagateDeposit(ctx, &bankv1.PropagateDepositRequest{Branch: 1, Sequence: 1, Amount: 1})
			return err
		},
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := servePort(t).Branch
				began := time.Now()
				err := call(hour(t), b)
				if took := time.Since(began); took != api.CallTimeout {
					t.Errorf("took %v, want %v", took, api.CallTimeout)
				}
				if code := api.CodeOf(err); code != connect.CodeDeadlineExceeded {
					t.Errorf("got %v, want deadline_exceeded", err)
				}
			})
		})
	}
}

// A stream of reflection works for as long as it may last, if it is used, and is
// told then why it ends.
func TestAStreamOfReflectionEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := servePort(t)
		s := grpcreflect.NewClient(p.client, "http://localhost", connect.WithGRPC()).NewStream(hour(t))
		if _, err := s.ListServices(); err != nil {
			t.Fatal(err)
		}
		for range admit.StreamTimeout/admit.StreamSilence - 1 {
			time.Sleep(admit.StreamSilence - time.Millisecond)
			if _, err := s.ListServices(); err != nil {
				t.Errorf("within the time: %v", err)
			}
		}
		time.Sleep(admit.StreamSilence - time.Millisecond) // and less than that is left
		if _, err := s.ListServices(); err != nil {
			t.Errorf("just before the end: %v", err)
		}
		if took := <-p.took; took != admit.StreamTimeout {
			t.Errorf("took %v, want %v", took, admit.StreamTimeout)
		}
		_, err := s.ListServices()
		if connect.CodeOf(err) != connect.CodeDeadlineExceeded || !strings.Contains(err.Error(), "1m0s") {
			t.Errorf("got %v, want deadline_exceeded that names the bound", err)
		}
		_, _ = s.Close()
	})
}

// A stream of reflection whose answers are not read is broken off too.
func TestAStreamOfReflectionThatIsNotReadEndsInTime(t *testing.T) {
	const listServices = "\x00\x00\x00\x00\x03\x3a\x01*"
	synctest.Test(t, func(t *testing.T) {
		p := servePort(t)
		body, questions := io.Pipe()
		defer questions.Close()
		go func() {
			_, _ = questions.Write(bytes.Repeat([]byte(listServices), 100_000))
		}()
		req, err := http.NewRequestWithContext(hour(t), http.MethodPost, "http://localhost/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		res, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Second)
		synctest.Wait()
		if len(p.took) == 0 {
			t.Fatal("the stream is still open")
		}
		if took, most := <-p.took, admit.StreamTimeout+admit.ReplyTimeout; took != most {
			t.Errorf("took %v, want %v", took, most)
		}
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Error("the stream was not broken off")
		}
		res.Body.Close()
	})
}

// A connection that does nothing is closed: soon when it never said anything,
// later after a request.
func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	const check = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	tests := map[string]struct {
		sent, want string
		most       time.Duration
	}{
		"nothing":             {"", "", readHeaderTimeout},
		"half of the headers": {check[:60], "", readHeaderTimeout},
		"a request":           {check, "NOT_SERVING", idleTimeout},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := servePort(t).network.dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(time.Hour))
				began := time.Now()
				if _, err := io.WriteString(c, test.sent); err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(c)
				if err != nil || !strings.Contains(string(got), test.want) {
					t.Errorf("got %q, %v", got, err)
				}
				if took := time.Since(began); took != test.most {
					t.Errorf("took %v, want %v", took, test.most)
				}
			})
		})
	}
}
