package main

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Strong queries far apart, of an account that others write to at all sites.

const (
	strongQueries = "Passbook, strong query"
	// failed is how many calls were not answered.
	failed = "failed"
)

// queryLoad is what happens meanwhile.
type queryLoad struct {
	writers int // at each site
	level   bankv1.Acknowledge
}

var queryLoads = []queryLoad{
	{},
	{1, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE},
	{farCallers, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE},
	{1, bankv1.Acknowledge_ACKNOWLEDGE_LOCAL},
	{farCallers, bankv1.Acknowledge_ACKNOWLEDGE_LOCAL},
}

func (l queryLoad) String() string {
	if l.writers == 0 {
		return "nobody writes"
	}
	return fmt.Sprintf("writers at each site: %d, %s", l.writers, levelName(l.level))
}

// queriesLast is about how long they take at one distance.
func queriesLast(o *options) time.Duration {
	return time.Duration(o.runs*len(queryLoads)) * (o.warm() + o.duration)
}

func (s *farSet) queries(ctx context.Context) error {
	for _, load := range queryLoads {
		writers := s.b.eachSite("writers", s.callers(load.writers, load.level, everywhere))
		m, err := s.b.alternate(ctx, s.titled("strong queries, "+load.String()), contender{strongQueries, func(ctx context.Context, round int) (reading, error) {
			asked := s.askers()
			r, _, err := beside(ctx, round, s.b.eachSite(strongQueries, asked.calls), writers)
			if err == nil {
				r[failed] = float64(asked.failed())
			}
			return r, err
		}})
		if err != nil {
			return err
		}
		s.tellQueries(load, m[strongQueries])
		// What a load leaves to be applied must not slow the next one down.
		if _, err := s.bank.settled(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *farSet) tellQueries(load queryLoad, m measures) {
	note := ""
	if n := m[failed].median(); n > 0 {
		note = fmt.Sprintf("%g failed in a run, and count with the time that they took", n)
	}
	for site := range sites {
		s.tell(row{What: at(p50, site) + ", " + load.String(), Subject: strongQueries, Figure: m[at(p50, site)],
			Bound: micros(2*s.distance.farthest(site) + 5*time.Millisecond), Note: note})
		s.tell(row{What: at(p99, site) + ", " + load.String(), Subject: strongQueries, Figure: m[at(p99, site)], Note: note})
	}
}

// askers are customers who ask for the balance of the hot account, one at each site.
type askers struct {
	calls siteCalls
	// misses are how many questions were not answered at each site.
	misses [sites]int
}

func (s *farSet) askers() *askers {
	a := &askers{}
	for site := range sites {
		client := s.client(site)
		a.calls[site] = []call{func(ctx context.Context) (int, error) {
			_, err := client.Query(ctx, &bankv1.QueryRequest{Account: hotAccount, Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
			if isUnreachable(err) {
				a.misses[site]++
				return 0, nil
			}
			return 1, err
		}}
	}
	return a
}

func (a *askers) failed() (sum int) {
	for _, n := range a.misses {
		sum += n
	}
	return sum
}

// isUnreachable says whether an error tells that a branch is too far away, or does not
// answer in time.
func isUnreachable(err error) bool {
	c := connect.CodeOf(err)
	return err != nil && (c == connect.CodeUnavailable || c == connect.CodeDeadlineExceeded)
}
