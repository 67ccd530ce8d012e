package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Sites that are very far apart: a round trip takes longer than the peer time-out, and
// everything still succeeds.

var slowDistance = newDistance(1200, 1200, 1200)

const (
	// slowEach is how often each site does each of these.
	slowEach = 3
	// succeeded is the share of calls that did.
	succeeded = "share that succeeded"
)

// slowStep is something that all sites do at once.
type slowStep struct {
	what string
	// trips is how many round trips it takes.
	trips int
	do    func(ctx context.Context, s *farSet, site, n int) error
}

var slowSteps = []slowStep{
	{"a deposit at LOCAL", 0, slowDeposit(bankv1.Acknowledge_ACKNOWLEDGE_LOCAL)},
	{"a deposit at REACHABLE", 1, slowDeposit(bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE)},
	{"a withdrawal at LOCAL, with a claim", 1, slowClaim},
	{"a strong query", 2, slowQuery},
}

// slowAccount is the n-th account that is paid into at a site.
func slowAccount(site, n int) string { return fmt.Sprintf("slow-%d-%d", site+1, n) }

// slowLasts is about how long it takes.
func slowLasts(*options) time.Duration {
	const trips = 4 + 2 + 1 // as above, to connect, and until all have seen the deposits
	return time.Duration(slowEach*trips) * slowDistance.nearest(0)
}

func (s *farSet) slow(ctx context.Context) error {
	const name = "Passbook"
	all, err := s.b.rounds(ctx, s.titled("everything once"), 1, contender{name, s.slowOnce})
	if err != nil {
		return err
	}
	for _, step := range slowSteps {
		s.tell(row{What: p50 + " of " + step.what, Subject: name, Figure: all[name][p50+" of "+step.what]})
		s.tell(row{What: succeeded + ", " + step.what, Subject: name, Figure: all[name][succeeded+", "+step.what], Bound: atLeast(1)})
	}
	return nil
}

// slowOnce does each step at all sites, several times. Before the next one, all branches
// have seen what there is.
func (s *farSet) slowOnce(ctx context.Context, _ int) (reading, error) {
	r := reading{}
	for _, step := range slowSteps {
		samples, err := s.slowStep(ctx, step)
		if err != nil {
			return nil, err
		}
		maps.Copy(r, samples)
		if _, err := s.bank.settled(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (s *farSet) slowStep(ctx context.Context, step slowStep) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, patience+time.Duration(slowEach*step.trips)*slowDistance.nearest(0))
	defer cancel()
	var samples [sites]*sample
	_ = atAllSites(func(site int) error {
		samples[site] = newSample()
		for n := range slowEach {
			began := time.Now()
			if err := step.do(ctx, s, site, n); err != nil {
				s.b.progress("%s at site %d: %v", step.what, site+1, err)
				continue
			}
			samples[site].record(1, time.Since(began))
		}
		return nil
	})
	merged := newSample()
	for _, one := range samples {
		merged.latency.Merge(one.latency)
		merged.operations += one.operations
	}
	return reading{
		p50 + " of " + step.what:     merged.quantile(50),
		succeeded + ", " + step.what: float64(merged.operations) / (sites * slowEach),
	}, nil
}

// slowDeposit deposits at a level; all branches must be reached.
func slowDeposit(level bankv1.Acknowledge) func(context.Context, *farSet, int, int) error {
	return func(ctx context.Context, s *farSet, site, n int) error {
		res, err := s.client(site).Deposit(ctx, &bankv1.DepositRequest{
			Account: slowAccount(site, n), Amount: claimPaid, RequestId: newRequestIDs().next(), Acknowledge: level,
		})
		if far := res.GetUnreachableBranches(); level != bankv1.Acknowledge_ACKNOWLEDGE_LOCAL && len(far) > 0 {
			return fmt.Errorf("branches %v have not confirmed it", far)
		}
		return err
	}
}

// slowClaim withdraws nearly all that the next site has paid in: what the steps before
// have left there.
func slowClaim(ctx context.Context, s *farSet, site, n int) error {
	_, err := s.client(site).Withdraw(ctx, &bankv1.WithdrawRequest{
		Account: slowAccount((site+1)%sites, n), Amount: 2*claimPaid - 1, RequestId: newRequestIDs().next(), Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL,
	})
	return err
}

func slowQuery(ctx context.Context, s *farSet, site, n int) error {
	_, err := s.client(site).Query(ctx, &bankv1.QueryRequest{Account: slowAccount(site, n), Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
	return err
}
