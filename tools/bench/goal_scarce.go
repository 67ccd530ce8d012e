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
// refusal needs a word from every branch. The reference is the same bank with one
// branch, which needs nobody.

const (
	scarceGoal = "scarce"
	// paidIn and takenOut are the amounts.
	paidIn, takenOut = 1, 2
)

// scarceLoad is who calls.
type scarceLoad struct {
	what string
	// callers are how many, accounts how many accounts they share.
	callers, accounts int
	// doomed says that all ask for more than there is.
	doomed bool
}

var scarceLoads = []scarceLoad{
	{"32 callers", 32, 1, false},
	{"128 callers", 128, 1, false},
	{"32 callers, 8 accounts", 32, 8, false},
	{"2 callers", 2, 1, false},
	{"32 callers, all refused", 32, 1, true},
}

func (b *bench) scarce(ctx context.Context) error {
	h2, h1 := customerTransport(true), customerTransport(false)
	defer h2.CloseIdleConnections()
	defer h1.CloseIdleConnections()
	three, err := b.openBank(ctx, bankSpec{name: "scarce bank", branches: 3})
	if err != nil {
		return err
	}
	one, err := b.openBank(ctx, bankSpec{name: "scarce bank of one", branches: 1})
	if err != nil {
		return err
	}
	for i, load := range scarceLoads {
		if err := b.scarceAt(ctx, load, fmt.Sprint(i), three, one, map[string]*http.Transport{"h2c": h2, "HTTP/1.1": h1}); err != nil {
			return fmt.Errorf("%s: %w", load.what, err)
		}
	}
	if err := one.close(); err != nil {
		return err
	}
	return three.close()
}

// scarceAt measures one load at both banks.
func (b *bench) scarceAt(ctx context.Context, load scarceLoad, account string, three, one *bank, transports map[string]*http.Transport) error {
	var contenders []contender
	name := func(k *bank, over string) string { return fmt.Sprintf("Passbook, branches: %d, %s", k.branches, over) }
	for _, over := range []string{"h2c", "HTTP/1.1"} {
		for _, k := range []*bank{three, one} {
			calls := load.calls(k, account+over, transports[over])
			contenders = append(contenders, b.with(k.processes, b.throughput(name(k, over), calls)))
		}
	}
	m, err := b.alternate(ctx, scarceGoal+", "+load.what, contenders...)
	if err != nil {
		return err
	}
	for _, over := range []string{"h2c", "HTTP/1.1"} {
		of, beside := name(three, over), name(one, over)
		for _, r := range []struct {
			quantity, what string
			asked          *bound
		}{{perSecond, "answers/s", atLeast(0.6)}, {p99, p99, atMost(2)}, {cpuPerOperation, "CPU of the servers, µs an answer", nil}} {
			b.tell(row{Goal: scarceGoal, What: r.what + ", " + load.what, Subject: of, Figure: m[of][r.quantity],
				Reference: beside, ReferenceFigure: m[beside][r.quantity], Bound: r.asked})
		}
	}
	return nil
}

// calls returns the callers at a bank: caller i at branch i, in turn. Each deposits and
// withdraws at random, as often the one as the other: if some did nothing but deposit,
// they would outrun slow withdrawals, and the account would no longer be scarce.
func (l scarceLoad) calls(k *bank, account string, t *http.Transport) []call {
	var all []call
	addresses := k.addresses()
	for i := range l.callers {
		client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: t}, baseURL(addresses[i%len(addresses)]))
		ids, name := newRequestIDs(), fmt.Sprintf("%s-%d", account, i%l.accounts)
		random := rand.New(rand.NewPCG(1, uint64(i)))
		all = append(all, func(ctx context.Context) (int, error) {
			if !l.doomed && random.IntN(2) == 0 {
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
