package main

import (
	"os"
	"runtime"
	"sync"

	"passbook.example/passbook/branch"
)

// processors is this process's share of the machine's processors, rounded up,
// by how many of the branches of this machine it has. Processes that each count
// on all of them wake and wait for one another.
func (o *bankOptions) processors(all int) int {
	here := 0
	for _, e := range o.input.Branches {
		if o.network.isHere(e.ID) {
			here++
		}
	}
	here = max(here, len(o.ids))
	return (all*len(o.ids) + here - 1) / here
}

// shareProcessors has this process keep to its share, unless GOMAXPROCS says what
// it may take. While a branch of it catches up with the others it may take all:
// decoding, applying and flushing then need not take turns.
func (o *bankOptions) shareProcessors(configs []branch.Config) {
	all := runtime.GOMAXPROCS(0)
	share := o.processors(all)
	// Set only if it is less: from then on Go follows no change of the machine.
	if share == all || os.Getenv("GOMAXPROCS") != "" {
		return
	}
	p := &processors{share: share, all: all, behind: map[uint32]bool{}, set: func(n int) { runtime.GOMAXPROCS(n) }}
	p.set(share)
	for i := range configs {
		id := configs[i].ID
		configs[i].OnBehind = func(behind bool) { p.note(id, behind) }
	}
}

// processors is how many a process takes.
type processors struct {
	share, all int
	set        func(n int)

	mu sync.Mutex
	// behind are the branches that catch up.
	behind map[uint32]bool
}

func (p *processors) note(id uint32, behind bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.behind)
	if behind {
		p.behind[id] = true
	} else {
		delete(p.behind, id)
	}
	switch after := len(p.behind); {
	case before == 0 && after > 0:
		p.set(p.all)
	case before > 0 && after == 0:
		p.set(p.share)
	}
}
