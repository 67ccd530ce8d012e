package link

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/engine"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/simulation"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// servedLinks are the links of branch 2 of three. The others are the test, which
// reaches them through memory, so it can run in a bubble of package synctest. Nothing
// runs the branch's engine.
type servedLinks struct {
	*Links
	t       *testing.T
	engine  *engine.Engine
	replica *replica.Replica
	// client calls the branch.
	client bankv1connect.PeerServiceClient
	// took gets how long each call was in the links' hands.
	took chan time.Duration
	// cut ends the links.
	cut context.CancelFunc
}

// serveLinks serves links until the test ends, whose calls to peers go to nowhere.
func serveLinks(t *testing.T, nowhere connect.HTTPClient) *servedLinks {
	t.Helper()
	c, err := simulation.NewDisk([]ledger.BranchID{1, 2, 3}, 0).Boot()
	if err != nil {
		t.Fatal(err)
	}
	c.ID, c.PeerTimeout, c.Proposal = 2, 1000, simulation.Proposal(2, 0)
	r, err := replica.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := &servedLinks{t: t, replica: r, took: make(chan time.Duration, 100)}
	s.engine = engine.New(engine.Config{Replica: r, Journal: noJournal{}, Started: time.Now(), Outlet: linksOutlet{s}, Observer: noObserver{}})
	ended, cut := context.WithCancel(context.Background())
	s.cut = cut
	var tasks sync.WaitGroup
	logger := slog.New(slog.DiscardHandler)
	s.Links = New(Config{
		ID: 2, Addresses: map[uint32]string{1: "", 2: "", 3: ""}, Engine: s.engine, Client: nowhere, CloseIdle: func() {},
		Arrive: func(context.Context, func()) (Arrival, func()) { return anyArrival{}, func() {} },
		Spawn: func(task func()) bool {
			tasks.Go(task)
			return true
		},
		Ended: ended, Log: NewLog(logger), Story: noStory{}, Life: noLife{}, Logger: logger,
	})
	path, handler := s.Handler(connect.WithInterceptors(api.ErrorInterceptor{Logger: logger}))
	mux := http.NewServeMux()
	mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
		began := time.Now()
		defer func() { s.took <- time.Since(began) }()
		handler.ServeHTTP(w, req)
	})
	transport := peernet.New()
	here := transport.Add("branch-2")
	here.Open(&http.Server{Handler: mux}, nil)
	s.client = bankv1connect.NewPeerServiceClient(&http.Client{Transport: transport}, "http://branch-2", connect.WithGRPC())
	t.Cleanup(func() {
		cut()
		here.Abort()
		here.Wait()
		tasks.Wait()
	})
	return s
}

// turn does what waits for the engine.
func (s *servedLinks) turn() {
	if err := s.engine.Step(); err != nil {
		s.t.Error(err)
	}
}

// linksOutlet takes messages to the links.
type linksOutlet struct{ *servedLinks }

func (linksOutlet) Committed(*ledger.Commit)     {}
func (o linksOutlet) Send(m protocol.Message)    { o.Links.Send(m) }
func (o linksOutlet) Refused(r protocol.Refusal) { o.Links.Refused(r) }
func (linksOutlet) StateChanged(protocol.State)  {}

type noJournal struct{}

func (noJournal) Commit(*ledger.Commit) error { return nil }

// CommitMeanwhile implements engine.Journal.
func (j noJournal) CommitMeanwhile(c *ledger.Commit, work func()) error {
	work()
	return j.Commit(c)
}

// Sign implements engine.Journal.
func (noJournal) Sign(*ledger.Outline) error { return nil }

type noObserver struct{}

func (noObserver) Observe(*replica.Replica, *ledger.Commit) {}

type noStory struct{}

func (noStory) Sent(ledger.BranchID, *protocol.Frame) {}

// noLife shows nothing.
type noLife struct{}

func (noLife) Sending(protocol.Message)  {}
func (noLife) Received(protocol.Message) {}

// anyArrival is a call that nothing bounds.
type anyArrival struct{}

func (anyArrival) Greet() func()    { return func() {} }
func (anyArrival) InterruptWrites() {}
