package port

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeMachine has a port that something holds until a moment.
type fakeMachine struct {
	held  Holder
	until time.Time
}

func (m *fakeMachine) machine() machine {
	return machine{
		bind: func(string) (net.Listener, error) {
			if time.Now().Before(m.until) {
				return nil, &net.OpError{Op: "listen", Err: syscall.EADDRINUSE}
			}
			return &net.TCPListener{}, nil
		},
		holders: func(string, int) []Holder {
			if m.held.State == Unknown {
				return nil
			}
			h := m.held
			h.Left = time.Until(m.until)
			return []Holder{{State: Ended}, h}
		},
	}
}

var there = netip.MustParseAddrPort("10.0.0.9:443")

// A port that will be free by itself is waited for, and that is told once; one
// that won't is said at once, or after a bound.
func TestAPortIsWaitedFor(t *testing.T) {
	for name, test := range map[string]struct {
		held       Holder
		free       time.Duration
		want       time.Duration
		told, fail string
	}{
		"free":    {held: Holder{}, free: 0, want: 0},
		"unknown": {held: Holder{}, free: 3 * time.Second, want: 3 * time.Second, told: "port 50051 is taken by something that the system doesn't tell of; waiting for it, 10s at most"},
		"ended":   {held: Holder{State: Ended, Remote: there}, free: 60 * time.Second, want: 60 * time.Second, told: "port 50051 is taken for 1m0s more by what is left of a connection to 10.0.0.9:443 that has ended (TIME_WAIT); waiting for it, 1m5s at most"},
		"used":    {held: Holder{State: Used, Remote: there}, free: 9 * time.Second, want: 9 * time.Second, told: ", for its end of a connection to 10.0.0.9:443; waiting for it, 10s at most"},
		"kept":    {held: Holder{State: Used, Remote: there}, free: time.Hour, want: usedWait, told: "10s at most", fail: ", for its end of a connection to 10.0.0.9:443"},
		"served":  {held: Holder{State: Listening}, free: time.Second, want: 0, fail: ", which listens there"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				m := fakeMachine{held: test.held, until: began.Add(test.free)}
				var told []string
				l, err := m.machine().listen(t.Context(), "127.0.0.1", 50051, func(text string) { told = append(told, text) })
				if waited := time.Since(began); waited < test.want || waited > test.want+retryDelay {
					t.Errorf("waited for %v, want %v", waited, test.want)
				}
				text := strings.Join(told, "\n")
				if (test.told == "") != (text == "") || !strings.HasSuffix(text, test.told) || len(told) > 1 {
					t.Errorf("told %q, want %q once", told, test.told)
				}
				if test.fail == "" && (l == nil || err != nil) {
					t.Errorf("got %v", err)
				}
				var taken *TakenError
				if test.fail != "" && (!errors.As(err, &taken) || !errors.Is(err, syscall.EADDRINUSE) || !strings.HasSuffix(err.Error(), test.fail) || taken.Port != 50051) {
					t.Errorf("got %v, want %q", err, test.fail)
				}
			})
		})
	}
}

// Who no longer wants the port does not wait for it.
func TestTheWaitForAPortCanBeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("interrupt")
		m := fakeMachine{held: Holder{State: Ended, Remote: there}, until: time.Now().Add(time.Minute)}
		_, err := m.machine().listen(ctx, "127.0.0.1", 50051, func(string) { cancel(cause) })
		if !errors.Is(err, cause) || !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("got %v", err)
		}
	})
}
