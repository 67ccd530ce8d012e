package branch

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/admit"
)

// The time that one reply on a connection has does not end the next one.
func TestAConnectionMayRestBetweenCalls(t *testing.T) {
	const check = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	synctest.Test(t, func(t *testing.T) {
		c, err := servePort(t).network.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		replies := bufio.NewReader(c)
		for _, call := range []struct {
			sent   string
			status int
		}{
			{check, http.StatusOK},
			{"OPTIONS /bank.v1.BranchService/Query HTTP/1.1\r\nHost: localhost\r\n\r\n", http.StatusMethodNotAllowed},
			{"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n", http.StatusNotFound},
			{check, http.StatusOK},
			{strings.Replace(check, "localhost", "evil.example", 1), http.StatusForbidden},
		} {
			if _, err := io.WriteString(c, call.sent); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(replies, nil)
			if err != nil {
				t.Fatalf("%.40s: %v", call.sent, err)
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != call.status {
				t.Errorf("%.40s: %s, %v", call.sent, res.Status, err)
			}
			time.Sleep(2 * admit.ReplyTimeout)
		}
	})
}

// A branch that takes a call and does not answer is given up in time; what has
// become of the call nobody knows.
func TestACallThatIsPassedOnEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := servePort(t)
		p.peers[3].address = "branch-3:50053"
		var there net.Conn
		p.proxy.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			here, other := net.Pipe()
			there = other
			go func() { _, _ = io.Copy(io.Discard, other) }()
			return here, nil
		}
		req, err := http.NewRequestWithContext(hour(t), http.MethodPost, "http://branch/branch/3/bank.v1.BranchService/Deposit", strings.NewReader(`{"amount":1}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !strings.Contains(string(body), "deadline_exceeded") || !strings.Contains(string(body), "branch 3 has not answered branch 2 within 15s") || !strings.Contains(string(body), "not known whether the call was carried out") {
			t.Errorf("%s, %v", body, err)
		}
		if took := <-p.took; took != proxyTimeout {
			t.Errorf("took %v, want %v", took, proxyTimeout)
		}
		there.Close()
	})
}
