package branch

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/link"
	"passbook.example/passbook/branch/peernet"
)

// linkConfig returns what the links to peers work with.
func (b *Branch) linkConfig() link.Config {
	b.transport = b.cfg.PeerTransport
	b.secureTransport()
	var client connect.HTTPClient = &http.Client{Transport: b.transport}
	if b.cfg.Faults != nil {
		client = b.breaker.Client(client)
	}
	config := link.Config{
		ID: b.id, Addresses: b.cfg.Addresses, Engine: b.engine, Client: peernet.NewClient(client), CloseIdle: b.transport.CloseIdleConnections,
		Arrive: b.arrive, Spawn: b.spawn, Ended: b.linksCtx, Log: b.cfg.LinkLog, Signatures: b.checker(), Story: b.story, Life: b.follower, Logger: b.logger,
	}
	if b.trace != nil {
		config.Trace = b.trace
	}
	return config
}

// arrive counts a call that is to become an accepted link.
func (b *Branch) arrive(ctx context.Context, giveWay func()) (link.Arrival, func()) {
	return arrival{admit.LinkBodyOf(ctx), admit.ConnectionOf(ctx)}, b.openings.Enter(giveWay)
}

// arrival is a call that is to become an accepted link.
type arrival struct {
	*admit.LinkBody
	connection *admit.Connection // nil for a call through memory
}

// Greet implements link.Arrival.
func (a arrival) Greet() (done func()) {
	a.LinkBody.Greet()
	a.connection.EnterPeer()
	return a.connection.Leave
}
