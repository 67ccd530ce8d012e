package main

import (
	"context"
	"fmt"
)

// Peers: what a user would pick instead, for orientation. None of them does the
// same: Redis does not replicate here, PostgreSQL neither, JetStream keeps no
// balance, etcd has one leader.

// peerCalls is a peer under one of its loads.
type peerCalls struct {
	name  string
	calls []call
	// list is how many operations one call does; 0 stands for 1.
	list int
}

func (b *bench) peers(ctx context.Context) error {
	var all []peerCalls
	var closers []func(*bench) error
	for _, open := range []func(context.Context) ([]peerCalls, func(*bench) error, error){
		b.openPassbookPeer, b.openPostgresPeer, b.openRedisPeer, b.openEtcdPeer, b.openJetStreamPeer,
	} {
		peer, closer, err := open(ctx)
		if b.absent(err) {
			continue
		}
		if err != nil {
			return err
		}
		all, closers = append(all, peer...), append(closers, closer)
	}
	if err := b.comparePeers(ctx, all); err != nil {
		return err
	}
	for _, closer := range closers {
		if err := closer(b); err != nil {
			return err
		}
	}
	return nil
}

// comparePeers measures the throughput of all, and then the latency of each at
// half of its own. The first is Passbook.
func (b *bench) comparePeers(ctx context.Context, all []peerCalls) error {
	var fast []contender
	for _, p := range all {
		fast = append(fast, b.throughput(p.name, p.calls))
	}
	rates, err := b.alternate(ctx, "peers", fast...)
	if err != nil {
		return err
	}
	var paced []contender
	for _, p := range all {
		if p.list == 0 {
			paced = append(paced, b.latency(p.name, p.calls, rates[p.name][perSecond].median()/2))
		}
	}
	latencies, err := b.alternate(ctx, "peers, on a schedule", paced...)
	if err != nil {
		return err
	}
	passbook := all[0].name
	for _, p := range all {
		r := row{Goal: "peers", What: fmt.Sprintf("operations/s, %d callers", callers), Subject: p.name, Figure: rates[p.name][perSecond]}
		if p.name != passbook {
			r = row{Goal: r.Goal, What: r.What, Subject: passbook, Figure: rates[passbook][perSecond], Reference: p.name, ReferenceFigure: r.Figure}
		}
		b.tell(r)
	}
	for _, p := range all {
		if p.list > 0 {
			continue
		}
		for _, q := range []string{p50, p99, p999} {
			b.tell(row{Goal: "peers", What: fmt.Sprintf("%s at %s/s", q, number(rates[p.name][perSecond].median()/2)), Subject: p.name, Figure: latencies[p.name][q]})
		}
	}
	return nil
}

func (b *bench) openPassbookPeer(ctx context.Context) ([]peerCalls, func(*bench) error, error) {
	k, err := b.openBank(ctx, bankSpec{name: "bank among peers", branches: 3})
	if err != nil {
		return nil, nil, err
	}
	return []peerCalls{{name: "Passbook, 3 branches, Deposit", calls: depositing(k.addresses(), k.transport, callers)}},
		func(*bench) error { return k.close() }, nil
}

func (b *bench) openPostgresPeer(ctx context.Context) ([]peerCalls, func(*bench) error, error) {
	s, err := b.startPostgres(ctx, callers)
	if err != nil {
		return nil, nil, err
	}
	return []peerCalls{{name: "PostgreSQL, hot row and journal", calls: s.deposits(callers)}}, s.close, nil
}

func (b *bench) openRedisPeer(ctx context.Context) ([]peerCalls, func(*bench) error, error) {
	r, err := b.startRedis(ctx)
	if err != nil {
		return nil, nil, err
	}
	calls, err := r.calls(callers, 1)
	return []peerCalls{{name: "Redis, INCRBY, not replicated", calls: calls}}, r.close, err
}

func (b *bench) openEtcdPeer(ctx context.Context) ([]peerCalls, func(*bench) error, error) {
	e, err := b.startEtcd(ctx)
	if err != nil {
		return nil, nil, err
	}
	return []peerCalls{
		{name: "etcd, 3 nodes, compare-and-swap", calls: e.compareAndSwaps(callers)},
		{name: "etcd, 3 nodes, put", calls: e.puts(callers)},
	}, e.close, nil
}

func (b *bench) openJetStreamPeer(ctx context.Context) ([]peerCalls, func(*bench) error, error) {
	c, err := b.startJetStream(ctx)
	if err != nil {
		return nil, nil, err
	}
	return []peerCalls{
		{name: "JetStream, 3 nodes, one by one", calls: c.oneByOne(callers)},
		{name: "JetStream, 3 nodes, asynchronous", calls: c.async(callers), list: asyncList},
	}, c.close, nil
}
