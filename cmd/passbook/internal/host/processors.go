package host

import (
	"os"
	"runtime"
)

// processors returns this process's share of the machine's processors, rounded up: as
// large as its share of the machine's branches. Processes that each count on all
// processors wake and wait for one another.
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
	// Set only if it is less: once it is set, Go no longer follows changes of the
	// machine.
	if share := o.processors(all); share < all && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(share)
	}
}
