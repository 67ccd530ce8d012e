package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Growth: what the length of the journals and the number of accounts change.

const (
	// fillers is how many streams fill each branch of a bank, unanswered how
	// many lists each sends before it waits.
	fillers    = 16
	unanswered = 16
)

// entries are callers that make journal entries as fast as a bank can take them:
// lists of one deposit, each an entry with a request id of its own, as a deposit
// one by one is. They are synced where they are made; that all branches have
// them is for the caller to wait for.
func entries(addresses []string, account func(uint64) string) lists {
	return lists{addresses: addresses, streams: fillers * len(addresses), size: 1, ahead: unanswered, account: account, acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL}
}

// fill makes at least so many deposits.
func fill(ctx context.Context, calls []call, operations int) error {
	if operations <= 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var done atomic.Int64
	errs := make([]error, len(calls))
	ended := make(chan struct{})
	for i, do := range calls {
		go func() {
			defer func() { ended <- struct{}{} }()
			for done.Load() < int64(operations) && errs[i] == nil {
				var n int
				if n, errs[i] = do(ctx); errs[i] != nil {
					cancel()
				}
				done.Add(int64(n))
			}
		}()
	}
	for range calls {
		<-ended
	}
	return firstCause(errs)
}

// fillTo brings a bank to so many entries, and waits until all branches have
// them.
func (b *bench) fillTo(ctx context.Context, k *bank, goal int) (int, error) {
	have, err := k.settled(ctx)
	if err != nil || have >= goal {
		return have, err
	}
	b.progress("growth: filling %s from %s to %s entries", k.name, grouped(int64(have)), grouped(int64(goal)))
	calls, err := entries(k.addresses(), nil).calls(ctx)
	if err != nil {
		return 0, err
	}
	if err := fill(ctx, calls, goal-have); err != nil {
		return 0, fmt.Errorf("fill %s: %w", k.name, err)
	}
	if have, err = k.settled(ctx); err != nil {
		return 0, err
	}
	return have, b.calm(ctx, k.processes)
}

// calmFor is how long servers must have had next to nothing to do: some put off
// for a few seconds what they do in the background, as compactions.
const calmFor = 3 * time.Second

// calm waits until servers have done what they do in the background.
func (b *bench) calm(ctx context.Context, processes []*process) error {
	window := min(calmFor, b.options.idle)
	for began := time.Now(); time.Since(began) < settleTimeout; {
		before, err := cpuTimes(processes)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(window):
		}
		after, err := cpuTimes(processes)
		if err != nil {
			return err
		}
		if after-before < window/20 {
			return nil
		}
	}
	return fmt.Errorf("%s: still busy after %s", processes[0].name, settleTimeout)
}

// growEntries has one bank grow, and measures at each length its throughput,
// beside that of a bare echo, which tells how the machine was at the time. At
// the last length it measures a restart, and the return of a branch.
func (b *bench) growEntries(ctx context.Context) error {
	k, err := b.openBank(ctx, bankSpec{name: "growing bank", branches: 3})
	if err != nil {
		return err
	}
	set := oneByOneSet{b: b, bank: k}
	reply, err := set.usualReply(ctx)
	if err != nil {
		return fmt.Errorf("first deposits: %w", err)
	}
	base, err := findPorts(3)
	if err != nil {
		return err
	}
	echoServer, at, err := b.startEcho(ctx, "bare echo beside growth", reply, base, base+1, base+2)
	if err != nil {
		return err
	}
	const passbook, echo = "Passbook, 3 branches", "bare echo"
	t := customerTransport(true)
	defer t.CloseIdleConnections()
	var first figure
	for _, length := range b.options.entries {
		if _, err := b.fillTo(ctx, k, length); err != nil {
			return err
		}
		m, err := b.alternate(ctx, fmt.Sprintf("growth, from %s entries", grouped(int64(length))),
			b.throughput(passbook, depositing(k.addresses(), t, callers)), b.throughput(echo, depositing(at, t, callers)))
		if err != nil {
			return err
		}
		share := m[passbook][perSecond].over(m[echo][perSecond])
		r := row{Goal: "growth", What: fmt.Sprintf("deposits one by one, as a share of a bare echo's, from %s journal entries", grouped(int64(length))), Subject: passbook, Figure: share}
		if first == nil {
			first = share
		} else {
			r.Reference, r.ReferenceFigure, r.Bound = fmt.Sprintf("from %s entries", grouped(int64(b.options.entries[0]))), first, atLeast(0.9)
		}
		b.tell(r)
	}
	if err := b.servers.stop(echoServer); err != nil {
		return err
	}
	have, err := k.settled(ctx)
	if err != nil {
		return err
	}
	if err := b.restart(ctx, k, "growth", grouped(int64(have))+" entries"); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if err := b.comeBack(ctx, k); err != nil {
		return fmt.Errorf("return of a branch: %w", err)
	}
	return k.close()
}

// restart kills all branches and measures how long it takes until all serve and
// reach each other again.
func (b *bench) restart(ctx context.Context, k *bank, goal, size string) error {
	const name, seconds = "Passbook, 3 branches", "s"
	m, err := b.alternate(ctx, goal+": restart", contender{name, func(ctx context.Context, _ int) (reading, error) {
		for _, p := range k.processes {
			if err := b.servers.kill(p); err != nil {
				return nil, err
			}
		}
		k.transport.CloseIdleConnections()
		began := time.Now()
		err := k.start(ctx)
		return reading{seconds: time.Since(began).Seconds()}, err
	}})
	if err != nil {
		return err
	}
	b.tell(row{Goal: goal, What: "s from kill -9 of all until all serve, at " + size, Subject: name, Figure: m[name][seconds], Bound: atMost(3)})
	return nil
}

// comeBack stops the third branch, has the others take what it will miss, and
// measures how fast it catches up, while nobody else wants anything and while the
// others go on taking deposits.
func (b *bench) comeBack(ctx context.Context, k *bank) error {
	const name, quiet, caughtUp, before, during = "Passbook, 3 branches", "entries/s, quiet", "entries/s", "before", "meanwhile"
	t := customerTransport(true)
	defer t.CloseIdleConnections()
	loaded := deposits{addresses: k.addresses(1, 2), transport: t, callers: callers, acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL}.calls()
	m, err := b.alternate(ctx, "return of a branch", contender{name, func(ctx context.Context, _ int) (reading, error) {
		alone, _, err := b.comeBackOnce(ctx, k, nil)
		if err != nil {
			return nil, err
		}
		calm, err := closedLoop(ctx, loaded, b.options.warm(), b.options.duration)
		if err != nil {
			return nil, err
		}
		rate, load, err := b.comeBackOnce(ctx, k, loaded)
		return reading{quiet: alone, caughtUp: rate, before: calm.rate(), during: load}, err
	}})
	if err != nil {
		return err
	}
	away := fmt.Sprintf("entries/s of a branch that was away for %s entries (lists of one deposit), from its start", grouped(int64(b.options.away)))
	b.tell(row{Goal: "growth", What: away + ", without customers", Subject: name, Figure: m[name][quiet], Bound: atLeast(200_000)})
	b.tell(row{Goal: "growth", What: away + ", while the others take deposits", Subject: name, Figure: m[name][caughtUp], Bound: atLeast(200_000)})
	b.tell(row{Goal: "growth", What: "deposits/s of the others meanwhile", Subject: name, Figure: m[name][during], Reference: "before", ReferenceFigure: m[name][before], Bound: atLeast(0.8)})
	return nil
}

// comeBackOnce has the third branch leave and come back, and returns how many entries a
// second it catches up with, and how many operations a second those make meanwhile
// who load the others.
func (b *bench) comeBackOnce(ctx context.Context, k *bank, loaded []call) (entries, load float64, err error) {
	missed, err := b.leave(ctx, k)
	if err != nil {
		return 0, 0, err
	}
	elapsed, load, err := b.catchUp(ctx, k, loaded)
	if err != nil {
		return 0, 0, err
	}
	return float64(missed) / elapsed.Seconds(), load, k.ready(ctx)
}

// leave stops the third branch and has the others take entries, until both have
// the same and nothing left to do. It returns how many the third lacks.
func (b *bench) leave(ctx context.Context, k *bank) (int, error) {
	has, err := k.settled(ctx)
	if err == nil {
		err = b.calm(ctx, k.processes)
	}
	if err != nil {
		return 0, err
	}
	if err := b.servers.stop(k.processes[2]); err != nil {
		return 0, err
	}
	calls, err := entries(k.addresses(1, 2), nil).calls(ctx)
	if err != nil {
		return 0, err
	}
	if err := fill(ctx, calls, b.options.away); err != nil {
		return 0, fmt.Errorf("while a branch is away: %w", err)
	}
	now, err := k.settled(ctx, 1, 2)
	if err != nil {
		return 0, err
	}
	return now - has, b.calm(ctx, k.processes[:2])
}

// catchUp starts the third branch under load and waits until it has what the
// first has by then. It returns how long that took, and the deposits a second
// meanwhile.
func (b *bench) catchUp(ctx context.Context, k *bank, loaded []call) (time.Duration, float64, error) {
	goal, err := applied(ctx, k.client(1))
	if err != nil {
		return 0, 0, err
	}
	loading, end := context.WithCancel(ctx)
	defer end()
	var done atomic.Int64
	errs := make([]error, len(loaded))
	ended := make(chan struct{})
	for i, do := range loaded {
		go func() {
			defer func() { ended <- struct{}{} }()
			for loading.Err() == nil && errs[i] == nil {
				var n int
				n, errs[i] = do(ctx)
				done.Add(int64(n))
			}
		}()
	}
	began := time.Now()
	err = k.startBranch(3)
	if err == nil {
		err = untilWithin(ctx, "wait until branch 3 has caught up", settleTimeout, k.processes, func(ctx context.Context) error {
			has, err := applied(ctx, k.client(3))
			if err == nil && has < goal {
				return fmt.Errorf("it has applied %d of %d entries", has, goal)
			}
			return err
		})
	}
	elapsed, operations := time.Since(began), done.Load()
	end()
	for range loaded {
		<-ended
	}
	if err == nil {
		err = firstCause(errs)
	}
	return elapsed, float64(operations) / elapsed.Seconds(), err
}

// growOperations has a bank take operations in long lists, each of which is one
// entry, and measures at each number of them how many a second it takes then.
func (b *bench) growOperations(ctx context.Context) error {
	k, err := b.openBank(ctx, bankSpec{name: "bank of lists", branches: 3})
	if err != nil {
		return err
	}
	const passbook = "Passbook, 3 branches"
	calls, err := lists{addresses: k.addresses(), streams: submitters, size: list, ahead: 1}.calls(ctx)
	if err != nil {
		return err
	}
	have := 0
	var first figure
	for _, n := range b.options.operations {
		if err := fill(ctx, calls, n-have); err != nil {
			return fmt.Errorf("fill %s: %w", k.name, err)
		}
		m, err := b.alternate(ctx, fmt.Sprintf("growth, from %s operations", grouped(int64(n))), b.throughput(passbook, calls))
		if err != nil {
			return err
		}
		have = n
		r := row{Goal: "growth-operations", What: fmt.Sprintf("operations/s in lists of %s, each list one entry, from %s operations", grouped(list), grouped(int64(n))), Subject: passbook, Figure: m[passbook][perSecond]}
		if first == nil {
			first = r.Figure
		} else {
			r.Reference, r.ReferenceFigure, r.Bound = fmt.Sprintf("from %s operations", grouped(int64(b.options.operations[0]))), first, atLeast(0.9)
		}
		b.tell(r)
	}
	return k.close()
}

// growAccounts has banks with different numbers of accounts take turns.
func (b *bench) growAccounts(ctx context.Context) error {
	t := customerTransport(true)
	defer t.CloseIdleConnections()
	var banks []*bank
	var contenders []contender
	for _, n := range b.options.accounts {
		k, err := b.openBank(ctx, bankSpec{name: fmt.Sprintf("bank of %d accounts", n), branches: 3})
		if err != nil {
			return err
		}
		b.progress("growth: opening %s accounts", grouped(int64(n)))
		account := func(operation uint64) string { return fmt.Sprintf("account-%07d", scattered(operation)%uint64(n)) }
		if err := b.openAccounts(ctx, k, n); err != nil {
			return err
		}
		banks = append(banks, k)
		calls := deposits{addresses: k.addresses(), transport: t, callers: callers, account: account}.calls()
		contenders = append(contenders, b.throughput(accountsName(n), calls))
	}
	m, err := b.alternate(ctx, "growth, accounts", contenders...)
	if err != nil {
		return err
	}
	first := accountsName(b.options.accounts[0])
	for _, n := range b.options.accounts[1:] {
		b.tell(row{Goal: "growth-accounts", What: "deposits/s, 32 callers", Subject: accountsName(n), Figure: m[accountsName(n)][perSecond],
			Reference: first, ReferenceFigure: m[first][perSecond], Bound: atLeast(0.9)})
	}
	n := b.options.accounts[len(banks)-1]
	if err := b.weighAccounts(banks); err != nil {
		return err
	}
	if err := b.restart(ctx, banks[len(banks)-1], "growth-accounts", grouped(int64(n))+" accounts"); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	for _, k := range banks {
		if err := k.close(); err != nil {
			return err
		}
	}
	return nil
}

func accountsName(n int) string { return fmt.Sprintf("Passbook, %s accounts", grouped(int64(n))) }

// openAccounts deposits once to each of n accounts.
func (b *bench) openAccounts(ctx context.Context, k *bank, n int) error {
	opening := lists{addresses: k.addresses(), streams: submitters, size: list, ahead: 1, acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL}
	opening.account = func(operation uint64) string { return fmt.Sprintf("account-%07d", operation%uint64(n)) }
	calls, err := opening.calls(ctx)
	if err != nil {
		return err
	}
	if err := fill(ctx, calls, n); err != nil {
		return fmt.Errorf("open %d accounts: %w", n, err)
	}
	_, err = k.settled(ctx)
	return err
}

// scattered spreads consecutive numbers, the same way each time (a step of
// splitmix64).
func scattered(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// weighAccounts tells what an account costs in memory.
func (b *bench) weighAccounts(banks []*bank) error {
	var sizes []float64
	for _, k := range banks {
		bytes, err := memory(k.processes)
		if err != nil {
			return err
		}
		sizes = append(sizes, float64(bytes)/float64(k.branches))
	}
	least, most := b.options.accounts[0], b.options.accounts[len(sizes)-1]
	if most > least {
		each := (sizes[len(sizes)-1] - sizes[0]) / float64(most-least)
		b.tell(row{Goal: "growth-accounts", What: "memory of a branch, bytes an account", Subject: accountsName(most), Figure: figure{each}, Note: "resident, under load"})
	}
	return nil
}
