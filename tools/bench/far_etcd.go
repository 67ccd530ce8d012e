package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcd far apart: a node at each site, and the leader at the first one, which is nearest
// to the others. Callers reach the node of their own site, which passes on what the
// leader has to decide.

// farEtcd is such a cluster.
type farEtcd struct {
	nodes   []*process
	clients [sites]*clientv3.Client
}

// etcdDefaultHeartbeat is what etcd has for nodes that are near each other.
const etcdDefaultHeartbeat = 100 * time.Millisecond

// etcdHotRun is how long the callers of one account need: of those that read the same
// value, one at a time succeeds, in about a round trip.
const etcdHotRun = 20 * time.Second

// atOnce is how nodes end: the last leader would wait seconds for the others, which have
// ended, and the data is thrown away.
const atOnce = syscall.SIGKILL

// etcdTimes returns the heartbeat interval and the election time-out that etcd's guide
// to tuning asks for: about the longest round trip between members, and ten times that.
func etcdTimes(d distance) (heartbeat, election time.Duration) {
	heartbeat = etcdDefaultHeartbeat
	for site := range sites {
		heartbeat = max(heartbeat, d.farthest(site))
	}
	return heartbeat, 10 * heartbeat
}

// startFarEtcd starts a node at each site, with a balance on each account.
func (b *bench) startFarEtcd(ctx context.Context, r *roads, accounts []string, balance int64) (*farPeer, error) {
	path, err := b.findEtcd(ctx)
	if err != nil {
		return nil, err
	}
	e := &farEtcd{}
	urls, err := b.startFarNodes(r, path, e)
	if err != nil {
		return nil, err
	}
	for site, url := range urls {
		if e.clients[site], err = clientv3.New(clientv3.Config{Endpoints: []string{url}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()}); err != nil {
			return nil, fmt.Errorf("connect to etcd at site %d: %w", site+1, err)
		}
	}
	if err := until(ctx, "have etcd's leader at the first site", e.nodes, e.lead); err != nil {
		return nil, err
	}
	if err := e.open(ctx, accounts, balance); err != nil {
		return nil, fmt.Errorf("open accounts in etcd: %w", err)
	}
	return &farPeer{
		name: "etcd, 3 nodes, compare-and-swap", change: e.change, check: e.check, close: e.close,
		hotRun: etcdHotRun, colour: amber,
	}, nil
}

// startFarNodes starts the nodes, and returns the addresses that clients use.
func (b *bench) startFarNodes(r *roads, path string, e *farEtcd) (urls [sites]string, err error) {
	home, err := os.MkdirTemp(b.dir, "etcd-far-")
	if err != nil {
		return urls, err
	}
	base, err := findPorts(2 * sites)
	if err != nil {
		return urls, err
	}
	// A node's first dial may come before all nodes are known.
	var pids []int
	known := make(chan struct{})
	defer close(known)
	siteOf := func(c net.Conn) int {
		<-known
		return dialer(c, pids)
	}
	var peers [sites]string
	var cluster []string
	for site := range sites {
		at, err := r.join(site, hostPort(base+2*site+1), siteOf)
		if err != nil {
			return urls, err
		}
		peers[site], urls[site] = "http://"+at, "http://"+hostPort(base+2*site)
		cluster = append(cluster, fmt.Sprintf("site%d=%s", site+1, peers[site]))
	}
	heartbeat, election := etcdTimes(r.distance)
	for site := range sites {
		name := fmt.Sprintf("site%d", site+1)
		p, err := b.servers.start(command{name: "etcd far " + name, path: path, dir: home, ending: atOnce, args: []string{
			"--name", name, "--data-dir", filepath.Join(home, name), "--logger", "zap", "--log-level", "error",
			"--listen-client-urls", urls[site], "--advertise-client-urls", urls[site],
			"--listen-peer-urls", "http://" + hostPort(base+2*site+1), "--initial-advertise-peer-urls", peers[site],
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new",
			"--heartbeat-interval", strconv.FormatInt(heartbeat.Milliseconds(), 10),
			"--election-timeout", strconv.FormatInt(election.Milliseconds(), 10),
			// The default since 3.5: a node that comes back does not depose the leader.
			"--pre-vote=true",
		}})
		if err != nil {
			return urls, err
		}
		e.nodes, pids = append(e.nodes, p), append(pids, p.pid())
	}
	return urls, nil
}

// status asks the node at a site.
func (e *farEtcd) status(ctx context.Context, site int) (*clientv3.StatusResponse, error) {
	c := e.clients[site]
	s, err := c.Status(ctx, c.Endpoints()[0])
	if err != nil {
		return nil, fmt.Errorf("etcd at site %d: %w", site+1, err)
	}
	return s, nil
}

// check returns an error unless all nodes have the one at the first site as their leader.
func (e *farEtcd) check(ctx context.Context) error {
	first, err := e.status(ctx, 0)
	if err != nil {
		return err
	}
	for site := range sites {
		s, err := e.status(ctx, site)
		if err != nil {
			return err
		}
		if s.Leader != first.Header.MemberId {
			return fmt.Errorf("etcd's leader, as site %d knows it, is %x and not that of the first site, %x", site+1, s.Leader, first.Header.MemberId)
		}
	}
	return nil
}

// lead checks that the leader is at the first site. If not, it asks the leader to hand
// over, and returns an error.
func (e *farEtcd) lead(ctx context.Context) error {
	wrong := e.check(ctx)
	if wrong == nil {
		return nil
	}
	first, err := e.status(ctx, 0)
	if err != nil {
		return err
	}
	for site := range sites {
		s, err := e.status(ctx, site)
		if err != nil {
			return err
		}
		if s.Leader == s.Header.MemberId && site > 0 {
			_, err := e.clients[site].MoveLeader(ctx, first.Header.MemberId)
			return errors.Join(wrong, err)
		}
	}
	return wrong
}

// open puts the balance on each account, in few transactions, and has each node know of it.
func (e *farEtcd) open(ctx context.Context, accounts []string, balance int64) error {
	const most = 128 // operations in a transaction, the default of etcd
	for some := range slices.Chunk(accounts, most) {
		var puts []clientv3.Op
		for _, a := range some {
			puts = append(puts, clientv3.OpPut(a, strconv.FormatInt(balance, 10)))
		}
		if _, err := e.clients[0].Txn(ctx).Then(puts...).Commit(); err != nil {
			return err
		}
	}
	for _, c := range e.clients {
		// A read that is not serializable waits for what was written before.
		if _, err := c.Get(ctx, "any"); err != nil {
			return err
		}
	}
	return nil
}

// change is that of the peer. The request id goes nowhere, so a request sent again is a
// second one; to record it would cost etcd another key in the same transaction.
func (e *farEtcd) change(ctx context.Context, site, _ int, _, account string, amount int64) (bool, error) {
	return changeKey(ctx, e.clients[site], account, amount)
}

func (e *farEtcd) close(b *bench) error {
	for _, c := range e.clients {
		_ = c.Close() // nothing is on its way
	}
	return b.servers.stopAll(e.nodes)
}
