package host

import (
	"os"
	"runtime"
)

// processors is this process's share of the machine's processors, rounded up,
// by how many of the branches of this machine it has. Processes that each count
// on all of them wake and wait for one another.
func (o *Options) processors(all int) int {
	here := 0
	for _, e := range o.Input.Branches {
		if o.Network.isHere(e.ID) {
			here++
		}
	}
	here = max(here, len(o.IDs))
	return (all*len(o.IDs) + here - 1) / here
}

// shareProcessors keeps this process to its share, unless GOMAXPROCS says what it
// may use.
func (o *Options) shareProcessors() {
	all := runtime.GOMAXPROCS(0)
	// Set only if it is less: from then on Go follows no change of the machine.
	if share := o.processors(all); share < all && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(share)
	}
}
