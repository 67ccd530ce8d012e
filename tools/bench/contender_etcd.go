package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcd: three nodes that agree on every write by Raft, and sync.

// etcd is a cluster that this program has started.
type etcd struct {
	nodes   []*process
	clients []*clientv3.Client
}

// findEtcd returns the path of the server, and notes its version.
func (b *bench) findEtcd(ctx context.Context) (string, error) {
	path, err := find("etcd", b.options.etcd, "apt-get install etcd-server")
	if err != nil {
		return "", err
	}
	version, err := output(ctx, command{name: path, path: path, args: []string{"--version"}})
	if err != nil {
		return "", err
	}
	b.machine.Versions["etcd"], _, _ = strings.Cut(version, "\n")
	return path, nil
}

// startEtcd starts a cluster of three nodes.
func (b *bench) startEtcd(ctx context.Context) (*etcd, error) {
	const nodes = 3
	path, err := b.findEtcd(ctx)
	if err != nil {
		return nil, err
	}
	// Another goal of this run may have started a cluster, too.
	home, err := os.MkdirTemp(b.dir, "etcd-")
	if err != nil {
		return nil, err
	}
	base, err := findPorts(2 * nodes)
	if err != nil {
		return nil, err
	}
	client := func(i int) string { return "http://" + hostPort(base+2*i) }
	peer := func(i int) string { return "http://" + hostPort(base+2*i+1) }
	var cluster []string
	for i := range nodes {
		cluster = append(cluster, fmt.Sprintf("node%d=%s", i, peer(i)))
	}
	e := &etcd{}
	for i := range nodes {
		name := fmt.Sprintf("node%d", i)
		p, err := b.servers.start(command{name: "etcd " + name, path: path, dir: home, args: []string{
			"--name", name, "--data-dir", filepath.Join(home, name), "--logger", "zap", "--log-level", "error",
			"--listen-client-urls", client(i), "--advertise-client-urls", client(i),
			"--listen-peer-urls", peer(i), "--initial-advertise-peer-urls", peer(i),
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new",
		}})
		if err != nil {
			return nil, err
		}
		e.nodes = append(e.nodes, p)
	}
	for i := range nodes {
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{client(i)}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
		if err != nil {
			return nil, fmt.Errorf("connect to etcd at %s: %w", client(i), err)
		}
		e.clients = append(e.clients, c)
		if err := until(ctx, "wait for etcd at "+client(i), e.nodes, func(ctx context.Context) error {
			_, err := c.Put(ctx, hotAccount, "0")
			return err
		}); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *etcd) close(b *bench) error {
	for _, c := range e.clients {
		_ = c.Close() // nothing is on its way
	}
	return b.servers.stopAll(e.nodes)
}

// puts returns callers that write a key of their own each, so the nodes need to
// agree only on the order.
func (e *etcd) puts(callers int) []call {
	var all []call
	for i := range callers {
		c, key := e.clients[i%len(e.clients)], fmt.Sprintf("caller-%d", i)
		n := 0
		all = append(all, func(ctx context.Context) (int, error) {
			n++
			_, err := c.Put(ctx, key, strconv.Itoa(n))
			return 1, err
		})
	}
	return all
}

// compareAndSwaps returns callers that add 1 to the one hot key, and try again
// when another one was faster. Only successes count.
func (e *etcd) compareAndSwaps(callers int) []call {
	var all []call
	for i := range callers {
		c := e.clients[i%len(e.clients)]
		value := "0" // as far as this caller knows
		all = append(all, func(ctx context.Context) (int, error) {
			for {
				n, err := strconv.Atoi(value)
				if err != nil {
					return 0, fmt.Errorf("value of the hot key: %w", err)
				}
				next := strconv.Itoa(n + 1)
				res, err := c.Txn(ctx).If(clientv3.Compare(clientv3.Value(hotAccount), "=", value)).
					Then(clientv3.OpPut(hotAccount, next)).Else(clientv3.OpGet(hotAccount)).Commit()
				switch {
				case err != nil:
					return 0, err
				case res.Succeeded:
					value = next
					return 1, nil
				}
				value = string(res.Responses[0].GetResponseRange().Kvs[0].Value)
			}
		})
	}
	return all
}

// change adds an amount, possibly negative, to the hot key, if the balance there covers it.
func (e *etcd) change(ctx context.Context, caller int, _ string, amount int64) error {
	_, err := changeKey(ctx, e.clients[caller%len(e.clients)], hotAccount, amount)
	return err
}

// changeKey adds an amount, possibly negative, to the number at a key. It reports false
// if that would go below 0. It begins with what the client's own node has, which costs
// no round, and tries again when another caller was faster. What it refuses, it refuses
// by a transaction, too: the balance that it has read may be an old one.
func changeKey(ctx context.Context, c *clientv3.Client, key string, amount int64) (bool, error) {
	got, err := c.Get(ctx, key, clientv3.WithSerializable())
	if err != nil {
		return false, err
	}
	for known := got.Kvs; len(known) > 0; {
		value := string(known[0].Value)
		balance, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return false, fmt.Errorf("value of key %s: %w", key, err)
		}
		covered := balance+amount >= 0
		then := clientv3.OpGet(key)
		if covered {
			then = clientv3.OpPut(key, strconv.FormatInt(balance+amount, 10))
		}
		res, err := c.Txn(ctx).If(clientv3.Compare(clientv3.Value(key), "=", value)).
			Then(then).Else(clientv3.OpGet(key)).Commit()
		if err != nil || res.Succeeded {
			return err == nil && covered, err
		}
		known = res.Responses[0].GetResponseRange().Kvs
	}
	return false, fmt.Errorf("there is no key %s", key)
}
