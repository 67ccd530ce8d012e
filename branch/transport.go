package branch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"passbook.example/passbook/branch/port"
)

// dialTimeout bounds the wait for a connection to a peer.
const dialTimeout = 5 * time.Second

// PeerTransport carries calls and streams between branches. Those that share
// one reach each other through memory, and others over TCP.
type PeerTransport struct {
	*http.Transport
	neighbours neighbours
}

// NewPeerTransport returns one that no branch uses yet. Customers' calls never
// share its connections.
func NewPeerTransport() *PeerTransport { return &PeerTransport{Transport: newTransport()} }

// addNeighbour makes calls to the addresses come to a branch of this process:
// they wait until it is opened, and go over TCP once it has left.
func (t *PeerTransport) addNeighbour(addresses ...string) *neighbour { return t.neighbours.add(addresses...) }

// RoundTrip implements http.RoundTripper.
func (t *PeerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if res, found, err := t.neighbours.roundTrip(req); found {
		return res, err
	}
	return t.Transport.RoundTrip(req)
}

// newTransport returns a transport for calls between branches over TCP: HTTP/2
// in clear text, pings so that a frozen peer is found, and windows that bound
// what a peer can make this branch buffer.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: -1, Control: port.Share}
	t := &http.Transport{
		DialContext: dialer.DialContext,
		Protocols:   new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 4<<20 - 1,
			MaxReceiveBufferPerStream:     256 << 10,
			MaxReadFrameSize:              16 << 10,
			SendPingTimeout:               15 * time.Second,
			PingTimeout:                   5 * time.Second,
			WriteByteTimeout:              10 * time.Second,
		},
		IdleConnTimeout: 90 * time.Second,
	}
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}

// doer sends requests, as an http.Client does.
type doer interface {
	Do(req *http.Request) (*http.Response, error)
}

// addressedClient sends each call to the branch that its context names: a client
// for each pair of branches would cost more than all the links.
type addressedClient struct{ next doer }

// newAddressedClient returns a client whose calls go through next.
func newAddressedClient(next doer) *addressedClient { return &addressedClient{next: next} }

type addressKey struct{}

// callTo returns a context for calls to the branch at the address.
func callTo(ctx context.Context, address *string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// Do implements connect.HTTPClient.
func (c *addressedClient) Do(req *http.Request) (*http.Response, error) {
	address, ok := req.Context().Value(addressKey{}).(*string)
	if !ok {
		return nil, errors.New("call to a peer names no peer")
	}
	req.URL.Host, req.Host = *address, ""
	return c.next.Do(req)
}
