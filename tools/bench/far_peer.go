package main

import (
	"context"
	"fmt"
	"time"
)

// farCallers is how many callers a site has.
const farCallers = 8

// farPeer is what a user would pick instead of Passbook, with servers at the sites.
type farPeer struct {
	name string
	// change adds an amount, possibly negative, to an account, for a caller at a site.
	// It reports false when the balance does not cover it.
	change func(ctx context.Context, site, caller int, id, account string, amount int64) (done bool, err error)
	// check returns an error unless the servers have the places that they are to have.
	check func(context.Context) error
	close func(*bench) error
	// hotRun is how long a run must be, at least, in which everybody changes one account:
	// where most changes fail and are tried again, a short run has none at some sites.
	hotRun time.Duration
	colour colour
}

// callers returns n callers at each site, who do what those of Passbook do.
func (p *farPeer) callers(n int, account pick) (all siteCalls) {
	for site := range sites {
		for i := range n {
			ids, random := newRequestIDs(), randomOf(site, i)
			all[site] = append(all[site], func(ctx context.Context) (int, error) {
				name, amount := account(site, random), int64(1)
				if random.IntN(2) > 0 {
					amount = -1
				}
				done, err := p.change(ctx, site, i, ids.next(), name, amount)
				if err == nil && !done {
					err = fmt.Errorf("%s is empty", name)
				}
				return 1, err
			})
		}
	}
	return all
}

// openPeers starts the peers that are installed, each with roads of its own.
func (s *farSet) openPeers(ctx context.Context) error {
	accounts := []string{hotAccount}
	for site := range sites {
		accounts = append(accounts, homeAccountsOf(site)...)
	}
	for _, start := range []func(*bench, context.Context, *roads, []string, int64) (*farPeer, error){
		(*bench).startFarEtcd, (*bench).startFarPostgres,
	} {
		r := newRoads(s.distance)
		s.peerRoads = append(s.peerRoads, r)
		p, err := start(s.b, ctx, r, accounts, farFloat)
		switch {
		case s.b.absent(err):
		case err != nil:
			return err
		default:
			s.peers = append(s.peers, p)
		}
	}
	return nil
}

// closePeers ends them.
func (s *farSet) closePeers() error {
	for _, p := range s.peers {
		if err := p.close(s.b); err != nil {
			return err
		}
	}
	s.closePeerRoads()
	return nil
}

func (s *farSet) closePeerRoads() {
	for _, r := range s.peerRoads {
		r.close()
	}
	s.peerRoads = nil
}
