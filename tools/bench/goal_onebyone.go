package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// One by one: unary deposits with a request id on one hot account, synced where
// they are taken and applied at all three branches before the answer. The limit
// is a Connect handler that does nothing. Nearer to what the goal asks for is one
// that gathers calls, syncs and tells its peers, and does nothing else.

const (
	passbookH2 = "Passbook, 3 branches, h2c"
	passbookH1 = "Passbook, 3 branches, HTTP/1.1"
	togetherH2 = "Passbook, 3 branches of one process, h2c"
	echoH2     = "bare echo, h2c"
	echoH1     = "bare echo, HTTP/1.1"
	echoesH2   = "bare echo in 3 processes, h2c"
	groupH2    = "bare group commit, 3 processes, h2c"
	groupH1    = "bare group commit, 3 processes, HTTP/1.1"
)

// oneByOneSet is what the rows of this goal compare.
type oneByOneSet struct {
	b *bench
	// bank has a process for each branch, together one for all.
	bank, together *bank

	echo          *process
	echoes, group []*process
	// at and each are where the echo in one process and those in three are,
	// members where the group commit is.
	at, each, members []string
}

func (b *bench) oneByOne(ctx context.Context) error {
	s := &oneByOneSet{b: b}
	if err := s.open(ctx); err != nil {
		return err
	}
	rate, err := s.throughput(ctx)
	if err != nil {
		return err
	}
	if err := s.latency(ctx, rate/2); err != nil {
		return err
	}
	if err := s.alone(ctx); err != nil {
		return err
	}
	return s.close()
}

// open starts the bank, and echoes that answer as it does.
func (s *oneByOneSet) open(ctx context.Context) error {
	var err error
	if s.bank, err = s.b.openBank(ctx, bankSpec{name: "bank of 3", branches: 3}); err != nil {
		return err
	}
	if s.together, err = s.b.openBank(ctx, bankSpec{name: "bank of 3 in one process", branches: 3, oneProcess: true}); err != nil {
		return err
	}
	reply, err := s.usualReply(ctx)
	if err != nil {
		return fmt.Errorf("first deposits: %w", err)
	}
	base, err := findPorts(6)
	if err != nil {
		return err
	}
	if s.echo, s.at, err = s.b.startEcho(ctx, "bare echo", reply, base, base+1, base+2); err != nil {
		return err
	}
	for i := range 3 {
		p, at, err := s.b.startEcho(ctx, fmt.Sprintf("bare echo %d of 3", i+1), reply, base+3+i)
		if err != nil {
			return err
		}
		s.echoes, s.each = append(s.echoes, p), append(s.each, at...)
	}
	s.group, s.members, err = s.b.startGroup(ctx, filepath.Join(s.bank.dir, "data"), reply)
	return err
}

// usualReply returns what a branch answers once it has seen entries of all
// branches: the echoes answer the same.
func (s *oneByOneSet) usualReply(ctx context.Context) (*bankv1.DepositResponse, error) {
	var reply *bankv1.DepositResponse
	ids := newRequestIDs()
	for id := 1; id <= s.bank.branches; id++ {
		var err error
		if reply, err = s.bank.client(id).Deposit(ctx, &bankv1.DepositRequest{Account: hotAccount, Amount: 1_000_000, RequestId: ids.next()}); err != nil {
			return nil, err
		}
	}
	// Positions grow by a few bytes in the course of a run.
	reply.Receipt.Sequence = 1_000_000
	return reply, nil
}

func (s *oneByOneSet) close() error {
	running := append(append([]*process{s.echo}, s.echoes...), s.group...)
	if err := s.b.servers.stopAll(running); err != nil {
		return err
	}
	if err := s.together.close(); err != nil {
		return err
	}
	return s.bank.close()
}

// depositing are callers over all of the addresses.
func depositing(addresses []string, t *http.Transport, n int) []call {
	return deposits{addresses: addresses, transport: t, callers: n}.calls()
}

// throughput measures 32 callers that call as fast as they are answered, and
// returns the bank's deposits a second.
func (s *oneByOneSet) throughput(ctx context.Context) (float64, error) {
	b := s.b
	h2, h1 := customerTransport(true), customerTransport(false)
	defer h2.CloseIdleConnections()
	defer h1.CloseIdleConnections()
	of := func(name string, servers []*process, addresses []string, t *http.Transport) contender {
		return b.with(servers, b.throughput(name, depositing(addresses, t, callers)))
	}
	echo := []*process{s.echo}
	m, err := b.alternate(ctx, "one by one",
		of(passbookH2, s.bank.processes, s.bank.addresses(), h2), of(echoH2, echo, s.at, h2), of(echoesH2, s.echoes, s.each, h2),
		of(groupH2, s.group, s.members, h2), of(groupH1, s.group, s.members, h1),
		of(passbookH1, s.bank.processes, s.bank.addresses(), h1), of(echoH1, echo, s.at, h1),
		of(togetherH2, s.together.processes, s.together.addresses(), h2))
	if err != nil {
		return 0, err
	}
	compare := func(subject, reference, what, quantity string, goal *bound) {
		b.tell(row{Goal: "one by one", What: what, Subject: subject, Figure: m[subject][quantity],
			Reference: reference, ReferenceFigure: m[reference][quantity], Bound: goal})
	}
	const each = "deposits/s, 32 callers"
	compare(passbookH2, echoH2, each, perSecond, atLeast(0.8))
	compare(passbookH2, echoesH2, each, perSecond, nil)
	compare(passbookH2, groupH2, each, perSecond, nil)
	compare(groupH2, echoH2, each, perSecond, nil)
	compare(passbookH1, echoH1, each, perSecond, atLeast(0.8))
	compare(passbookH1, groupH1, each, perSecond, nil)
	compare(groupH1, echoH1, each, perSecond, nil)
	compare(togetherH2, echoH2, each, perSecond, atLeast(0.8))
	compare(passbookH2, echoH2, "CPU of the servers, µs a deposit", cpuPerOperation, nil)
	compare(groupH2, echoH2, "CPU of the servers, µs a deposit", cpuPerOperation, nil)
	compare(passbookH1, echoH1, "CPU of the servers, µs a deposit", cpuPerOperation, nil)
	compare(togetherH2, echoH2, "CPU of the servers, µs a deposit", cpuPerOperation, nil)
	compare(passbookH2, echoH2, "CPU of the load generator, µs a deposit", cpuOfLoad, nil)
	return m[passbookH2][perSecond].median(), nil
}

// latency measures 32 callers on a schedule.
func (s *oneByOneSet) latency(ctx context.Context, rate float64) error {
	t := customerTransport(true)
	defer t.CloseIdleConnections()
	m, err := s.b.alternate(ctx, "one by one, on a schedule",
		s.b.latency(passbookH2, depositing(s.bank.addresses(), t, callers), rate), s.b.latency(echoH2, depositing(s.at, t, callers), rate))
	if err != nil {
		return err
	}
	for _, q := range []string{p50, p99, p999} {
		s.b.tell(row{Goal: "one by one", What: fmt.Sprintf("%s at %s/s", q, number(rate)), Subject: passbookH2, Figure: m[passbookH2][q],
			Reference: echoH2, ReferenceFigure: m[echoH2][q]})
	}
	return nil
}

// alone measures one caller, and what its call cannot do without.
func (s *oneByOneSet) alone(ctx context.Context) error {
	b := s.b
	t := customerTransport(true)
	defer t.CloseIdleConnections()
	sync, closeSync, err := fsyncCall(filepath.Join(s.bank.dir, "data"))
	if err != nil {
		return err
	}
	pong, near, err := b.startPong(ctx)
	if err != nil {
		return err
	}
	pingPong := func(context.Context) (int, error) { return 1, near.round() }
	const passbook, echo, fsync, stream = "Passbook, 1 caller", "bare echo, 1 caller", "fdatasync of 200 bytes", "stream ping-pong"
	const sequence = "echo, fdatasync and ping-pong in a row"
	echoes := depositing(s.at[:1], t, 1)
	m, err := b.alternate(ctx, "one caller",
		b.throughput(passbook, depositing(s.bank.addresses(1), t, 1)), b.throughput(echo, echoes),
		b.throughput(fsync, []call{sync}), b.throughput(stream, []call{pingPong}), b.throughput(sequence, []call{inARow(echoes[0], sync, pingPong)}))
	if err != nil {
		return err
	}
	floor := m[echo][p50].plus(m[fsync][p50]).plus(m[stream][p50])
	b.tell(row{Goal: "one by one", What: p50 + " of a deposit", Subject: passbook, Figure: m[passbook][p50],
		Reference: "echo + fdatasync + ping-pong", ReferenceFigure: floor, Bound: atMost(1.3)})
	// A disk that is synced without a pause answers faster than one that is
	// synced now and then, as it is by one caller: this row has the pauses.
	b.tell(row{Goal: "one by one", What: p50 + " of a deposit", Subject: passbook, Figure: m[passbook][p50],
		Reference: sequence, ReferenceFigure: m[sequence][p50], Bound: atMost(1.3)})
	for _, part := range []string{echo, fsync, stream} {
		b.tell(row{Goal: "one by one", What: p50, Subject: part, Figure: m[part][p50]})
	}
	near.close()
	if err := b.servers.stop(pong); err != nil {
		return err
	}
	return closeSync()
}

// inARow does one operation that consists of several calls, one after another.
func inARow(parts ...call) call {
	return func(ctx context.Context) (int, error) {
		for _, part := range parts {
			if _, err := part(ctx); err != nil {
				return 0, err
			}
		}
		return 1, nil
	}
}
