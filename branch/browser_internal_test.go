package branch

import (
	"bufio"
	"io"
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
