package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Far: three sites behind a delaying proxy, each with customers of its own, and each
// part of what is measured there in a file of its own, goal_far_*.go.

const (
	farGoal = "far"
	// farRuns is how many runs a part has at most whose runs take longer than others.
	farRuns = 3
	// farBudget is how long the goal may take unless a flag says otherwise.
	farBudget = 20 * time.Minute
)

// farDistances are the distances between the sites.
var farDistances = []distance{newDistance(40, 80, 90), newDistance(100, 150, 200)}

// farSet is what is measured at one distance.
type farSet struct {
	b         *bench
	distance  distance
	roads     *roads
	bank      *bank
	transport *http.Transport

	// peers are those that are measured beside Passbook, peerRoads the roads of each.
	peers     []*farPeer
	peerRoads []*roads
}

// farRuns is how many runs such a part has.
func (o *options) farRuns() int { return min(o.runs, farRuns) }

// farPart is a part of the goal.
type farPart struct {
	measure func(*farSet, context.Context) error
	// lasts says how long it takes at one distance, without the time to start servers.
	lasts func(*options) time.Duration
}

var farParts = []farPart{
	{(*farSet).writes, writesLast},
	{(*farSet).queries, queriesLast},
	{(*farSet).claims, claimsLast},
	{(*farSet).lists, listsLast},
	{(*farSet).cut, cutLasts},
}

// farLasts returns about how long the goal takes.
func farLasts(o *options) time.Duration {
	const servers = 20 * time.Second // until all have started and have their accounts
	sum := slowLasts(o)
	for range farDistances {
		sum += servers
		for _, p := range farParts {
			sum += p.lasts(o)
		}
	}
	return sum
}

func (b *bench) far(ctx context.Context) error {
	b.progress("%s: it takes about %s", farGoal, farLasts(&b.options).Round(time.Minute/2))
	for _, d := range farDistances {
		if err := b.farAt(ctx, d, farParts); err != nil {
			return err
		}
	}
	return b.farAt(ctx, slowDistance, []farPart{{(*farSet).slow, slowLasts}})
}

// farAt measures some parts at one distance.
func (b *bench) farAt(ctx context.Context, d distance, parts []farPart) error {
	s := &farSet{b: b, distance: d, roads: newRoads(d), transport: customerTransport(true)}
	defer s.roads.close()
	defer s.closePeerRoads()
	defer s.transport.CloseIdleConnections()
	if err := s.measure(ctx, parts); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	return nil
}

func (s *farSet) measure(ctx context.Context, parts []farPart) (err error) {
	if s.bank, err = s.b.openBank(ctx, bankSpec{name: "far bank " + s.distance.file(), branches: sites, roads: s.roads}); err != nil {
		return err
	}
	if err := s.fill(ctx); err != nil {
		return err
	}
	for _, p := range parts {
		if err := p.measure(s, ctx); err != nil {
			return err
		}
	}
	return s.bank.close()
}

// fill pays into each account at its site, and into the hot one at all.
func (s *farSet) fill(ctx context.Context) error {
	err := atAllSites(func(site int) error {
		ids := newRequestIDs()
		for _, account := range append(homeAccountsOf(site), hotAccount) {
			if err := s.pay(ctx, site, ids, account, farFloat); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("first deposits: %w", err)
	}
	_, err = s.bank.settled(ctx)
	return err
}

// pay deposits an amount at a site, which alone has synced it then.
func (s *farSet) pay(ctx context.Context, site int, ids *requestIDs, account string, amount int64) error {
	_, err := s.client(site).Deposit(ctx, &bankv1.DepositRequest{
		Account: account, Amount: amount, RequestId: ids.next(), Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL,
	})
	return err
}

// atAllSites does something at all sites at once, and returns the first site's error.
func atAllSites(do func(site int) error) error {
	var errs [sites]error
	var running sync.WaitGroup
	for site := range sites {
		running.Go(func() { errs[site] = do(site) })
	}
	running.Wait()
	for site, err := range errs {
		if err != nil {
			return fmt.Errorf("site %d: %w", site+1, err)
		}
	}
	return nil
}

// titled names what is measured in the progress and in the records.
func (s *farSet) titled(what string) string {
	return farGoal + ", " + s.distance.name + ", " + what
}

// tell adds a row of this distance to the table.
func (s *farSet) tell(r row) {
	r.Goal = farGoal + ", " + s.distance.name
	s.b.tell(r)
}

// micros is a bound of a latency.
func micros(most time.Duration) *bound { return atMost(float64(most.Microseconds())) }
