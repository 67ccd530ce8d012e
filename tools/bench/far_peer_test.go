package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// commonDir is the directory for temporary files, or /tmp if other users may not enter it.
func commonDir() string {
	for dir := os.TempDir(); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return "/tmp"
		}
		if dir == filepath.Dir(dir) {
			return os.TempDir()
		}
	}
}

// peerBench returns a bench without goals that can start peers.
func peerBench(t *testing.T) *bench {
	t.Helper()
	// Not t.TempDir, which only its owner may enter: PostgreSQL runs as another user.
	dir, err := os.MkdirTemp(commonDir(), "passbook-bench-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b := &bench{dir: dir, servers: newServers(dir), machine: machine{Versions: map[string]string{}}, errOut: t.Output()}
	t.Cleanup(func() {
		if err := b.servers.close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestEtcdFarApart(t *testing.T) { testFarPeer(t, (*bench).startFarEtcd) }

func TestPostgreSQLFarApart(t *testing.T) { testFarPeer(t, (*bench).startFarPostgres) }

// testFarPeer tests what a farPeer promises, at the roundTrips of each site.
func testFarPeer(t *testing.T, start func(*bench, context.Context, *roads, []string, int64) (*farPeer, error)) {
	b, r := peerBench(t), testRoads(t)
	p, err := start(b, t.Context(), r, []string{"alice", "bob"}, 10)
	if b.absent(err) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := p.check(t.Context()); err != nil {
		t.Error(err)
	}
	changes := 0
	change := func(site int, account string, amount int64) (bool, time.Duration) {
		t.Helper()
		changes++
		began := time.Now()
		done, err := p.change(t.Context(), site, 0, fmt.Sprint(changes), account, amount)
		if err != nil {
			t.Fatal(err)
		}
		return done, time.Since(began)
	}
	// Each change goes to the first site, there to the nearest other one, and back.
	for site := range sites {
		trip := r.distance.trips[site][0] + r.distance.nearest(0)
		if done, took := change(site, "bob", 1); !done || took < trip {
			t.Errorf("site %d: done %t, took %v; want a change that takes %v or longer", site+1, done, took, trip)
		}
	}
	for _, step := range []struct {
		site   int
		amount int64
		want   bool
	}{
		{1, -10, true},
		{2, -1, false}, // it sees what site 2 took
		{0, -1, false},
		{0, 1, true},
		{2, -1, true},
		{1, -1, false},
	} {
		if done, _ := change(step.site, "alice", step.amount); done != step.want {
			t.Errorf("site %d, %d: got %t, want %t", step.site+1, step.amount, done, step.want)
		}
	}
	if done, _ := p.change(t.Context(), 0, 0, "nobody's", "nobody", 1); done {
		t.Error("changed an account that nobody opened")
	}
	testFarPeerTogether(t, p)
	if err := p.close(b); err != nil {
		t.Error(err)
	}
}

// testFarPeerTogether has callers change one account at once: no change gets lost.
func testFarPeerTogether(t *testing.T, p *farPeer) {
	const each = 4
	var running sync.WaitGroup
	for site := range sites {
		for caller := range 2 {
			running.Go(func() {
				for n := range each {
					if done, err := p.change(t.Context(), site, caller, fmt.Sprintf("together %d %d %d", site, caller, n), "alice", 1); err != nil || !done {
						t.Errorf("site %d, caller %d: done %t, %v", site+1, caller, done, err)
					}
				}
			})
		}
	}
	running.Wait()
	const sum = sites * 2 * each
	for _, step := range []struct {
		amount int64
		want   bool
	}{{-sum - 1, false}, {-sum, true}} {
		if done, err := p.change(t.Context(), 2, 0, fmt.Sprintf("together %d", step.amount), "alice", step.amount); err != nil || done != step.want {
			t.Errorf("%d from a balance of %d: got %t, %v; want %t", step.amount, sum, done, err, step.want)
		}
	}
}

// TestEtcdStartsAgain checks that a second goal of a run can start etcd.
func TestEtcdStartsAgain(t *testing.T) {
	b := peerBench(t)
	for range 2 {
		e, err := b.startEtcd(t.Context())
		if b.absent(err) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := e.change(t.Context(), 0, "", 1); err != nil {
			t.Error(err)
		}
		if err := e.close(b); err != nil {
			t.Error(err)
		}
	}
}
