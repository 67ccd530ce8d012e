// Package porttest gives tests ranges of ports for their branches.
package porttest

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// Size is how many ports a range has: branches 1 to Size-1 have one each.
const Size = 400

// Ports below the ones that the system hands out by itself.
const (
	first = 10000
	last  = 32000
)

var reserved atomic.Int64

// Reserve returns the base port of a range that nobody else gets before release is
// called, in this process or in another that runs tests. No port in it is taken.
// Branches have the ports above their base port: a listener on the base port
// itself is what keeps the range.
func Reserve() (base int, release func(), err error) {
	const slots = (last - first) / Size
	for range slots {
		slot := (os.Getpid() + int(reserved.Add(1))) % slots
		base := first + slot*Size
		keeper, err := listen(base)
		if err != nil {
			continue
		}
		if free(base) {
			return base, func() { _ = keeper.Close() }, nil
		}
		_ = keeper.Close()
	}
	return 0, nil, fmt.Errorf("each range of %d ports between %d and %d has one that is taken", Size, first, last)
}

func free(base int) bool {
	for port := base + 1; port < base+Size; port++ {
		l, err := listen(port)
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}
