package audit

import (
	"fmt"
	"net/netip"
	"time"
)

// window is the time in which refusals that are like one another are summed.
const window = 10 * time.Second

// The bounds of what is written in a window, so nobody fills a disk by being refused.
const (
	// maxKinds is how many kinds of refusals of one caller are told apart.
	maxKinds = 4
	// maxAll is how many there are of all callers.
	maxAll = 64
)

// networkBits is how much of an IPv6 address counts: its holder has all 2^64 of its
// network.
const networkBits = 64

// flood sums refusals. Its zero value is ready.
type flood struct {
	// callers are those that were refused in this window, in order.
	callers []*caller
	// kinds is how many kinds of refusals they have in all, others how many refusals
	// there were of callers that found no place.
	kinds  int
	others uint64
}

// caller is somebody who was refused.
type caller struct {
	// name is the network of somebody who is nobody, and the URI of everybody else.
	name string
	// sums are the kinds of refusals, at least one, and others counts those of more kinds.
	sums   []sum
	others uint64
}

// sum is how many refusals were like the first one.
type sum struct {
	first line
	more  uint64
}

// isFirst reports whether a refusal is to be written, and counts it otherwise.
func (f *flood) isFirst(name string, l line) bool {
	c := f.callerOf(name)
	if c == nil {
		if f.kinds >= maxAll {
			f.others++
			return false
		}
		c = &caller{name: name}
		f.callers = append(f.callers, c)
	}
	for i := range c.sums {
		if first := &c.sums[i].first; first.What == l.What && first.Outcome == l.Outcome && first.Event == l.Event && first.Branch == l.Branch {
			c.sums[i].more++
			return false
		}
	}
	if len(c.sums) >= maxKinds || f.kinds >= maxAll {
		c.others++
		return false
	}
	c.sums = append(c.sums, sum{first: l})
	f.kinds++
	return true
}

func (f *flood) callerOf(name string) *caller {
	for _, c := range f.callers {
		if c.name == name {
			return c
		}
	}
	return nil
}

// end returns the lines that tell of what was counted, and begins anew.
func (f *flood) end() []line {
	var lines []line
	for _, c := range f.callers {
		for _, s := range c.sums {
			if s.more > 0 {
				l := s.first
				l.Account, l.Count, l.Text = "", s.more, fmt.Sprintf("and %d more like it within %v: %s", s.more, window, l.Text)
				lines = append(lines, l)
			}
		}
		if c.others > 0 {
			l := c.sums[0].first
			l.What, l.Account, l.Text, l.Outcome, l.Count = "", "", fmt.Sprintf("and %d more refusals of other kinds within %v", c.others, window), "various", c.others
			lines = append(lines, l)
		}
	}
	if f.others > 0 {
		lines = append(lines, line{
			Event: Refused, Outcome: "various", Count: f.others,
			Text: fmt.Sprintf("and %d more refusals of other callers within %v", f.others, window),
		})
	}
	*f = flood{}
	return lines
}

// networkOf returns the network of an address with a port; the address itself if it is
// none of IP.
func networkOf(from string) string {
	at, err := netip.ParseAddrPort(from)
	if err != nil {
		return from
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() {
		network, _ := ip.Prefix(networkBits) // 64 bits are always there
		return network.String()
	}
	return ip.String()
}
