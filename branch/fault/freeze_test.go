package fault

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/peernet"
)

// A branch that is paused while it sends holds nobody who wants to end.
func TestAPausedCallerHoldsNoHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze
		f.begin()
		got := make(chan error, 1)
		transport := peernet.New()
		b := transport.Add("127.0.0.1:1")
		b.Open(&http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
			_, err := req.Body.Read(make([]byte, 1))
			got <- err
		})}, nil)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:1/", newFrozenBody(io.NopCloser(strings.NewReader("x")), &f))
		if err != nil {
			t.Fatal(err)
		}
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		_ = res.Body.Close()
		b.Leave()
		b.Finish(t.Context())
	})
}
