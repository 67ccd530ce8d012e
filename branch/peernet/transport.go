package peernet

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"passbook.example/passbook/branch/port"
)

// DialTimeout bounds the wait for a connection to a peer.
const DialTimeout = 5 * time.Second

// Transport carries calls and streams between branches. Branches that share one
// reach each other through memory, and others over TCP.
type Transport struct {
	// Transport is the way over TCP.
	*http.Transport
	// neighbours are the branches that share this one.
	neighbours neighbours

	mu sync.Mutex
	// secured carry the calls of the branches that have certificates.
	secured map[uint32]*Secured
}

// New returns a transport that no branch uses yet. Customers' calls never share its
// connections.
func New() *Transport { return &Transport{Transport: NewTCP()} }

// Add makes calls to the addresses come to a branch of this process. They wait until
// it is opened, and go over TCP once it has left.
func (t *Transport) Add(addresses ...string) *Neighbour { return t.neighbours.add(addresses...) }

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if res, found, err := t.neighbours.roundTrip(req); found {
		return res, err
	}
	return t.over(req).RoundTrip(wholeMessages(req))
}

// NewTCP returns a transport for calls between branches over TCP: HTTP/2 in clear
// text, with pings that find a frozen peer, and with windows that bound how much a
// peer can make this branch buffer.
func NewTCP() *http.Transport {
	dialer := &net.Dialer{Timeout: DialTimeout, KeepAlive: -1, Control: port.Share}
	t := &http.Transport{
		DialContext: dialer.DialContext,
		Protocols:   new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 8 << 20,
			MaxReceiveBufferPerStream:     6 << 20,
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

// httpClient sends requests, as an http.Client does.
type httpClient interface {
	Do(req *http.Request) (*http.Response, error)
}

// Client sends each call to the branch that its context names. A client of its own
// for each pair of branches would cost more memory than all the links.
type Client struct {
	// next sends the calls.
	next httpClient
}

// NewClient returns a client whose calls go through next.
func NewClient(next httpClient) *Client { return &Client{next: next} }

// Way is the way from one branch to another one.
type Way struct {
	// From is the branch that calls.
	From uint32
	// Address is host:port of the one that is called.
	Address string
}

type wayKey struct{}

// To returns a context for calls to another branch. The way must not change.
func To(ctx context.Context, way *Way) context.Context {
	return context.WithValue(ctx, wayKey{}, way)
}

// wayOf returns the way of a call; nil for a call to nobody in particular.
func wayOf(ctx context.Context) *Way {
	way, _ := ctx.Value(wayKey{}).(*Way)
	return way
}

// Do implements connect.HTTPClient.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	way := wayOf(req.Context())
	if way == nil {
		return nil, errors.New("call to a peer names no peer")
	}
	req.URL.Host, req.Host = way.Address, ""
	return c.next.Do(req)
}
