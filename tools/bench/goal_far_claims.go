package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Claims far apart: withdrawals at a site of what was paid in at others, so each needs one
// claim. Every account is used once, so nobody has learned where it is spent.

const (
	claiming = "Passbook, LOCAL, a claim"
	// claimsEach is how many claims of each kind a run has.
	claimsEach = 10
	// claimPaid is what an account has at a holder, and at the nearer of two;
	// claimPaidFar what it has at the other: that one is richer. claimTaken is nearly
	// all that the nearer one has, so no part of it would do.
	claimPaid, claimPaidFar, claimTaken = 1000, 2000, 990
)

// holding is who has what a site asks for.
type holding struct {
	asker int
	// holders are the sites, any of which has enough. The first is the nearest.
	holders []int
}

// holdings are all kinds at a distance: for each site, either other one, and both.
func (d *distance) holdings() (all []holding) {
	for asker := range sites {
		near, far := (asker+1)%sites, (asker+2)%sites
		if d.trips[asker][far] < d.trips[asker][near] {
			near, far = far, near
		}
		all = append(all, holding{asker, []int{near}}, holding{asker, []int{far}}, holding{asker, []int{near, far}})
	}
	return all
}

func (h holding) String() string {
	if len(h.holders) == 1 {
		return fmt.Sprintf("a claim from site %d to site %d", h.asker+1, h.holders[0]+1)
	}
	return fmt.Sprintf("a claim from site %d; site %d has enough, site %d twice that", h.asker+1, h.holders[0]+1, h.holders[1]+1)
}

// paid is what the n-th of the holders has.
func (h holding) paid(n int) int64 {
	if n > 0 {
		return claimPaidFar
	}
	return claimPaid
}

func (h holding) account(round, n int) string {
	name := fmt.Sprintf("claim-%d-%d-by-%d-of", round, n, h.asker+1)
	for _, holder := range h.holders {
		name += fmt.Sprintf("-%d", holder+1)
	}
	return name
}

// claimsEach is how many claims of each kind a run has.
func (o *options) claimsEach() int {
	if o.quick {
		return 2
	}
	return claimsEach
}

// claimsLast is about how long they take at one distance. All sites claim at once.
func claimsLast(o *options) time.Duration {
	const trips = 500 * time.Millisecond // of a claim of each kind
	return time.Duration(o.farRuns()*o.claimsEach()) * trips
}

func (s *farSet) claims(ctx context.Context) error {
	all, err := s.b.rounds(ctx, s.titled("claims"), s.b.options.farRuns(), contender{claiming, s.claimOnce})
	if err != nil {
		return err
	}
	for _, h := range s.distance.holdings() {
		s.tell(row{What: p50 + " of " + h.String(), Subject: claiming, Figure: all[claiming][h.String()],
			Bound: micros(s.distance.trips[h.asker][h.holders[0]] + 5*time.Millisecond)})
	}
	return nil
}

// claimOnce pays into accounts, waits until all have seen it, and has each site claim.
func (s *farSet) claimOnce(ctx context.Context, round int) (reading, error) {
	err := atAllSites(func(site int) error { return s.payForClaims(ctx, site, round) })
	if err != nil {
		return nil, fmt.Errorf("deposits: %w", err)
	}
	if _, err := s.bank.settled(ctx); err != nil {
		return nil, err
	}
	r := reading{}
	var all [sites]reading
	if err := atAllSites(func(site int) (err error) {
		all[site], err = s.claimAt(ctx, site, round)
		return err
	}); err != nil {
		return nil, fmt.Errorf("withdrawals: %w", err)
	}
	for _, of := range all {
		maps.Copy(r, of)
	}
	return r, nil
}

// payForClaims pays in what others claim of a site.
func (s *farSet) payForClaims(ctx context.Context, site, round int) error {
	ids := newRequestIDs()
	for _, h := range s.distance.holdings() {
		k := slices.Index(h.holders, site)
		for n := range s.b.options.claimsEach() {
			if k < 0 {
				continue
			}
			if err := s.pay(ctx, site, ids, h.account(round, n), h.paid(k)); err != nil {
				return err
			}
		}
	}
	return nil
}

// claimAt has a site claim, one after the other.
func (s *farSet) claimAt(ctx context.Context, site, round int) (reading, error) {
	r, client, ids := reading{}, s.client(site), newRequestIDs()
	for _, h := range s.distance.holdings() {
		if h.asker != site {
			continue
		}
		took := newSample()
		for n := range s.b.options.claimsEach() {
			began := time.Now()
			_, err := client.Withdraw(ctx, &bankv1.WithdrawRequest{
				Account: h.account(round, n), Amount: claimTaken, RequestId: ids.next(), Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL,
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", h, err)
			}
			took.record(1, time.Since(began))
		}
		r[h.String()] = took.quantile(50)
	}
	return r, nil
}
