package console

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/api"
)

// The same line is logged once a minute, and says then how often it was not; lines
// that differ in what they are about are not the same.
func TestRepeatedLinesAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		began := time.Now()
		log := slog.New(newRepeats(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: api.LevelEvents, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Duration("at", time.Since(began))
			}
			return a
		}})))
		for i := range 1200 { // ten a second
			one := log.With("branch", 1)
			one.Warn("call failed", "procedure", "/Deposit", "error", fmt.Errorf("attempt %d", i))
			if i == 5 {
				one.Error("call failed", "procedure", "/Deposit")
				one.Warn("call failed", "procedure", "/Withdraw")
				log.With("branch", 2).Warn("call failed", "procedure", "/Deposit")
				log.WithGroup("g").Warn("call failed", "branch", 1, "procedure", "/Deposit")
				log.Log(t.Context(), api.LevelEvents, "event")
				log.Log(t.Context(), api.LevelEvents, "event")
				log.Debug("not at all")
			}
			time.Sleep(100 * time.Millisecond)
		}
		want := []string{
			`at=0s level=WARN msg="call failed" branch=1 procedure=/Deposit error="attempt 0"`,
			`at=500ms level=ERROR msg="call failed" branch=1 procedure=/Deposit`,
			`at=500ms level=WARN msg="call failed" branch=1 procedure=/Withdraw`,
			`at=500ms level=WARN msg="call failed" branch=2 procedure=/Deposit`,
			`at=500ms level=WARN msg="call failed" g.branch=1 g.procedure=/Deposit`,
			`at=500ms level=DEBUG+3 msg=event`,
			`at=500ms level=DEBUG+3 msg=event`,
			`at=1m0s level=WARN msg="call failed" branch=1 procedure=/Deposit error="attempt 600" repeated=599`,
		}
		if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(out.String()), "\n")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestLinesRememberedAreBounded(t *testing.T) {
	s := &seenLines{lines: map[string]*seenLine{}}
	now := time.Now()
	for i := range 3 * maxRepeats {
		if _, ok := s.pass(fmt.Sprint(i), now); !ok {
			t.Fatalf("line %d is not logged", i)
		}
		if len(s.lines) > maxRepeats {
			t.Fatalf("%d lines are remembered", len(s.lines))
		}
	}
}
