package branch

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/engine"
	"passbook.example/passbook/branch/feed"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/link"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/simulation"
)

// servedBranch is the port of branch 2 of three, in memory, so that it can be served
// in a bubble of package synctest. Nothing runs the branch's engine.
type servedBranch struct {
	*Branch
	t       *testing.T
	replica *replica.Replica
	network *pipes
	client  *http.Client
	// took receives how long the server worked on each call.
	took chan time.Duration
}

// servePort serves a port until the test ends.
func servePort(t *testing.T) *servedBranch {
	t.Helper()
	return serveFeed(t, func(b *Branch) feed.Source { return feedSource{b} })
}

// serveFeed is servePort with the branch's feed.
func serveFeed(t *testing.T, source func(*Branch) feed.Source) *servedBranch {
	t.Helper()
	ids := []ledger.BranchID{1, 2, 3}
	disk := simulation.NewDisk(ids, 0)
	c, err := disk.Boot()
	if err != nil {
		t.Fatal(err)
	}
	c.ID, c.PeerTimeout, c.Proposal = 2, 1000, simulation.Proposal(2, 0)
	r, err := replica.New(c)
	if err != nil {
		t.Fatal(err)
	}
	p := &servedBranch{t: t, network: &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}, took: make(chan time.Duration, 100)}
	p.Branch = &Branch{
		cfg: Config{Addresses: map[uint32]string{1: "", 2: "", 3: ""}}.withDefaults(), id: 2, logger: slog.New(slog.DiscardHandler),
		listener: p.network, openings: admit.NewOpenings(),
	}
	observer := feed.NewObserver(2)
	p.replica = r
	p.engine = engine.New(engine.Config{Replica: r, Journal: nowhere{}, Started: time.Now(), Outlet: outlet{p.Branch}, Observer: observer})
	p.feed = feed.New(p.feedConfig(), observer, source(p.Branch))
	p.linksCtx, p.cutLinks = context.WithCancel(context.Background())
	p.links = link.New(p.linkConfig())
	p.newServer()
	handler := p.server.Handler
	p.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		began := time.Now()
		defer func() { p.took <- time.Since(began) }()
		handler.ServeHTTP(w, req)
	})
	// A small window, so an unread reply stays at the branch.
	transport := &http.Transport{DialContext: p.network.dial, Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	p.client = &http.Client{Transport: transport}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := p.server.Serve(p.connections); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		p.feed.Stop()
		p.cutLinks()
		transport.CloseIdleConnections()
		_ = p.server.Close()
		serving.Wait()
		p.tasks.Wait()
	})
	return p
}

// nowhere is a journal that keeps nothing.
type nowhere struct{}

// Commit implements engine.Journal.
func (nowhere) Commit(*ledger.Commit) error { return nil }

// CommitMeanwhile implements engine.Journal.
func (j nowhere) CommitMeanwhile(c *ledger.Commit, work func()) error {
	work()
	return j.Commit(c)
}

// Sign implements engine.Journal.
func (nowhere) Sign(*ledger.Outline) error { return nil }

// pipes is a listener in memory.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.accept <- there:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener.
func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }
