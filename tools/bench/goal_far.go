package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Far: three sites behind a delaying proxy, each with customers of its own.

const (
	farGoal = "far"
	// siteCallers is how many customers a site has at once.
	siteCallers = 8
	// homeAccounts is how many accounts are used mostly at one site; one call in strayEvery
	// is about those of another site.
	homeAccounts, strayEvery = 300, 20
	// farFloat is what each account has in the beginning.
	farFloat = 1_000_000
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
}

func (b *bench) far(ctx context.Context) error {
	for _, d := range farDistances {
		s := &farSet{b: b, distance: d, roads: newRoads(d), transport: customerTransport(true)}
		err := s.measure(ctx)
		s.transport.CloseIdleConnections()
		s.roads.close()
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return nil
}

func (s *farSet) measure(ctx context.Context) (err error) {
	if s.bank, err = s.b.openBank(ctx, bankSpec{name: "far bank " + s.distance.name[:2], branches: sites, roads: s.roads}); err != nil {
		return err
	}
	if err := s.fill(ctx); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{s.shared, s.alone, s.queries} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return s.bank.close()
}

// levels are the acknowledge levels that are measured, by their names.
var levels = []struct {
	name  string
	level bankv1.Acknowledge
}{
	{"LOCAL", bankv1.Acknowledge_ACKNOWLEDGE_LOCAL},
	{"NEAREST", bankv1.Acknowledge_ACKNOWLEDGE_NEAREST},
	{"MAJORITY", bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY},
	{"REACHABLE", bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE},
}

func (s *farSet) client(site int) bankv1connect.BranchServiceClient {
	return bankv1connect.NewBranchServiceClient(&http.Client{Transport: s.transport}, baseURL(s.bank.address(site+1)))
}

// homeAccount is an account of a site.
func homeAccount(site, n int) string { return fmt.Sprintf("home-%d-%d", site+1, n) }

// fill pays into each account, at its site; into the hot one at all.
func (s *farSet) fill(ctx context.Context) error {
	var errs [sites]error
	var filling sync.WaitGroup
	for site := range sites {
		filling.Go(func() { errs[site] = s.fillSite(ctx, site) })
	}
	filling.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("first deposits: %w", err)
		}
	}
	_, err := s.bank.settled(ctx)
	return err
}

func (s *farSet) fillSite(ctx context.Context, site int) error {
	client, ids := s.client(site), newRequestIDs()
	names := []string{hotAccount}
	for n := range homeAccounts {
		names = append(names, homeAccount(site, n))
	}
	for _, name := range names {
		_, err := client.Deposit(ctx, &bankv1.DepositRequest{Account: name, Amount: farFloat, RequestId: ids.next(), Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL})
		if err != nil {
			return err
		}
	}
	return nil
}

// siteCalls are the calls of the customers at each site.
type siteCalls [sites][]call

// callers returns n customers at each site, who pay 1 in or take 1 out. account names
// whose account.
func (s *farSet) callers(n int, level bankv1.Acknowledge, account func(site int, random *rand.Rand) string) siteCalls {
	var all siteCalls
	for site := range sites {
		for i := range n {
			client, ids := s.client(site), newRequestIDs()
			random := rand.New(rand.NewPCG(uint64(site), uint64(i)))
			all[site] = append(all[site], func(ctx context.Context) (int, error) {
				var err error
				if name := account(site, random); random.IntN(2) == 0 {
					_, err = client.Deposit(ctx, &bankv1.DepositRequest{Account: name, Amount: 1, RequestId: ids.next(), Acknowledge: level})
				} else {
					_, err = client.Withdraw(ctx, &bankv1.WithdrawRequest{Account: name, Amount: 1, RequestId: ids.next(), Acknowledge: level})
				}
				return 1, err
			})
		}
	}
	return all
}

func everywhere(int, *rand.Rand) string { return hotAccount }

func atHome(site int, random *rand.Rand) string {
	if random.IntN(strayEvery) == 0 {
		site = (site + 1 + random.IntN(sites-1)) % sites
	}
	return homeAccount(site, random.IntN(homeAccounts))
}

// at names a quantity of one site.
func at(quantity string, site int) string { return fmt.Sprintf("%s at site %d", quantity, site+1) }

// eachSite is a contender with customers at all sites, who call as fast as they are
// answered.
func (b *bench) eachSite(name string, calls siteCalls) contender {
	return contender{name, func(ctx context.Context, _ int) (reading, error) {
		var samples [sites]*sample
		var errs [sites]error
		var running sync.WaitGroup
		for site := range sites {
			if len(calls[site]) > 0 {
				running.Go(func() { samples[site], errs[site] = closedLoop(ctx, calls[site], b.options.warm(), b.options.duration) })
			}
		}
		running.Wait()
		r := reading{}
		for site, s := range samples {
			switch {
			case errs[site] != nil:
				return nil, fmt.Errorf("site %d: %w", site+1, errs[site])
			case s != nil:
				r[perSecond] += s.rate()
				r[at(perSecond, site)], r[at(p50, site)], r[at(p99, site)] = s.rate(), s.quantile(50), s.quantile(99)
			}
		}
		return r, nil
	}}
}

// shared measures all callers at all sites, on one account and on accounts used mostly at
// home.
func (s *farSet) shared(ctx context.Context) error {
	for _, load := range []struct {
		what    string
		account func(int, *rand.Rand) string
	}{{"an account used everywhere", everywhere}, {"accounts used at home", atHome}} {
		var all []contender
		for _, l := range levels {
			all = append(all, s.b.eachSite("Passbook, "+l.name, s.callers(siteCallers, l.level, load.account)))
		}
		m, err := s.b.alternate(ctx, farGoal+", "+s.distance.name+", "+load.what, all...)
		if err != nil {
			return err
		}
		for _, l := range levels {
			name := "Passbook, " + l.name
			s.tell("operations/s, "+load.what, name, m[name][perSecond], nil)
			for site := range sites {
				s.tell(at(p50, site)+", "+load.what, name, m[name][at(p50, site)], nil)
			}
		}
	}
	return nil
}

func (s *farSet) tell(what, subject string, f figure, asked *bound) {
	s.b.tell(row{Goal: farGoal + ", " + s.distance.name, What: what, Subject: subject, Figure: f, Bound: asked})
}

// alone measures one caller a site.
func (s *farSet) alone(ctx context.Context) error {
	var all []contender
	home := func(site int, random *rand.Rand) string { return homeAccount(site, random.IntN(homeAccounts)) }
	for _, l := range levels {
		all = append(all, s.b.eachSite("Passbook, "+l.name, s.callers(1, l.level, home)))
	}
	m, err := s.b.alternate(ctx, farGoal+", "+s.distance.name+", one caller a site", all...)
	if err != nil {
		return err
	}
	for _, l := range levels {
		for site := range sites {
			var most time.Duration
			switch l.level {
			case bankv1.Acknowledge_ACKNOWLEDGE_LOCAL:
				most = 2 * time.Millisecond
			case bankv1.Acknowledge_ACKNOWLEDGE_NEAREST, bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY:
				most = s.distance.nearest(site) + 3*time.Millisecond
			default:
				most = s.distance.farthest(site) + 5*time.Millisecond
			}
			s.tell(at(p50, site)+", one caller a site", "Passbook, "+l.name, m["Passbook, "+l.name][at(p50, site)], atMost(float64(most.Microseconds())))
		}
	}
	return nil
}

// queries measures strong queries of an account that others write to at all sites.
func (s *farSet) queries(ctx context.Context) error {
	const name = "Passbook, strong query"
	var askers siteCalls
	for site := range sites {
		client := s.client(site)
		askers[site] = []call{func(ctx context.Context) (int, error) {
			_, err := client.Query(ctx, &bankv1.QueryRequest{Account: hotAccount, Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
			if c := connect.CodeOf(err); c == connect.CodeUnavailable || c == connect.CodeDeadlineExceeded {
				err = nil // slow enough to be seen
			}
			return 1, err
		}}
	}
	asking := s.b.eachSite(name, askers)
	for _, load := range []struct {
		what    string
		writers int
	}{{"nobody writes", 0}, {"one writer a site", 1}, {"8 writers a site", siteCallers}} {
		writers := s.b.eachSite("writers", s.callers(load.writers, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, everywhere))
		m, err := s.b.alternate(ctx, farGoal+", "+s.distance.name+", strong queries, "+load.what, contender{name, func(ctx context.Context, round int) (reading, error) {
			wrote := make(chan error, 1)
			go func() {
				_, err := writers.run(ctx, round)
				wrote <- err
			}()
			r, err := asking.run(ctx, round)
			if werr := <-wrote; err == nil {
				err = werr
			}
			return r, err
		}})
		if err != nil {
			return err
		}
		for site := range sites {
			most := 2*s.distance.farthest(site) + 5*time.Millisecond
			s.tell(at(p50, site)+", "+load.what, name, m[name][at(p50, site)], atMost(float64(most.Microseconds())))
			s.tell(at(p99, site)+", "+load.what, name, m[name][at(p99, site)], nil)
		}
	}
	return nil
}
