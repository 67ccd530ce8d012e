package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Contested: withdrawals at three branches at once from one account, into which
// all money comes at one branch. So the others run short of escrow all the time
// and have to claim it, though the account as a whole always covers what is
// asked for. The reference is PostgreSQL's row lock under the same load.

const (
	withdrawers = 24
	depositors  = callers - withdrawers
	// withdrawal is the amount of each.
	withdrawal = 10
	// mostRepaid bounds the withdrawals that one deposit pays in again.
	mostRepaid = 64
)

// floats are how many withdrawals the account covers for each withdrawer, in
// increasing order. What is withdrawn is paid in again. With a small float the
// withdrawers wait for the depositors, with a large one the branches seldom run
// short.
var floats = []int{2, 4, 10}

// till is where money is withdrawn and deposited.
type till interface {
	// withdraw takes an amount out of the one account, as withdrawer i.
	withdraw(ctx context.Context, i int, id string, amount int64) error
	// deposit pays an amount in, as depositor i.
	deposit(ctx context.Context, i int, id string, amount int64) error
}

// contest is a till with callers around it.
type contest struct {
	till till
	// float is how many withdrawals the account covers at the outset.
	float int
	// covered has one place for each withdrawal that the account covers now;
	// owed one for each that has to be paid in again.
	covered, owed chan struct{}
	writes        atomic.Int64
}

func newContest(t till) *contest {
	most := withdrawers * floats[len(floats)-1]
	return &contest{till: t, covered: make(chan struct{}, most), owed: make(chan struct{}, most)}
}

// cover pays in what the account lacks for a larger float.
func (c *contest) cover(ctx context.Context, float int) error {
	more := float - c.float
	if err := c.till.deposit(ctx, 0, newRequestIDs().next(), int64(more)*withdrawal); err != nil {
		return fmt.Errorf("pay in the float: %w", err)
	}
	for range more {
		c.covered <- struct{}{}
	}
	c.float = float
	return nil
}

// withdrawals are the callers that withdraw.
func (c *contest) withdrawals() []call {
	var all []call
	for i := range withdrawers {
		ids := newRequestIDs()
		all = append(all, func(ctx context.Context) (int, error) {
			select {
			case <-c.covered:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			if err := c.till.withdraw(ctx, i, ids.next(), withdrawal); err != nil {
				return 0, fmt.Errorf("withdraw: %w", err)
			}
			c.writes.Add(1)
			c.owed <- struct{}{}
			return 1, nil
		})
	}
	return all
}

// repay pays in what was withdrawn, as depositor i, until nothing is owed after
// done is closed.
func (c *contest) repay(ctx context.Context, i int, done <-chan struct{}) error {
	ids := newRequestIDs()
	for {
		select {
		case <-c.owed:
		default:
			select {
			case <-c.owed:
			case <-done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		n := 1 + c.more()
		if err := c.till.deposit(ctx, i, ids.next(), int64(n)*withdrawal); err != nil {
			return fmt.Errorf("pay in: %w", err)
		}
		c.writes.Add(1)
		for range n {
			c.covered <- struct{}{}
		}
	}
}

// more takes what else is owed, up to a bound.
func (c *contest) more() int {
	for n := range mostRepaid - 1 {
		select {
		case <-c.owed:
		default:
			return n
		}
	}
	return mostRepaid - 1
}

// contender measures withdrawals a second, while depositors pay in again.
func (b *bench) contest(name string, c *contest) contender {
	withdraw := b.throughput(name, c.withdrawals())
	run := withdraw.run
	withdraw.run = func(ctx context.Context, round int) (reading, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		done := make(chan struct{})
		errs := make([]error, depositors+1)
		var repaying sync.WaitGroup
		for i := range depositors {
			repaying.Go(func() {
				if errs[i] = c.repay(ctx, i, done); errs[i] != nil {
					cancel()
				}
			})
		}
		r, err := run(ctx, round)
		errs[depositors] = err
		close(done)
		repaying.Wait()
		return r, firstCause(errs)
	}
	return withdraw
}

// bankTill is an account, with withdrawer i at branch i, in turn, and all
// depositors at the first branch.
type bankTill struct {
	account string
	clients []bankv1connect.BranchServiceClient
}

func newBankTill(k *bank, account string, t *http.Transport) bankTill {
	var clients []bankv1connect.BranchServiceClient
	for _, address := range k.addresses() {
		clients = append(clients, bankv1connect.NewBranchServiceClient(&http.Client{Transport: t}, baseURL(address)))
	}
	return bankTill{account, clients}
}

func (t bankTill) withdraw(ctx context.Context, i int, id string, amount int64) error {
	_, err := t.clients[i%len(t.clients)].Withdraw(ctx, &bankv1.WithdrawRequest{Account: t.account, Amount: amount, RequestId: id})
	return err
}

func (t bankTill) deposit(ctx context.Context, _ int, id string, amount int64) error {
	_, err := t.clients[0].Deposit(ctx, &bankv1.DepositRequest{Account: t.account, Amount: amount, RequestId: id})
	return err
}

// rowTill is PostgreSQL's.
type rowTill struct{ *postgres }

func (t rowTill) withdraw(ctx context.Context, _ int, id string, amount int64) error {
	return t.pay(ctx, id, -amount)
}

func (t rowTill) deposit(ctx context.Context, _ int, id string, amount int64) error {
	return t.pay(ctx, id, amount)
}

func (t rowTill) pay(ctx context.Context, id string, amount int64) error {
	covered, err := t.write(ctx, id, amount)
	if err == nil && !covered {
		return errors.New("the balance does not cover what it must cover")
	}
	return err
}

const (
	contestedH2 = "Passbook, 3 branches, h2c"
	contestedH1 = "Passbook, 3 branches, HTTP/1.1"
	contestedDB = "PostgreSQL, row lock"
	// aloneH2 and aloneH1 are the same bank with one branch, which owns all escrow.
	aloneH2 = "Passbook, 1 branch, h2c"
	aloneH1 = "Passbook, 1 branch, HTTP/1.1"
)

func (b *bench) contested(ctx context.Context) error {
	k, err := b.openBank(ctx, bankSpec{name: "contested bank", branches: 3})
	if err != nil {
		return err
	}
	h2, h1 := customerTransport(true), customerTransport(false)
	defer h2.CloseIdleConnections()
	defer h1.CloseIdleConnections()
	// An account each, so that what covers one does not cover the other.
	contests := []namedContest{
		{contestedH2, newContest(newBankTill(k, hotAccount, h2))},
		{contestedH1, newContest(newBankTill(k, hotAccount+"-too", h1))},
	}
	alone, err := b.openBank(ctx, bankSpec{name: "contested bank of one", branches: 1})
	if err != nil {
		return err
	}
	contests = append(contests, namedContest{aloneH2, newContest(newBankTill(alone, hotAccount, h2))},
		namedContest{aloneH1, newContest(newBankTill(alone, hotAccount+"-too", h1))})
	database, err := b.startPostgres(ctx, callers)
	switch {
	case b.absent(err):
	case err != nil:
		return err
	default:
		contests = append(contests, namedContest{contestedDB, newContest(rowTill{database})})
	}
	for _, n := range floats {
		if err := b.contestedAt(ctx, k, n, contests); err != nil {
			return err
		}
	}
	if database != nil {
		if err := database.close(b); err != nil {
			return err
		}
	}
	if err := alone.close(); err != nil {
		return err
	}
	return k.close()
}

type namedContest struct {
	name string
	*contest
}

// contestedAt measures with a float for each withdrawer.
func (b *bench) contestedAt(ctx context.Context, k *bank, float int, contests []namedContest) error {
	var contenders []contender
	for _, c := range contests {
		if err := c.cover(ctx, float*withdrawers); err != nil {
			return err
		}
		contenders = append(contenders, b.contest(c.name, c.contest))
	}
	atBank := contests[:2]
	written := func() (n int64) {
		for _, c := range atBank {
			n += c.writes.Load()
		}
		return n
	}
	before, err := k.settled(ctx)
	if err != nil {
		return err
	}
	writtenBefore := written()
	m, err := b.alternate(ctx, fmt.Sprintf("contested, %d covered for each", float), contenders...)
	if err != nil {
		return err
	}
	after, err := k.settled(ctx)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("withdrawals/s, 24 callers, paid in by 8, %d covered for each caller", float)
	for _, c := range atBank {
		b.tell(row{Goal: "contested", What: what, Subject: c.name, Figure: m[c.name][perSecond], Bound: atLeast(5000)})
		b.tell(row{Goal: "contested", What: what, Subject: c.name, Figure: m[c.name][perSecond],
			Reference: contestedDB, ReferenceFigure: m[contestedDB][perSecond], Bound: atLeast(3)})
		one := map[string]string{contestedH2: aloneH2, contestedH1: aloneH1}[c.name]
		b.tell(row{Goal: "contested", What: what, Subject: c.name, Figure: m[c.name][perSecond],
			Reference: one, ReferenceFigure: m[one][perSecond], Bound: atLeast(0.6)})
		b.tell(row{Goal: "contested", What: "p99 µs of it", Subject: c.name, Figure: m[c.name][p99],
			Reference: one, ReferenceFigure: m[one][p99], Bound: atMost(2)})
	}
	writes := float64(written() - writtenBefore)
	b.tell(row{Goal: "contested", What: fmt.Sprintf("grants per 100 writes, %d covered for each caller", float), Subject: "Passbook, both",
		Figure: figure{100 * (float64(after-before) - writes) / writes}})
	return nil
}
