package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Storm: at one branch, customers ask without a pause for far more than there
// is; at the two others, deposits go on. A storm costs its branch processor
// time that is taken from all on one machine, and that counts here.

const (
	stormers = 16
	// stormed is far above every balance here.
	stormed = 1 << 50
	// otherAccount is the one of a storm that nobody deposits to.
	otherAccount = "other"
)

func (b *bench) storm(ctx context.Context) error {
	k, err := b.openBank(ctx, bankSpec{name: "stormed bank", branches: 3})
	if err != nil {
		return err
	}
	if _, err := k.client(1).Deposit(ctx, &bankv1.DepositRequest{Account: otherAccount, Amount: 1000, RequestId: newRequestIDs().next()}); err != nil {
		return fmt.Errorf("open account %q: %w", otherAccount, err)
	}
	t := customerTransport(true)
	defer t.CloseIdleConnections()
	calm := b.throughput("no storm", depositing(k.addresses(1, 2), t, callers-stormers))
	const elsewhere, here = "storm on another account", "storm on the same account"
	m, err := b.alternate(ctx, "storm", calm, stormy(elsewhere, calm, k, t, otherAccount), stormy(here, calm, k, t, hotAccount))
	if err != nil {
		return err
	}
	for _, name := range []string{elsewhere, here} {
		b.tell(row{Goal: "storm", What: "deposits/s at the other branches, 16 callers", Subject: name, Figure: m[name][perSecond],
			Reference: calm.name, ReferenceFigure: m[calm.name][perSecond], Bound: atLeast(0.8)})
		b.tell(row{Goal: "storm", What: "withdrawals refused/s", Subject: name, Figure: m[name][refusals]})
	}
	return k.close()
}

const refusals = "refusals/s"

// stormy is a contender in a storm at branch 3.
func stormy(name string, calm contender, k *bank, t *http.Transport, account string) contender {
	return contender{name, func(ctx context.Context, round int) (reading, error) {
		storm, end := context.WithCancel(ctx)
		defer end()
		var counts [stormers]int
		errs := make([]error, stormers+1)
		var raging sync.WaitGroup
		for i := range stormers {
			client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: t}, baseURL(k.address(3)))
			raging.Go(func() {
				if counts[i], errs[i] = rage(storm, client, account); errs[i] != nil {
					end()
				}
			})
		}
		r, err := calm.run(ctx, round)
		end()
		raging.Wait()
		errs[stormers] = err
		if err := firstCause(errs); err != nil {
			return nil, err
		}
		sum := 0
		for _, n := range counts {
			sum += n
		}
		r[refusals] = float64(sum) / (k.b.options.warm() + k.b.options.duration).Seconds()
		return r, nil
	}}
}

// rage withdraws what is not there until ctx ends, and returns how often that
// was refused.
func rage(ctx context.Context, client bankv1connect.BranchServiceClient, account string) (refused int, err error) {
	ids := newRequestIDs()
	for ctx.Err() == nil {
		_, err := client.Withdraw(ctx, &bankv1.WithdrawRequest{Account: account, Amount: stormed, RequestId: ids.next()})
		switch code := connect.CodeOf(err); {
		case err == nil:
			return refused, fmt.Errorf("a withdrawal of %d from account %q was paid", int64(stormed), account)
		case ctx.Err() != nil:
		case code == connect.CodeFailedPrecondition, code == connect.CodeUnavailable, code == connect.CodeResourceExhausted:
			refused++
		default:
			return refused, fmt.Errorf("doomed withdrawal from account %q: %w", account, err)
		}
	}
	return refused, nil
}
