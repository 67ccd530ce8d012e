package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// Fan-out: what a write costs in a bank of N branches, all in one process,
// against a process in which N − 1 streams play ping-pong. The limit does less
// than a write needs: it takes no call and syncs nothing. So a row of its own
// adds a bare echo and a sync to it.

func (b *bench) fanOut(ctx context.Context) error {
	for _, n := range b.options.fanOut {
		if err := b.fanOutTo(ctx, n); err != nil {
			return fmt.Errorf("%d branches: %w", n, err)
		}
	}
	return nil
}

func (b *bench) fanOutTo(ctx context.Context, n int) error {
	goal := fmt.Sprintf("fan-out, %d branches", n)
	k, err := b.openBank(ctx, bankSpec{name: fmt.Sprintf("bank of %d", n), branches: n, oneProcess: true})
	if err != nil {
		return err
	}
	if _, err := k.settled(ctx); err != nil {
		return err
	}
	set := oneByOneSet{b: b, bank: k}
	reply, err := set.usualReply(ctx)
	if err != nil {
		return fmt.Errorf("first deposits: %w", err)
	}
	port, err := findPorts(1)
	if err != nil {
		return err
	}
	echoServer, at, err := b.startEcho(ctx, fmt.Sprintf("bare echo beside %d", n), reply, port)
	if err != nil {
		return err
	}
	sync, closeSync, err := fsyncCall(filepath.Join(k.dir, "data"))
	if err != nil {
		return err
	}
	t := customerTransport(true)
	defer t.CloseIdleConnections()
	const echo, fsync = "bare echo", "fdatasync"
	passbook, pings := fmt.Sprintf("Passbook, %d branches", n), fmt.Sprintf("%d ping-pongs", n-1)
	m, err := b.alternate(ctx, goal,
		b.with(k.processes, b.throughput(passbook, depositing(k.addresses(1), t, 1))), b.fanOf(pings, n-1),
		b.with([]*process{echoServer}, b.throughput(echo, depositing(at, t, 1))), b.throughput(fsync, []call{sync}))
	if err != nil {
		return err
	}
	compare := func(what, quantity, reference string, f figure, asked *bound) {
		b.tell(row{Goal: goal, What: what, Subject: passbook, Figure: m[passbook][quantity], Reference: reference, ReferenceFigure: f, Bound: asked})
	}
	const cpu, latency = "CPU of the servers, µs a write", p50 + " of a write"
	compare(cpu, cpuPerOperation, pings, m[pings][cpuPerOperation], atMost(1.3))
	compare(latency, p50, pings, m[pings][p50], atMost(1.3))
	compare(cpu, cpuPerOperation, pings+" + echo", m[pings][cpuPerOperation].plus(m[echo][cpuPerOperation]), nil)
	compare(latency, p50, pings+" + echo + fdatasync", m[pings][p50].plus(m[echo][p50]).plus(m[fsync][p50]), nil)
	if err := b.servers.stop(echoServer); err != nil {
		return err
	}
	if err := closeSync(); err != nil {
		return err
	}
	return k.close()
}
