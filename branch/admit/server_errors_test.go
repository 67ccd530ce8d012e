package admit_test

import (
	"bytes"
	"log"
	"log/slog"
	"strings"
	"testing"
	"time"

	"passbook.example/passbook/branch/admit"
)

// Whoever opens connections and gives them up fills no log, and each TLS handshake that
// fails is told.
func TestConnectionsThatAreGivenUp(t *testing.T) {
	now := time.Unix(1e9, 0)
	var logged bytes.Buffer
	var told []string
	l := log.New(&admit.ServerErrors{
		Logger: slog.New(slog.NewTextHandler(&logged, nil)), Now: func() time.Time { return now },
		Handshake: func(from, why string) { told = append(told, from+" "+why) },
	}, "", 0)
	for range 1000 {
		l.Printf("http: TLS handshake error from [::1]:7: %s", "remote error: tls: bad certificate")
	}
	l.Print("http: something else")
	if n := strings.Count(logged.String(), "given up"); n != 1 {
		t.Errorf("logged %d times: %s", n, &logged)
	}
	if len(told) != 1000 || told[0] != "[::1]:7 remote error: tls: bad certificate" {
		t.Errorf("told %d times: %q", len(told), told[0])
	}
	now = now.Add(10 * time.Second)
	l.Print("http: once more")
	if got := logged.String(); !strings.Contains(got, "once more") || !strings.Contains(got, "more=1000") {
		t.Errorf("logged %s", got)
	}
}
