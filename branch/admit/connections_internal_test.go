package admit

import (
	"errors"
	"net"
	"testing"
)

// comingFrom is a connection from an address.
type comingFrom struct {
	net.Conn
	ip string
}

// RemoteAddr implements net.Conn.
func (c comingFrom) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.ip), Port: 1234} }

// Close implements net.Conn.
func (c comingFrom) Close() error { return nil }

func TestTheLongestIdleConnectionGivesWay(t *testing.T) {
	l := &Connections{most: 2}
	admit := func() (k, gave *Connection) {
		c, other := net.Pipe()
		t.Cleanup(func() { c.Close(); other.Close() })
		return l.admit(c)
	}
	var all []*Connection
	for range l.most + spareConnections {
		k, gave := admit()
		if k == nil || gave != nil {
			t.Fatal("there is room")
		}
		all = append(all, k)
	}
	peers := func(k *Connection) {
		k.EnterPeer()
	}
	peers(all[0])
	peers(all[1])
	all[1].Leave() // is the last by now
	if _, gave := admit(); gave != all[2] {
		t.Error("not the one that was idle for longest")
	}
	var working []*Connection
	for k := l.addresses.longestIdle(); k != nil; k = l.addresses.longestIdle() {
		peers(k)
		working = append(working, k)
	}
	if k, gave := admit(); k != nil || gave != nil {
		t.Error("one that is at work gave way")
	}
	for _, k := range working {
		k.Leave()
	}
	for _, k := range all {
		k.Close()
		k.Close()
	}
	if l.open != 1 || l.busy != 0 { // the one that came for all[2]
		t.Errorf("%d open, %d busy", l.open, l.busy)
	}
}

// Customers have calls at work on so many connections, three quarters of which may
// come from one address. Peers always have theirs.
func TestConnectionsAtWorkAreBounded(t *testing.T) {
	l := &Connections{most: 8}
	connect := func(ip string) *Connection {
		k, _ := l.admit(comingFrom{ip: ip})
		if k == nil {
			t.Fatalf("%s has no place", ip)
		}
		return k
	}
	begin := func(k *Connection, want error) {
		t.Helper()
		if err := k.EnterCustomer(); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	var first []*Connection
	for range 6 {
		k := connect("10.0.0.1")
		begin(k, nil)
		begin(k, nil) // the second call on a connection needs no place of its own
		first = append(first, k)
	}
	over := connect("10.0.0.1")
	begin(over, errTooManyOfAddress)
	over.EnterPeer() // a peer from there is let in all the same
	over.Leave()
	for range 2 {
		begin(connect("10.0.0.2"), nil)
	}
	begin(connect("10.0.0.3"), errTooManyConnections)
	first[0].Leave()
	begin(over, errTooManyConnections) // the other call is still at work
	first[0].Leave()
	begin(over, nil)
	begin(first[0], errTooManyConnections)
}

// One address, or IPv6 network, has so many places that others always find one.
func TestOneAddressDoesNotTakeAllConnections(t *testing.T) {
	const most = 64
	tests := map[string]struct {
		attacker func(i int) string
		places   int
		other    string
	}{
		"IPv4":         {func(int) string { return "192.0.2.1" }, ofAddress(most) + spareConnections, "192.0.2.2"},
		"IPv4 in IPv6": {func(i int) string { return []string{"192.0.2.1", "::ffff:192.0.2.1"}[i%2] }, ofAddress(most) + spareConnections, "192.0.2.2"},
		"one IPv6 network": {func(i int) string {
			return net.IP{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)}.String()
		}, ofAddress(most) + spareConnections, "2001:db8:0:1::1"},
		"many IPv4 at rest": {func(i int) string { return net.IPv4(192, 0, 2, byte(i%2)).String() }, most + spareConnections, "198.51.100.1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := &Connections{most: most}
			var all []*Connection
			for i := range test.places {
				k, gave := l.admit(comingFrom{ip: test.attacker(i)})
				if k == nil || gave != nil {
					t.Fatalf("connection %d has no place", i)
				}
				all = append(all, k)
			}
			k, gave := l.admit(comingFrom{ip: test.attacker(0)})
			if k == nil || gave != all[0] {
				t.Errorf("one more: the longest idle one of the address does not give way")
			}
			for _, k := range append(all, k) {
				k.EnterPeer()
			}
			k, gave = l.admit(comingFrom{ip: test.other})
			if test.places == most+spareConnections { // all are at work
				if k != nil || gave != nil {
					t.Error("one that is at work gave way")
				}
				return
			}
			if k == nil || gave != nil {
				t.Error("another address finds no place")
			}
			if k, gave := l.admit(comingFrom{ip: test.attacker(0)}); k != nil || gave != nil {
				t.Error("one that is at work gave way")
			}
			for _, k := range all {
				k.Leave()
				k.Close()
			}
		})
	}
}

// The address that has the most connections gives way first.
func TestTheAddressWithTheMostConnectionsGivesWay(t *testing.T) {
	l := &Connections{most: 64}
	quiet, _ := l.admit(comingFrom{ip: "10.0.0.1"}) // the longest idle of all
	for i := range l.most + spareConnections - 1 {
		_, _ = l.admit(comingFrom{ip: []string{"10.0.0.2", "10.0.0.3", "10.0.0.3"}[i%3]})
	}
	for range 50 {
		if _, gave := l.admit(comingFrom{ip: "10.0.0.4"}); gave == nil || gave.from.ip.String() != "10.0.0.3" {
			t.Fatalf("%+v gave way", gave)
		}
	}
	if quiet.closed {
		t.Error("one that is alone at its address gave way")
	}
}
