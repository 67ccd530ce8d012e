package main

import (
	"math/rand/v2"
	"sync"
	"time"
)

// traffic is how bytes travel one way between two branches.
type traffic struct {
	// blocked holds them back, as a network that loses every packet does: what
	// was sent arrives when the way is open again.
	blocked bool
	// delay holds every piece back for so long.
	delay time.Duration
	// drip lets so few bytes through every few milliseconds; 0 for all at once.
	drip int
}

// dripPause is the time between two drops.
const dripPause = 2 * time.Millisecond

// way is the way from one branch to another, whoever made the connection.
type way struct {
	mu      sync.Mutex
	traffic traffic
	// changed is closed when the traffic changes.
	changed chan struct{}
}

func newWay() *way { return &way{changed: make(chan struct{})} }

// set changes the traffic.
func (w *way) set(t traffic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.traffic = t
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *way) now() (traffic, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.traffic, w.changed
}

// open waits until the way is not blocked, and reports false when done was
// closed before.
func (w *way) open(done <-chan struct{}) bool {
	for {
		t, changed := w.now()
		if !t.blocked {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}

// delay is how long what is sent now is under way.
func (w *way) delay() time.Duration {
	t, _ := w.now()
	return t.delay
}

// pass lets b through as the traffic is, and calls write for each piece. It
// reports false when done was closed before all had passed, or write failed.
func (w *way) pass(b []byte, done <-chan struct{}, write func([]byte) bool) bool {
	for len(b) > 0 {
		if !w.open(done) {
			return false
		}
		t, _ := w.now()
		n := len(b)
		if t.drip > 0 {
			n = min(n, t.drip)
		}
		if !write(b[:n]) || t.drip > 0 && !pause(dripPause, done) {
			return false
		}
		b = b[n:]
	}
	return true
}

// pause waits, and reports false when done was closed before.
func pause(d time.Duration, done <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}

// pair is two branches, in order.
type pair struct{ from, to uint32 }

// network is all roads and ways between the branches.
type network struct {
	roads map[pair]*road
	ways  map[pair]*way
}

// openNetwork opens a road for every ordered pair of branches.
func openNetwork(p ports) (*network, error) {
	n := &network{roads: map[pair]*road{}, ways: map[pair]*way{}}
	for _, a := range branchIDs {
		for _, b := range branchIDs {
			if a != b {
				n.ways[pair{a, b}] = newWay()
			}
		}
	}
	for k := range n.ways {
		r, err := openRoad(hostPort(p.road(k.from, k.to)), hostPort(p.branch(k.to)), n.ways[k], n.ways[pair{k.to, k.from}])
		if err != nil {
			n.close()
			return nil, err
		}
		n.roads[k] = r
	}
	return n, nil
}

func (n *network) close() {
	for _, w := range n.ways {
		w.set(traffic{})
	}
	for _, r := range n.roads {
		r.close()
	}
}

// set changes the traffic on some ways.
func (n *network) set(t traffic, ways ...pair) {
	for _, k := range ways {
		n.ways[k].set(t)
	}
}

// heal lets everything through again. What was held back arrives now.
func (n *network) heal() {
	for _, w := range n.ways {
		w.set(traffic{})
	}
}

// reset breaks, in the middle of what they carry next, the connections between
// two branches.
func (n *network) reset(a, b uint32, rng *rand.Rand) int {
	return n.roads[pair{a, b}].breakAll(rng) + n.roads[pair{b, a}].breakAll(rng)
}

// drop closes all connections of a branch at once.
func (n *network) drop(id uint32) {
	for k, r := range n.roads {
		if k.from == id || k.to == id {
			r.dropAll()
		}
	}
}
