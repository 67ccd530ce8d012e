package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// branchIDs are the branches of the bank.
var branchIDs = []uint32{1, 2, 3, 4, 5}

// ports are where branches and roads listen: branch i at base+i, the road from
// i to k at base+10·i+k. They lie below the range from which the system takes
// the ports of outgoing connections.
type ports struct{ base int }

const (
	firstPort = 10000
	lastPort  = 32000
)

func (p ports) branch(id uint32) int     { return p.base + int(id) }
func (p ports) road(from, to uint32) int { return p.base + 10*int(from) + int(to) }

// findPorts finds a base whose ports are all free.
func findPorts() (ports, error) {
	for range 100 {
		p := ports{base: firstPort + 100*rand.IntN((lastPort-firstPort)/100)}
		if p.free() {
			return p, nil
		}
	}
	return ports{}, errors.New("no hundred ports are free between 10000 and 32000")
}

func (p ports) free() bool {
	for port := p.base + 1; port < p.base+60; port++ {
		l, err := net.Listen("tcp", hostPort(port))
		if err != nil {
			return false
		}
		_ = l.Close() // nobody has used it
	}
	return true
}

func hostPort(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
