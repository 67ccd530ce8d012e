package main

import (
	"fmt"
	"strings"
	"time"
)

// sites is how many places the far goal has, each with one branch or server.
const sites = 3

// distance is how far the sites are apart.
type distance struct {
	name string
	// trips are the round trips between each two sites.
	trips [sites][sites]time.Duration
}

// newDistance takes the round trips between the first and the second site, the first
// and the third, and the second and the third, in milliseconds.
func newDistance(oneTwo, oneThree, twoThree int) distance {
	d := distance{name: fmt.Sprintf("%d/%d/%d ms", oneTwo, oneThree, twoThree)}
	set := func(a, b, trip int) {
		d.trips[a][b] = time.Duration(trip) * time.Millisecond
		d.trips[b][a] = d.trips[a][b]
	}
	set(0, 1, oneTwo)
	set(0, 2, oneThree)
	set(1, 2, twoThree)
	return d
}

// file is the name as a part of a file's name.
func (d *distance) file() string { return strings.NewReplacer("/", "-", " ", "-").Replace(d.name) }

// nearest returns the shortest round trip from a site, farthest the longest one.
func (d *distance) nearest(site int) time.Duration {
	trip := time.Duration(1<<63 - 1)
	for other, t := range d.trips[site] {
		if other != site {
			trip = min(trip, t)
		}
	}
	return trip
}

func (d *distance) farthest(site int) time.Duration {
	trip := time.Duration(0)
	for _, t := range d.trips[site] {
		trip = max(trip, t)
	}
	return trip
}

// roads lead from each site to what others serve.
type roads struct {
	distance distance
	// lines are those of each one-way delay.
	lines map[time.Duration]*delayLine
	all   []*road
	// junctions are where several roads share one address.
	junctions []*junction
}

// road is the way from one site to something at another one.
type road struct {
	*delayProxy
	from, to int
}

func newRoads(d distance) *roads { return &roads{distance: d, lines: map[time.Duration]*delayLine{}} }

// line returns the delay line between two sites.
func (r *roads) line(from, to int) *delayLine {
	delay := r.distance.trips[from][to] / 2
	if r.lines[delay] == nil {
		r.lines[delay] = newDelayLine(delay)
	}
	return r.lines[delay]
}

// lead returns the address by which somebody at one site reaches a target at another one.
func (r *roads) lead(from, to int, target string) (string, error) {
	p, err := newDelayProxy(target, r.line(from, to))
	if err != nil {
		return "", fmt.Errorf("road from site %d to site %d: %w", from+1, to+1, err)
	}
	r.all = append(r.all, &road{p, from, to})
	return p.address(), nil
}

// cutOff cuts all roads from a site to another and back, or mends them.
func (r *roads) cutOff(site int, cut bool) {
	for _, w := range r.all {
		if (w.from == site) != (w.to == site) {
			w.setCut(cut)
		}
	}
}

func (r *roads) close() {
	for _, j := range r.junctions {
		_ = j.listener.Close() // nobody is told
	}
	for _, w := range r.all {
		w.close()
	}
	for _, l := range r.lines {
		l.close()
	}
}
