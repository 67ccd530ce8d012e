package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
)

// Who calls a port where something else listens is told that, and not how its
// bytes look as a frame.
func TestWhatIsNoBranchIsToldSo(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	address := strings.TrimPrefix(other.URL, "http://")
	var out, errs bytes.Buffer
	u := &console.Console{Out: &out, Err: &errs}
	u.Configure(console.Options{})
	if code := run([]string{"query", "--address", address}, u); code != exit.Unavailable {
		t.Errorf("exit code %d, want %d", code, exit.Unavailable)
	}
	want := "passbook: " + address + " gave no answer: what listens there does not speak HTTP/2: it is not a branch, or one that is stopping\n"
	if errs.String() != want || out.Len() > 0 {
		t.Errorf("%q and %q, want %q", errs.String(), out.String(), want)
	}
}
