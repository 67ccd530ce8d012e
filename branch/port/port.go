// Package port opens the ports that branches listen on, waits for those that will
// be free by themselves, and says what has the others.
//
// Ports of branches usually lie in the range from which the system takes those of
// outgoing connections. A connection of any program may have one when a branch
// wants it, also for a minute after it has ended (TIME_WAIT), unless it was made
// with [Share]. Nobody can be stopped then to free the port: it has to be waited
// for, or another one chosen.
package port

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	// endedWait is how long a port is waited for that a connection has which has
	// ended. Linux keeps it for 60 s.
	endedWait = 65 * time.Second
	// usedWait is how long a port is waited for that a connection uses, or of
	// which nobody knows what has it.
	usedWait = 10 * time.Second
	// retryDelay is the pause before it is tried again.
	retryDelay = 200 * time.Millisecond
)

// State is what a socket does with its port.
type State int

// The states, the gravest last.
const (
	// Unknown is that of what the system does not tell of.
	Unknown State = iota
	// Ended is that of a connection that is over (TIME_WAIT).
	Ended
	// Used is that of a connection.
	Used
	// Listening is that of a server.
	Listening
)

// Holder is a socket that keeps others from listening on a port.
type Holder struct {
	// State says what kind of socket it is.
	State State
	// Remote is the other end of a connection.
	Remote netip.AddrPort
	// Left is how long an ended connection keeps its port.
	Left time.Duration
	// User is whose the socket is, inode its number in the system.
	User  int
	inode uint64
}

// String says what has a port, to follow "the port is taken".
func (h Holder) String() string {
	switch h.State {
	case Listening:
		return "by " + h.owner() + ", which listens there"
	case Used:
		return fmt.Sprintf("by %s, for its end of a connection to %v", h.owner(), h.Remote)
	case Ended:
		return fmt.Sprintf("for %v more by what is left of a connection to %v that has ended (TIME_WAIT)", h.Left.Round(time.Second), h.Remote)
	}
	return "by something that the system doesn't tell of"
}

// TakenError says that a port is taken, and stays so.
type TakenError struct {
	// Port is the port's number.
	Port int
	// Holder is the socket that has it.
	Holder Holder
}

// Error implements error.
func (e *TakenError) Error() string { return fmt.Sprintf("port %d is taken %v", e.Port, e.Holder) }

// Unwrap returns what the system calls it.
func (e *TakenError) Unwrap() error { return syscall.EADDRINUSE }

// Listen listens on a TCP port of a host, an address of this machine. One that
// will be free by itself it waits for, up to a bound, and tells so once for each
// cause. It returns a [*TakenError] if something else has the port, with the cause of
// ctx if that ends first, and else what net.Listen does.
func Listen(ctx context.Context, host string, number int, tell func(string)) (net.Listener, error) {
	return system.listen(ctx, host, number, tell)
}

// machine is what Listen knows of the system.
type machine struct {
	// bind listens on an address.
	bind func(address string) (net.Listener, error)
	// holders returns what keeps others from listening on an address.
	holders func(host string, number int) []Holder
}

var system = machine{
	bind:    func(address string) (net.Listener, error) { return net.Listen("tcp", address) },
	holders: holders,
}

func (m machine) listen(ctx context.Context, host string, number int, tell func(string)) (net.Listener, error) {
	began := time.Now()
	told := State(-1)
	for {
		l, err := m.bind(net.JoinHostPort(host, strconv.Itoa(number)))
		if !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
		h := gravest(m.holders(host, number))
		most := h.wait()
		if time.Since(began) >= most {
			return nil, &TakenError{Port: number, Holder: h}
		}
		if h.State != told {
			told = h.State
			tell(fmt.Sprintf("port %d is taken %v; waiting for it, %v at most", number, h, most))
		}
		select {
		case <-time.After(retryDelay):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w; no longer waiting for it: %w", &TakenError{Port: number, Holder: h}, context.Cause(ctx))
		}
	}
}

// wait returns how long a port that the holder has is waited for.
func (h Holder) wait() time.Duration {
	switch h.State {
	case Listening:
		return 0
	case Ended:
		return endedWait
	}
	return usedWait
}

// gravest returns the holder that frees the port last.
func gravest(all []Holder) Holder {
	if len(all) == 0 {
		return Holder{}
	}
	return slices.MaxFunc(all, func(a, b Holder) int {
		if a.State != b.State {
			return int(a.State - b.State)
		}
		return int(a.Left - b.Left)
	})
}
