package admit

import (
	"container/list"
	"net"
	"net/netip"
)

// ofAddress is how many of so many connections one address may have: three
// quarters, so that callers from elsewhere find a place. A bank behind a
// balancer, or on loopback alone, has one address, and that much to itself.
func ofAddress(most int) int { return max(1, most-most/4) }

// networkBits is how much of an IPv6 address counts: its holder has all 2^64 of its
// network.
const networkBits = 64

// addresses are those that connections come from, while there are any. Its zero
// value has none.
type addresses struct {
	// all has them by their ip.
	all map[netip.Addr]*address
}

// address is one of them. What changes belongs to Connections.mu.
type address struct {
	// ip is the address, or the network of an IPv6 one.
	ip netip.Addr
	// bounded says that it is one, and not a pipe in a test.
	bounded bool
	// open counts its connections, busy those on which customers have calls at
	// work.
	open, busy int
	// idle has those that are not at work, longest idle first.
	idle list.List
	// large has a place for each large reply that is in hand for it; nil for any
	// number.
	large chan struct{}
}

// of returns the address that a connection comes from.
func (a *addresses) of(remote net.Addr) *address {
	ip := ipOf(remote)
	from := a.all[ip]
	if from == nil {
		from = &address{ip: ip, bounded: ip.IsValid()}
		if from.bounded {
			from.large = make(chan struct{}, ofAddress(maxLargeReplies))
		}
		if a.all == nil {
			a.all = map[netip.Addr]*address{}
		}
		a.all[ip] = from
	}
	return from
}

func ipOf(remote net.Addr) netip.Addr {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		network, _ := ip.Prefix(networkBits) // which errs for too many bits only
		return network.Addr()
	}
	return ip
}

// drop forgets an address that no connection comes from any more.
func (a *addresses) drop(from *address) {
	if from.open == 0 {
		delete(a.all, from.ip)
	}
}

// longestIdle returns the address's connection that has been idle for longest, nil
// if all are at work.
func (a *address) longestIdle() *Connection {
	front := a.idle.Front()
	if front == nil {
		return nil
	}
	return front.Value.(*Connection)
}

// longestIdle returns the connection that has been idle for longest of the address
// that has the most, among those that have one that is idle.
func (a *addresses) longestIdle() *Connection {
	var longest *Connection
	for _, from := range a.all {
		k := from.longestIdle()
		switch {
		case k == nil:
		case longest == nil, from.open > longest.from.open,
			from.open == longest.from.open && k.restedAt < longest.restedAt:
			longest = k
		}
	}
	return longest
}
