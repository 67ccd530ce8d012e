package link

import (
	"context"
	"log/slog"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/bound"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Links are the links of one branch to all others of its bank, and the calls to
// them.
type Links struct {
	// cfg is what New was given.
	cfg Config
	// peers are the other branches.
	peers map[ledger.BranchID]*peer
	// copies belongs to the engine's goroutine.
	copies copies
	// dialer opens links to the peer that the context names.
	dialer *linkClient
	// service calls the peer that the context names.
	service bankv1connect.PeerServiceClient
	// customers calls that peer too, as its customers do.
	customers bankv1connect.BranchServiceClient
}

// Config is what links work with. Only Signatures and Trace are optional.
type Config struct {
	// ID is this branch.
	ID ledger.BranchID
	// Addresses are host:port of every branch of the bank, this one included.
	Addresses map[uint32]string
	// Engine has the replica.
	Engine Engine
	// Client sends calls to the address in their context, as [peernet.Client] does.
	Client connect.HTTPClient
	// CloseIdle closes connections to peers on which there is no call: a peer that is
	// stopping waits for that.
	CloseIdle func()
	// Arrive tells the branch's bounds of a call that is to become an accepted link.
	// They may make it give way until the function leave is called.
	Arrive func(ctx context.Context, giveWay func()) (a Arrival, leave func())
	// Spawn runs a task that the branch waits for when it stops. It reports false
	// when that has happened.
	Spawn func(task func()) bool
	// Ended ends when the links and the calls to peers are to end.
	Ended context.Context //nolint:containedctx // it is the branch's, not a call's
	// Log logs which links are down for long.
	Log *Log
	// Signatures checks the signatures of what comes; nil where nobody signs.
	Signatures Signatures
	// Story is told of the frames that are sent.
	Story Story
	// Life is told of all messages, for those who follow a request.
	Life Life
	// Trace keeps the branch's logical clocks; nil if it has none.
	Trace Trace
	// Logger is where everything else is logged.
	Logger *slog.Logger
}

// Engine runs functions on the replica: package engine has the real one.
type Engine interface {
	// Post queues f, which is called between two steps. It reports false when the
	// engine has ended.
	Post(f func(*replica.Replica)) bool
	// PostInput is Post for the method Enter, which needs no closure.
	PostInput(in interface{ Enter(r *replica.Replica) }) bool
}

// Arrival is the call by which a link is accepted, as the branch's bounds see it.
type Arrival interface {
	// Greet notes that the link's hello is accepted: from now on any amount may come
	// on it, and its connection is at work until done is called.
	Greet() (done func())
	// InterruptWrites fails a write that the other side does not read.
	InterruptWrites()
}

// Story tells what happens to writes.
type Story interface {
	// Sent tells of a frame that goes to a peer.
	Sent(to ledger.BranchID, f *protocol.Frame)
}

// Life shows what happens to requests that somebody follows. Its methods are called by
// the engine's goroutine.
type Life interface {
	// Sending tells of a message that goes to a peer: a frame once the link has taken it.
	Sending(m protocol.Message)
	// Received tells of a message of a peer, before the replica gets it.
	Received(m protocol.Message)
}

// Trace keeps logical clocks. Its methods are called by the engine's goroutine.
type Trace interface {
	// Sending notes that a link takes a frame for a peer, and returns where the clocks
	// stand; nil if nobody needs to know.
	Sending(to ledger.BranchID, f *protocol.Frame) []*bankv1.Stamp
	// Received takes where a peer's clocks stood. Its entries up to applied were
	// applied before the frame came.
	Received(from ledger.BranchID, stamps []*bankv1.Stamp, applied uint64)
}

// New returns the links of a branch. None of them is dialed yet.
func New(cfg Config) *Links {
	options := []connect.ClientOption{
		connect.WithGRPC(), connect.WithAcceptCompression("gzip", nil, nil),
		connect.WithReadMaxBytes(MaxMessage), connect.WithSendMaxBytes(MaxMessage),
	}
	l := &Links{
		cfg: cfg, peers: map[ledger.BranchID]*peer{},
		dialer:    newDialer(cfg.Client, options...),
		service:   bankv1connect.NewPeerServiceClient(cfg.Client, peerURL, options...),
		customers: bankv1connect.NewBranchServiceClient(cfg.Client, peerURL, options...),
	}
	for id, address := range cfg.Addresses {
		if id := ledger.BranchID(id); id != cfg.ID {
			l.peers[id] = &peer{links: l, id: id, way: peernet.Way{From: uint32(cfg.ID), Address: address}, accepted: bound.Count{Most: maxLinks}}
		}
	}
	return l
}

// Dial dials the links that this branch dials, those to peers with higher ids, and
// dials them again when they break.
func (l *Links) Dial() {
	for _, p := range l.peers {
		if p.id > l.cfg.ID {
			l.cfg.Spawn(func() { p.dial(l.cfg.Ended) })
		}
	}
}

// Join makes the log expect the links to be up. It is called before any of them can
// come up.
func (l *Links) Join() {
	others := make([]ledger.BranchID, 0, len(l.peers))
	for id := range l.peers {
		others = append(others, id)
	}
	l.cfg.Log.join(l.cfg.ID, others)
}

// Leave makes the log forget the links, which from now on go down on purpose.
func (l *Links) Leave() { l.cfg.Log.leave(l.cfg.ID) }

// Send sends a message to a peer: a frame on the link, if one is up, and anything
// else as a call. It never blocks. The engine calls it.
func (l *Links) Send(m protocol.Message) {
	p := l.peers[m.To]
	switch {
	case m.Frame != nil:
		if p.link != nil {
			l.cfg.Story.Sent(m.To, m.Frame)
			p.link.deliver(m.Frame, &l.copies)
			p.link.ping(m.Frame)
			l.cfg.Life.Sending(m)
		}
	case m.Claim != nil:
		l.cfg.Life.Sending(m)
		p.calls.start(l.cfg.Spawn, func() { p.claim(l.cfg.Ended, m.Claim) })
	case m.Collect != nil:
		l.cfg.Life.Sending(m)
		p.calls.start(l.cfg.Spawn, func() { p.collect(l.cfg.Ended, m.Collect) })
	}
}

// Call returns a client for calls to a peer as its customers call it, and the
// context to call it with. There must be such a peer.
func (l *Links) Call(ctx context.Context, to ledger.BranchID) (context.Context, bankv1connect.BranchServiceClient) {
	return l.peers[to].call(ctx), l.customers
}

// noteUp tells the log that there is a link to the peer.
func (l *Links) noteUp(peer ledger.BranchID) { l.cfg.Log.noteUp(pair{l.cfg.ID, peer}) }

// noteDown tells the log that there is no link to the peer, and why.
func (l *Links) noteDown(peer ledger.BranchID, why error) {
	l.cfg.Log.noteDown(pair{l.cfg.ID, peer}, why)
}
