package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Scarce: at every branch, half of the calls deposit 1 into an account, the others
// withdraw 2 from it. So its balance stays near 0, and many withdrawals are refused: each
// refusal needs a word from every branch. The references are the same bank with one
// branch, which needs nobody; and, for one account, PostgreSQL's row and etcd's
// compare-and-swap.

const (
	scarceGoal = "scarce"
	// paidIn and takenOut are the amounts.
	paidIn, takenOut = 1, 2
)

// scarceLoad is who calls, and what for.
type scarceLoad struct {
	what string
	// callers are how many, accounts how many accounts they share.
	callers, accounts int
	// doomed says that all ask for more than there is.
	doomed bool
	// share is what is asked for of the throughput of a bank with one branch; 0 for
	// nothing.
	share float64
	// peers says that PostgreSQL and etcd are measured, too.
	peers bool
}

var scarceLoads = []scarceLoad{
	{what: "32 callers", callers: 32, accounts: 1, share: 0.6, peers: true},
	{what: "128 callers", callers: 128, accounts: 1, share: 0.6},
	{what: "32 callers, 8 accounts", callers: 32, accounts: 8},
	{what: "2 callers", callers: 2, accounts: 1},
	{what: "32 callers, all refused", callers: 32, accounts: 1, doomed: true},
}

// scarceSet is what is measured.
type scarceSet struct {
	b          *bench
	three, one *bank
	// transports are those of HTTP, by their names.
	transports map[string]*http.Transport
	// peers are contenders besides Passbook.
	peers []contender
}

// overs are the transports, in the order of the table.
var overs = []string{"h2c", "HTTP/1.1"}

func (b *bench) scarce(ctx context.Context) (err error) {
	s := scarceSet{b: b, transports: map[string]*http.Transport{"h2c": customerTransport(true), "HTTP/1.1": customerTransport(false)}}
	for _, t := range s.transports {
		defer t.CloseIdleConnections()
	}
	if s.three, err = b.openBank(ctx, bankSpec{name: "scarce bank", branches: 3}); err != nil {
		return err
	}
	if s.one, err = b.openBank(ctx, bankSpec{name: "scarce bank of one", branches: 1}); err != nil {
		return err
	}
	closePeers, err := s.openPeers(ctx)
	if err != nil {
		return err
	}
	for i, load := range scarceLoads {
		if err := s.measure(ctx, load, fmt.Sprint(i)); err != nil {
			return fmt.Errorf("%s: %w", load.what, err)
		}
	}
	if err := closePeers(); err != nil {
		return err
	}
	if err := s.one.close(); err != nil {
		return err
	}
	return s.three.close()
}

// openPeers starts PostgreSQL and etcd, if they are installed.
func (s *scarceSet) openPeers(ctx context.Context) (func() error, error) {
	var closes []func(*bench) error
	database, err := s.b.startPostgres(ctx, callers)
	switch {
	case s.b.absent(err):
	case err != nil:
		return nil, err
	default:
		closes = append(closes, database.close)
		s.peers = append(s.peers, s.b.throughput("PostgreSQL, a statement", scarceCalls(callers, database.change)))
	}
	cluster, err := s.b.startEtcd(ctx)
	switch {
	case s.b.absent(err):
	case err != nil:
		return nil, err
	default:
		closes = append(closes, cluster.close)
		s.peers = append(s.peers, s.b.throughput("etcd, 3 nodes, compare-and-swap", scarceCalls(callers, cluster.change)))
	}
	return func() error {
		for _, end := range closes {
			if err := end(s.b); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func (s *scarceSet) name(k *bank, over string) string {
	return fmt.Sprintf("Passbook, branches: %d, %s", k.branches, over)
}

// measure measures one load at all contenders.
func (s *scarceSet) measure(ctx context.Context, load scarceLoad, account string) error {
	var contenders []contender
	for _, over := range overs {
		for _, k := range []*bank{s.three, s.one} {
			calls := load.calls(k, account+over, s.transports[over])
			contenders = append(contenders, s.b.with(k.processes, s.b.throughput(s.name(k, over), calls)))
		}
	}
	if load.peers {
		contenders = append(contenders, s.peers...)
	}
	m, err := s.b.alternate(ctx, scarceGoal+", "+load.what, contenders...)
	if err != nil {
		return err
	}
	for _, over := range overs {
		s.tell(load, m, over)
	}
	return nil
}

// tell tells what was measured over one transport.
func (s *scarceSet) tell(load scarceLoad, m map[string]measures, over string) {
	of, beside := s.name(s.three, over), s.name(s.one, over)
	compare := func(what, quantity, reference string, asked *bound) {
		s.b.tell(row{Goal: scarceGoal, What: what + ", " + load.what, Subject: of, Figure: m[of][quantity],
			Reference: reference, ReferenceFigure: m[reference][quantity], Bound: asked})
	}
	share, slower := (*bound)(nil), (*bound)(nil)
	if load.share > 0 {
		share, slower = atLeast(load.share), atMost(2)
	}
	compare("answers/s", perSecond, beside, share)
	compare(p99, p99, beside, slower)
	compare("CPU of the servers, µs an answer", cpuPerOperation, beside, nil)
	if load.peers {
		for _, p := range s.peers {
			compare("answers/s", perSecond, p.name, atLeast(2))
			compare(p99, p99, p.name, nil)
		}
	}
}

// calls returns the callers at a bank: caller i at branch i, in turn.
func (l scarceLoad) calls(k *bank, account string, t *http.Transport) []call {
	addresses := k.addresses()
	var all []call
	for i := range l.callers {
		client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: t}, baseURL(addresses[i%len(addresses)]))
		name := fmt.Sprintf("%s-%d", account, i%l.accounts)
		random := l.random(i)
		ids := newRequestIDs()
		all = append(all, func(ctx context.Context) (int, error) {
			if random() {
				_, err := client.Deposit(ctx, &bankv1.DepositRequest{Account: name, Amount: paidIn, RequestId: ids.next()})
				return 1, err
			}
			_, err := client.Withdraw(ctx, &bankv1.WithdrawRequest{Account: name, Amount: takenOut, RequestId: ids.next()})
			if connect.CodeOf(err) == connect.CodeFailedPrecondition {
				return 1, nil // refused, as it may be
			}
			return 1, err
		})
	}
	return all
}

// random returns whether a caller deposits next: half of the time. If some callers did
// nothing but deposit, they would outrun slow withdrawals, and the account would no
// longer be scarce.
func (l scarceLoad) random(i int) func() bool {
	random := rand.New(rand.NewPCG(1, uint64(i)))
	return func() bool { return !l.doomed && random.IntN(2) == 0 }
}

// scarceCalls returns callers that change the one row or key of a peer, which refuses what
// it does not cover.
func scarceCalls(n int, change func(ctx context.Context, caller int, id string, amount int64) error) []call {
	var all []call
	for i := range n {
		random, ids := scarceLoads[0].random(i), newRequestIDs()
		all = append(all, func(ctx context.Context) (int, error) {
			amount := int64(-takenOut)
			if random() {
				amount = paidIn
			}
			return 1, change(ctx, i, ids.next(), amount)
		})
	}
	return all
}
