package branch_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/branch/signature"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// branchOptions are what tests vary of branch.Config.
type branchOptions struct {
	PeerTimeout    time.Duration
	MaxConnections int
	MaxAccounts    int
	Bootstrap      bool
	Bank, BankID   string
	// RequireHomeBranch goes into branch.Config.
	RequireHomeBranch bool
	// Trace goes there, too.
	Trace          bool
	Acknowledge    bankv1.Acknowledge
	AllowedOrigins []string
	AllowedHosts   []string
	Page           http.Handler     `json:"-"`
	Faults         fault.Faults     `json:"-"`
	Security       *branch.Security `json:"-"`
	// Prover is how the test's own client proves who it is.
	Prover *tls.Config  `json:"-"`
	Logger *slog.Logger `json:"-"`
	// Signatures are what a branch signs and checks with.
	Signatures func(id uint32) *signature.Signatures `json:"-"`
}

func (o branchOptions) config(c processConfig, l net.Listener) branch.Config {
	var signatures *signature.Signatures
	if o.Signatures != nil {
		signatures = o.Signatures(c.ID)
	}
	return branch.Config{
		Signatures: signatures,
		ID:         c.ID, Addresses: c.Addresses, Opening: c.Opening, Dir: c.Dir, Listener: l,
		PeerTimeout: o.PeerTimeout, StartWait: time.Millisecond, Bank: o.Bank, BankID: o.BankID,
		MaxConnections: o.MaxConnections, MaxAccounts: o.MaxAccounts, Bootstrap: o.Bootstrap, RequireHomeBranch: o.RequireHomeBranch, Acknowledge: o.Acknowledge, Logger: o.Logger,
		AllowedOrigins: o.AllowedOrigins, AllowedHosts: o.AllowedHosts, Page: o.Page,
		Faults: o.Faults, Security: o.Security, Trace: o.Trace,
	}
}

// running is a branch that runs, in this process or in one of its own.
type running struct {
	address string
	ready   <-chan struct{}
	// stop stops the branch gracefully; done is closed when it has stopped, with err.
	stop func()
	done <-chan struct{}
	err  error
	// branch is nil for a branch in a process of its own, process for one in this process.
	branch  *branch.Branch
	process *process
}

// bank is a bank whose branches a test starts, stops and cuts off. Between any
// two branches is a road; customers call directly.
type bank struct {
	t       testing.TB
	ids     []uint32
	opening int64
	options branchOptions
	dir     string
	roads   map[[2]uint32]*road
	http    *http.Client
	// scheme begins the URLs of the branches.
	scheme string
	ctx    context.Context
	// inProcesses starts branches in processes of their own.
	inProcesses bool

	mu       sync.Mutex
	branches map[uint32]*running
	// steady says that none is being restarted, for tests that do that under load.
	steady bool
}

// testTimeout ends a wait for something that does not come.
const testTimeout = 40 * time.Second

// patient is a peer time-out that no slow machine reaches by itself.
const patient = 5 * time.Second

// newBank makes a bank of n branches, 1 to n, and starts none.
func newBank(t testing.TB, n int, opening int64, options branchOptions) *bank {
	t.Helper()
	if options.PeerTimeout == 0 {
		options.PeerTimeout = patient
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	b := &bank{
		t: t, opening: opening, options: options, dir: t.TempDir(), roads: map[[2]uint32]*road{}, http: &http.Client{Transport: transport}, scheme: "http://",
		ctx: ctx, branches: map[uint32]*running{},
	}
	if options.Prover != nil {
		transport.TLSClientConfig, b.scheme = options.Prover, "https://"
		transport.Protocols.SetHTTP2(true)
	}
	for i := range n {
		b.ids = append(b.ids, uint32(i+1))
	}
	for _, from := range b.ids {
		for _, to := range b.ids {
			if from < to { // links; calls go both ways
				b.roads[[2]uint32{from, to}] = newRoad(t, func() (string, bool) { return b.lookUp(to) })
				b.roads[[2]uint32{to, from}] = newRoad(t, func() (string, bool) { return b.lookUp(from) })
			}
		}
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		b.stopAll()
		transport.CloseIdleConnections()
		cancel()
	})
	return b
}

// runBank makes a bank of n branches and waits until they take writes.
func runBank(t testing.TB, n int, opening int64) *bank {
	t.Helper()
	return runBankWith(t, n, opening, branchOptions{})
}

func runBankWith(t testing.TB, n int, opening int64, options branchOptions) *bank {
	t.Helper()
	b := newBank(t, n, opening, options)
	b.startAll()
	return b
}

// startAll starts all branches and waits until they take writes.
func (b *bank) startAll() {
	b.t.Helper()
	for _, id := range b.ids {
		b.start(id)
	}
	for _, id := range b.ids {
		b.awaitReady(id)
	}
	b.awaitLinks()
}

// restart starts a branch again, and waits until it takes writes and all that
// run see each other.
func (b *bank) restart(id uint32) {
	b.t.Helper()
	b.start(id)
	b.awaitReady(id)
	b.awaitLinks()
}

func (b *bank) dirOf(id uint32) string { return filepath.Join(b.dir, fmt.Sprint("branch", id)) }

// wipe deletes the directory of a branch.
func (b *bank) wipe(id uint32) {
	b.t.Helper()
	if err := os.RemoveAll(b.dirOf(id)); err != nil {
		b.t.Fatal(err)
	}
}

// configOf returns the Config that a branch is started with.
func (b *bank) configOf(id uint32) processConfig {
	c := processConfig{ID: id, Addresses: map[uint32]string{id: "127.0.0.1:0"}, Opening: b.opening, Dir: b.dirOf(id), Options: b.options}
	for _, to := range b.ids {
		if to != id {
			c.Addresses[to] = b.roads[[2]uint32{id, to}].listener.Addr().String()
		}
	}
	return c
}

// start starts a branch and returns as soon as it has a port.
func (b *bank) start(id uint32) *running {
	b.t.Helper()
	var r *running
	if c := b.configOf(id); b.inProcesses {
		r = startProcess(b.ctx, b.t, c)
	} else {
		r = startHere(b.t, c)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.branches[id] = r
	return r
}

// openHere opens a branch in this process.
func openHere(t testing.TB, c processConfig) (*branch.Branch, net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Addresses[c.ID] = l.Addr().String()
	opened, err := branch.Open(c.Options.config(c, l))
	if err != nil {
		t.Fatal(err)
	}
	return opened, l
}

// startHere runs a branch in this process.
func startHere(t testing.TB, c processConfig) *running {
	t.Helper()
	opened, _ := openHere(t, c)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	r := &running{branch: opened, address: opened.Address(), ready: opened.Ready(), stop: stop, done: done}
	go func() {
		defer close(done)
		r.err = opened.Serve(ctx)
	}()
	return r
}

// at returns the running branch.
func (b *bank) at(id uint32) *running {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.branches[id]
	if r == nil {
		b.t.Fatalf("branch %d does not run", id)
	}
	return r
}

func (b *bank) lookUp(id uint32) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.branches[id]; r != nil {
		return r.address, true
	}
	return "", false
}

func (b *bank) runs(id uint32) bool {
	_, ok := b.lookUp(id)
	return ok
}

func (b *bank) forget(id uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.branches, id)
}

func (b *bank) awaitReady(id uint32) {
	b.t.Helper()
	r := b.at(id)
	select {
	case <-r.ready:
	case <-r.done:
		b.t.Fatalf("branch %d ended before it took writes: %v", id, r.err)
	case <-b.ctx.Done():
		b.t.Fatalf("branch %d takes no writes", id)
	}
}

// stop stops a branch gracefully.
func (b *bank) stop(id uint32) {
	b.t.Helper()
	r := b.at(id)
	r.stop()
	<-r.done
	if r.err != nil {
		b.t.Errorf("branch %d: %v", id, r.err)
	}
	b.forget(id)
}

// stopAll stops the branches that still run, all at once.
func (b *bank) stopAll() {
	b.mu.Lock()
	left := b.branches
	b.branches = map[uint32]*running{}
	b.mu.Unlock()
	for _, r := range left {
		r.stop()
	}
	for id, r := range left {
		<-r.done
		if r.err != nil {
			b.t.Errorf("branch %d: %v", id, r.err)
		}
	}
}

// customers returns a client that speaks Connect in binary over HTTP/2.
func (b *bank) customers(id uint32) bankv1connect.BranchServiceClient {
	b.t.Helper()
	return bankv1connect.NewBranchServiceClient(b.http, b.scheme+b.at(id).address)
}

// connected is customers with an open connection of its own. Without it, many calls at
// once would open one each, and be too many for one address.
func (b *bank) connected(id uint32) bankv1connect.BranchServiceClient {
	b.t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	b.t.Cleanup(transport.CloseIdleConnections)
	client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: transport}, "http://"+b.at(id).address)
	if _, err := client.GetStatus(b.ctx, &bankv1.GetStatusRequest{}); err != nil {
		b.t.Fatal(err)
	}
	return client
}

// peers returns a client of PeerService.
func (b *bank) peers(id uint32) bankv1connect.PeerServiceClient {
	b.t.Helper()
	return bankv1connect.NewPeerServiceClient(b.http, b.scheme+b.at(id).address)
}
