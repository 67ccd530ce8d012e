package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Writes far apart, at each acknowledge level, beside etcd and PostgreSQL: on one account
// that everybody uses, and on accounts that are used mostly at home.

// farLoad is what callers at all sites do.
type farLoad struct {
	what    string
	account pick
	// hot says that all use one account.
	hot bool
	// asked is what the goal asks of the throughput at each level, as a multiple of the
	// better peer's.
	asked map[bankv1.Acknowledge]float64
}

var farLoads = []farLoad{
	{what: "an account used everywhere", account: everywhere, hot: true},
	{what: "accounts used mostly at home", account: mostlyAtHome, asked: map[bankv1.Acknowledge]float64{
		bankv1.Acknowledge_ACKNOWLEDGE_LOCAL:   16,
		bankv1.Acknowledge_ACKNOWLEDGE_NEAREST: 1.5,
	}},
}

// writesLast is about how long the writes take at one distance.
func writesLast(o *options) time.Duration {
	const peers = 2
	contenders := len(levels) + peers
	return time.Duration(o.runs*contenders*(len(farLoads)+1))*(o.warm()+o.duration) + o.hotRun(etcdHotRun)
}

// hotRun is how long a run is that has to have a duration to say anything.
func (o *options) hotRun(least time.Duration) time.Duration {
	if o.quick {
		return o.duration
	}
	return max(o.duration, least)
}

func (s *farSet) writes(ctx context.Context) error {
	if err := s.openPeers(ctx); err != nil {
		return err
	}
	if err := s.together(ctx); err != nil {
		return err
	}
	if err := s.alone(ctx); err != nil {
		return err
	}
	return s.closePeers()
}

// together measures all callers at once.
func (s *farSet) together(ctx context.Context) error {
	var groups []barGroup
	for _, load := range farLoads {
		m, err := s.measureLoad(ctx, load)
		if err != nil {
			return err
		}
		s.tellLoad(load, m, s.notes(ctx, load))
		groups = append(groups, s.barsOf(load, m))
	}
	return s.b.draw("throughput-"+s.distance.file()+".svg", throughputChart(s.distance, groups).write)
}

// measureLoad measures a load at all contenders.
func (s *farSet) measureLoad(ctx context.Context, load farLoad) (map[string]measures, error) {
	var all, long []contender
	for _, l := range levels {
		all = append(all, s.b.eachSite(passbookAt(l), s.callers(farCallers, l, load.account)))
	}
	o := &s.b.options
	for _, p := range s.peers {
		calls := p.callers(farCallers, load.account)
		if load.hot && p.hotRun > 0 {
			long = append(long, eachSiteFor(p.name, calls, o.warm(), o.hotRun(p.hotRun)))
		} else {
			all = append(all, s.b.eachSite(p.name, calls))
		}
	}
	m, err := s.b.alternate(ctx, s.titled(load.what), all...)
	if err != nil {
		return nil, err
	}
	once, err := s.b.rounds(ctx, s.titled(load.what), 1, long...)
	if err != nil {
		return nil, err
	}
	maps.Copy(m, once)
	return m, nil
}

// notes say of each peer how it ran, unless as all others do, and whether its servers
// are no longer in their places after that.
func (s *farSet) notes(ctx context.Context, load farLoad) map[*farPeer]string {
	notes := map[*farPeer]string{}
	for _, p := range s.peers {
		var all []string
		if load.hot && p.hotRun > 0 {
			all = append(all, fmt.Sprintf("the reference: one run of %s", s.b.options.hotRun(p.hotRun)))
		}
		if err := p.check(ctx); err != nil {
			all = append(all, err.Error())
		}
		notes[p] = strings.Join(all, "; ")
	}
	return notes
}

// betterPeer returns the peer with the greater throughput; nil if none was measured.
func betterPeer(peers []*farPeer, m map[string]measures) (better *farPeer) {
	for _, p := range peers {
		f := m[p.name][perSecond]
		if len(f) > 0 && (better == nil || f.median() > m[better.name][perSecond].median()) {
			better = p
		}
	}
	return better
}

// tellLoad tells the throughput of each level beside each peer, and how long everybody's
// writes take at each site. The goal is about the better peer.
func (s *farSet) tellLoad(load farLoad, m map[string]measures, notes map[*farPeer]string) {
	better := betterPeer(s.peers, m)
	for _, l := range levels {
		r := row{What: "operations/s, " + load.what, Subject: passbookAt(l), Figure: m[passbookAt(l)][perSecond]}
		asked := load.bound(l)
		if better == nil {
			r.Reference, r.Bound = "etcd or PostgreSQL", asked
			s.tell(r)
		}
		for _, p := range s.peers {
			r.Reference, r.ReferenceFigure, r.Bound, r.Note = p.name, m[p.name][perSecond], nil, notes[p]
			if p == better {
				r.Reference, r.Bound = "the better peer: "+p.name, asked
			}
			s.tell(r)
		}
	}
	for _, name := range s.contenders() {
		for site := range sites {
			s.tell(row{What: at(p50, site) + ", " + load.what, Subject: name, Figure: m[name][at(p50, site)]})
		}
	}
}

// bound is what is asked of the ratio of a level to the better peer; nil for nothing.
func (l farLoad) bound(level bankv1.Acknowledge) *bound {
	if l.asked[level] == 0 {
		return nil
	}
	return atLeast(l.asked[level])
}

// contenders returns the names of all who are measured.
func (s *farSet) contenders() (names []string) {
	for _, l := range levels {
		names = append(names, passbookAt(l))
	}
	for _, p := range s.peers {
		names = append(names, p.name)
	}
	return names
}

// alone measures one caller a site, on accounts of that site: how long a write takes that
// waits for no other.
func (s *farSet) alone(ctx context.Context) error {
	const what = "one caller a site"
	var all []contender
	for _, l := range levels {
		all = append(all, s.b.eachSite(passbookAt(l), s.callers(1, l, atHome)))
	}
	for _, p := range s.peers {
		all = append(all, s.b.eachSite(p.name, p.callers(1, atHome)))
	}
	m, err := s.b.alternate(ctx, s.titled(what), all...)
	if err != nil {
		return err
	}
	tell := func(name string, site int, asked *bound) {
		s.tell(row{What: at(p50, site) + ", " + what, Subject: name, Figure: m[name][at(p50, site)], Bound: asked})
	}
	for _, l := range levels {
		for site := range sites {
			tell(passbookAt(l), site, micros(s.distance.most(l, site)))
		}
	}
	for _, p := range s.peers {
		for site := range sites {
			tell(p.name, site, nil)
		}
	}
	return nil
}

// most is how long a write may take at a level and a site.
func (d *distance) most(l bankv1.Acknowledge, site int) time.Duration {
	switch l {
	case bankv1.Acknowledge_ACKNOWLEDGE_LOCAL:
		return 2 * time.Millisecond
	case bankv1.Acknowledge_ACKNOWLEDGE_NEAREST, bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY: // of three
		return d.nearest(site) + 3*time.Millisecond
	default:
		return d.farthest(site) + 5*time.Millisecond
	}
}
