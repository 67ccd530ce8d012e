// Package road is the network between the branches: proxies on loopback ports that
// can hold back, delay, drip and reset what they carry. It knows nobody; the bank
// puts its branches on it, and faults disturb it.
package road

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are where branches and roads listen: branch i at base+i, the road from
// i to k at base+10·i+k. They lie below the range from which the system takes
// the ports of outgoing connections.
type Ports struct {
	// Base is a multiple of 100.
	Base int
}

const (
	firstPort = 10000
	lastPort  = 32000
)

// Branch is the port of a branch.
func (p Ports) Branch(id uint32) int { return p.Base + int(id) }

// Road is the port by which one branch reaches another.
func (p Ports) Road(from, to uint32) int { return p.Base + 10*int(from) + int(to) }

// FindPorts finds a base whose ports are all free.
func FindPorts() (Ports, error) {
	for range 100 {
		p := Ports{Base: firstPort + 100*rand.IntN((lastPort-firstPort)/100)}
		if p.free() {
			return p, nil
		}
	}
	return Ports{}, errors.New("no hundred ports are free between 10000 and 32000")
}

func (p Ports) free() bool {
	for port := p.Base + 1; port < p.Base+60; port++ {
		l, err := net.Listen("tcp", HostPort(port))
		if err != nil {
			return false
		}
		_ = l.Close() // nobody has used it
	}
	return true
}

// HostPort is the address of a port of this machine.
func HostPort(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
