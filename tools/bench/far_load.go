package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// The load of the far goal: customers at all sites.

const (
	// homeAccounts is how many accounts are used mostly at one site; one call in strayEvery
	// is about those of another site.
	homeAccounts, strayEvery = 300, 20
	// farFloat is what each account has in the beginning.
	farFloat = 1_000_000
)

// levels are the acknowledge levels that are measured.
var levels = []bankv1.Acknowledge{
	bankv1.Acknowledge_ACKNOWLEDGE_LOCAL,
	bankv1.Acknowledge_ACKNOWLEDGE_NEAREST,
	bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY,
	bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE,
}

// levelName is how a level is called in the table.
func levelName(l bankv1.Acknowledge) string { return l.String()[len("ACKNOWLEDGE_"):] }

// passbookAt names Passbook with a level.
func passbookAt(l bankv1.Acknowledge) string { return "Passbook, " + levelName(l) }

// pick names the account of the next call of a customer at a site.
type pick func(site int, random *rand.Rand) string

// everywhere picks the one account that everybody uses.
func everywhere(int, *rand.Rand) string { return hotAccount }

// atHome picks an account that is used at a site alone.
func atHome(site int, random *rand.Rand) string {
	return homeAccount(site, random.IntN(homeAccounts))
}

// mostlyAtHome picks one that customers of other sites use now and then.
func mostlyAtHome(site int, random *rand.Rand) string {
	if random.IntN(strayEvery) == 0 {
		site = (site + 1 + random.IntN(sites-1)) % sites
	}
	return atHome(site, random)
}

func homeAccount(site, n int) string { return fmt.Sprintf("home-%d-%d", site+1, n) }

func homeAccountsOf(site int) (all []string) {
	for n := range homeAccounts {
		all = append(all, homeAccount(site, n))
	}
	return all
}

func (s *farSet) client(site int) bankv1connect.BranchServiceClient {
	return bankv1connect.NewBranchServiceClient(&http.Client{Transport: s.transport}, baseURL(s.bank.address(site+1)))
}

// randomOf is what a customer decides by, the same in each run.
func randomOf(site, caller int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(site), uint64(caller)))
}

// siteWrite pays 1 in or takes 1 out, and returns the branches that have not confirmed it.
type siteWrite func(ctx context.Context) (unreachable []uint32, err error)

// writer returns the writes of a customer at a site.
func (s *farSet) writer(site, caller int, level bankv1.Acknowledge, account pick) siteWrite {
	client, ids, random := s.client(site), newRequestIDs(), randomOf(site, caller)
	return func(ctx context.Context) ([]uint32, error) {
		name := account(site, random)
		if random.IntN(2) == 0 {
			res, err := client.Deposit(ctx, &bankv1.DepositRequest{Account: name, Amount: 1, RequestId: ids.next(), Acknowledge: level})
			return res.GetUnreachableBranches(), err
		}
		res, err := client.Withdraw(ctx, &bankv1.WithdrawRequest{Account: name, Amount: 1, RequestId: ids.next(), Acknowledge: level})
		return res.GetUnreachableBranches(), err
	}
}

// siteCalls are the calls of the customers at each site.
type siteCalls [sites][]call

// callers returns n customers at each site, who write. With REACHABLE, a write counts only
// if all branches have it.
func (s *farSet) callers(n int, level bankv1.Acknowledge, account pick) (all siteCalls) {
	for site := range sites {
		for i := range n {
			write := s.writer(site, i, level, account)
			all[site] = append(all[site], func(ctx context.Context) (int, error) {
				unreachable, err := write(ctx)
				if level == bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE && len(unreachable) > 0 {
					return 0, err
				}
				return 1, err
			})
		}
	}
	return all
}

// at names a quantity of one site.
func at(quantity string, site int) string { return fmt.Sprintf("%s at site %d", quantity, site+1) }

// eachSite is a contender with customers at all sites, who call as fast as they are
// answered.
func (b *bench) eachSite(name string, calls siteCalls) contender {
	return eachSiteFor(name, calls, b.options.warm(), b.options.duration)
}

// eachSiteFor is eachSite with runs of another duration.
func eachSiteFor(name string, calls siteCalls, warm, duration time.Duration) contender {
	return contender{name, func(ctx context.Context, _ int) (reading, error) {
		var samples [sites]*sample
		err := atAllSites(func(site int) (err error) {
			if len(calls[site]) > 0 {
				samples[site], err = closedLoop(ctx, calls[site], warm, duration)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		r := reading{}
		for site, s := range samples {
			if s != nil {
				r[perSecond] += s.rate()
				r[at(perSecond, site)], r[at(p50, site)], r[at(p99, site)] = s.rate(), s.quantile(50), s.quantile(99)
			}
		}
		return r, nil
	}}
}

// beside runs a contender while another one runs, and returns what both measure.
func beside(ctx context.Context, round int, c, other contender) (r, of reading, err error) {
	type result struct {
		r   reading
		err error
	}
	done := make(chan result, 1)
	go func() {
		r, err := other.run(ctx, round)
		done <- result{r, err}
	}()
	r, err = c.run(ctx, round)
	d := <-done
	if err == nil && d.err != nil {
		err = fmt.Errorf("%s: %w", other.name, d.err)
	}
	return r, d.r, err
}
