package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports of the servers lie below the range from which the system takes
// those of outgoing connections.
const (
	firstPort = 10000
	lastPort  = 32700
)

// findPorts returns the first of n ports in a row that nobody listens on.
func findPorts(n int) (int, error) {
	for range 100 {
		if first := firstPort + rand.IntN(lastPort-firstPort-n); allFree(first, n) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d ports in a row are free between %d and %d", n, firstPort, lastPort)
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", hostPort(port))
		if err != nil {
			return false
		}
		_ = l.Close() // nobody has used it
	}
	return true
}

func hostPort(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
