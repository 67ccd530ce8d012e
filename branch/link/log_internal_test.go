package link

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/peernet"
)

// linkStory is a bank in one process, and what its links log.
type linkStory struct {
	*Log
	began time.Time
	out   bytes.Buffer
}

// newLinkStory returns one of n branches that have all their links.
func newLinkStory(n ledger.BranchID) *linkStory {
	s := &linkStory{began: time.Now()}
	s.Log = NewLog(slog.New(slog.NewTextHandler(&s.out, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Duration("at", time.Since(s.began))
			}
			return a
		},
	})))
	for id := range n {
		var peers []ledger.BranchID
		for other := range n {
			if other != id {
				peers = append(peers, other+1)
			}
		}
		s.join(id+1, peers)
	}
	for id := range n {
		s.each(id+1, n, s.up)
	}
	return s
}

func (s *linkStory) each(id, n ledger.BranchID, do func(a, b ledger.BranchID)) {
	for other := range n {
		if other+1 != id {
			do(id, other+1)
		}
	}
}

func (s *linkStory) up(a, b ledger.BranchID) {
	s.noteUp(pair{a, b})
	s.noteUp(pair{b, a})
}

func (s *linkStory) down(a, b ledger.BranchID) {
	s.noteDown(pair{a, b}, errors.New("connection refused"))
	s.noteDown(pair{b, a}, fmt.Errorf("EOF"))
}

// check waits, and compares what has been logged since the last time.
func (s *linkStory) check(t *testing.T, wait time.Duration, want ...string) {
	t.Helper()
	time.Sleep(wait) // on the fake clock
	synctest.Wait()
	got := strings.Split(strings.TrimSuffix(s.out.String(), "\n"), "\n")
	s.out.Reset()
	if got[0] == "" {
		got = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after %v (-want +got):\n%s", time.Since(s.began), diff)
	}
}

func linkTest(t *testing.T, n ledger.BranchID, f func(*testing.T, *linkStory)) {
	synctest.Test(t, func(t *testing.T) { f(t, newLinkStory(n)) })
}

func TestALinkThatIsDownForLongIsLogged(t *testing.T) {
	linkTest(t, 3, func(t *testing.T, s *linkStory) {
		s.check(t, time.Hour)
		s.down(1, 2)
		s.check(t, 2*time.Second)
		s.up(1, 2)
		s.check(t, time.Hour) // it was back soon
		s.down(1, 2)
		s.check(t, 2*time.Second)
		s.down(1, 2)
		s.check(t, 2*time.Second, `at=2h0m5s level=WARN msg="Branch 1: link to branch 2 is down for 3s" branch=1 peers=[2] cause="connection refused"`)
		s.check(t, time.Hour)
		s.up(1, 2)
		s.check(t, time.Hour, `at=3h0m8s level=INFO msg="Branch 1: link to branch 2 is up again after 1h0m4s" branch=1 peers=[2]`)
	})
}

// A link that breaks again and again is logged once a minute.
func TestALinkThatKeepsBreakingIsLoggedOnceAMinute(t *testing.T) {
	linkTest(t, 2, func(t *testing.T, s *linkStory) {
		for range 30 {
			s.down(1, 2)
			time.Sleep(5 * time.Second)
			s.up(1, 2)
			time.Sleep(5 * time.Second)
		}
		s.check(t, time.Hour,
			`at=3s level=WARN msg="Branch 1: link to branch 2 is down for 3s" branch=1 peers=[2] cause="connection refused"`,
			`at=7s level=INFO msg="Branch 1: link to branch 2 is up again after 5s" branch=1 peers=[2]`,
			`at=1m3s level=WARN msg="Branch 1: link to branch 2 is down for 3s" branch=1 peers=[2] cause="connection refused"`,
			`at=1m7s level=INFO msg="Branch 1: link to branch 2 is up again after 5s" branch=1 peers=[2]`,
			`at=2m3s level=WARN msg="Branch 1: link to branch 2 is down for 3s" branch=1 peers=[2] cause="connection refused"`,
			`at=2m7s level=INFO msg="Branch 1: link to branch 2 is up again after 5s" branch=1 peers=[2]`,
			`at=3m3s level=WARN msg="Branch 1: link to branch 2 is down for 3s" branch=1 peers=[2] cause="connection refused"`,
			`at=3m7s level=INFO msg="Branch 1: link to branch 2 is up again after 5s" branch=1 peers=[2]`,
			`at=4m3s level=WARN msg="Branch 1: link to branch 2 is down for 3s" branch=1 peers=[2] cause="connection refused"`,
			`at=4m7s level=INFO msg="Branch 1: link to branch 2 is up again after 5s" branch=1 peers=[2]`,
		)
	})
}

// A link that is up for a moment only has been down all the time.
func TestALinkThatComesBackForAMomentIsStillDown(t *testing.T) {
	linkTest(t, 2, func(t *testing.T, s *linkStory) {
		s.down(1, 2)
		s.check(t, 5*time.Second, `at=3s level=WARN msg="Branch 1: link to branch 2 is down for 3s" branch=1 peers=[2] cause="connection refused"`)
		s.up(1, 2)
		time.Sleep(linkGather / 2)
		s.down(1, 2)
		s.check(t, time.Hour)
		s.up(1, 2)
		s.check(t, time.Minute, `at=1h0m8s level=INFO msg="Branch 1: link to branch 2 is up again after 1h0m6s" branch=1 peers=[2]`)
	})
}

// In a bank of 50, a branch that is gone is one line, and so is its return.
func TestABranchThatIsGoneIsOneLine(t *testing.T) {
	const n = 50
	linkTest(t, n, func(t *testing.T, s *linkStory) {
		s.leave(20)
		s.each(20, n, func(_, other ledger.BranchID) {
			time.Sleep(10 * time.Millisecond)
			s.noteDown(pair{other, 20}, errors.New("connection refused"))
		})
		peers := "peers=" + fmt.Sprint(allBut(20, n))
		s.check(t, time.Hour, `at=3s level=WARN msg="Branch 20: links to branches 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 39 more are down for 3s" branch=20 `+quoted(peers)+` cause="connection refused"`)
		s.each(20, n, func(_, other ledger.BranchID) {
			time.Sleep(30 * time.Millisecond)
			s.noteUp(pair{other, 20})
		})
		s.check(t, time.Hour, `at=1h0m2.52s level=INFO msg="Branch 20: links to branches 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 39 more are up again after 1h0m1s" branch=20 `+quoted(peers))
	})
}

func allBut(id, n ledger.BranchID) (out []ledger.BranchID) {
	for other := range n {
		if other+1 != id {
			out = append(out, other+1)
		}
	}
	return out
}

// quoted is an attribute as the text handler writes it.
func quoted(attr string) string {
	key, value, _ := strings.Cut(attr, "=")
	return key + "=" + fmt.Sprintf("%q", value)
}

// A bank that is split in two has more links down than are worth a line each.
func TestLinesOfLinksAreBounded(t *testing.T) {
	const n = 50
	linkTest(t, n, func(t *testing.T, s *linkStory) {
		for a := range ledger.BranchID(n / 2) {
			for b := range ledger.BranchID(n / 2) {
				s.down(a+1, n/2+b+1)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(s.out.String()), "\n")
		if len(lines) != maxLinkLines+1 || !strings.Contains(lines[maxLinkLines], `msg="425 more links are down"`) {
			t.Errorf("%d lines, want %d; the last: %s", len(lines), maxLinkLines+1, lines[len(lines)-1])
		}
	})
}

// A branch that stops logs nothing, and one that said so is no warning to others.
func TestABranchThatStopsIsNoWarning(t *testing.T) {
	linkTest(t, 2, func(t *testing.T, s *linkStory) {
		s.leave(1)
		s.noteDown(pair{1, 2}, errors.New("EOF"))
		s.noteDown(pair{2, 1}, errors.New("EOF"))
		s.leave(2)
		s.check(t, time.Hour)
	})
	said := connect.NewWireError(connect.CodeUnavailable, api.ErrStopping)
	linkTest(t, 3, func(t *testing.T, s *linkStory) {
		s.leave(2)
		s.noteDown(pair{3, 2}, fmt.Errorf("link from branch 2 ended: %w", errParted))
		s.noteDown(pair{1, 2}, said)
		s.noteDown(pair{1, 2}, errors.New("connection refused"))
		s.check(t, time.Hour, `at=3s level=INFO msg="Branch 2: links to branches 1 and 3 are down for 3s: branch 2 ended it" branch=2 peers="[1 3]" cause="connection refused"`)
	})
}

// A branch that waits to be dialed says by whom.
func TestALinkThatWasNeverUpIsLogged(t *testing.T) {
	linkTest(t, 0, func(t *testing.T, s *linkStory) {
		s.join(2, []ledger.BranchID{1, 3})
		s.noteDown(pair{2, 3}, errors.New("connection refused"))
		s.check(t, time.Hour, `at=3s level=WARN msg="Branch 2: links to branches 1 and 3 are down for 3s" branch=2 peers="[1 3]" cause="branch 1, which dials it, has not done so"`)
	})
}

// refused is a network on which nobody can be reached.
type refused struct{}

func (refused) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

// A peer that refuses to be connected to is down all the time: a link that is dialed
// is up only once the peer is heard.
func TestALinkThatIsOnlyDialedIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLinkStory(0)
		p := serveLinks(t, peernet.NewClient(&http.Client{Transport: refused{}}))
		p.cfg.Log = s.Log
		delete(p.peers, 1)
		p.Join()
		p.Dial()
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			p.turn()
		}
		s.check(t, time.Minute, `at=3s level=WARN msg="Branch 2: link to branch 3 is down for 3s" branch=2 peers=[3] cause="unavailable: connection refused"`)
	})
}
