package road

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Traffic is how bytes travel one way between two branches.
type Traffic struct {
	// Blocked holds them back, as a network that loses every packet does: what
	// was sent arrives when the way is open again.
	Blocked bool
	// Delay holds every piece back for so long.
	Delay time.Duration
	// Drip lets so few bytes through every few milliseconds; 0 for all at once.
	Drip int
}

// dripPause is the time between two drops.
const dripPause = 2 * time.Millisecond

// way is the way from one branch to another, whoever made the connection.
type way struct {
	// mu guards all.
	mu sync.Mutex
	// traffic is how bytes travel now.
	traffic Traffic
	// changed is closed when the traffic changes.
	changed chan struct{}
}

func newWay() *way { return &way{changed: make(chan struct{})} }

// set changes the traffic.
func (w *way) set(t Traffic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.traffic = t
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *way) now() (Traffic, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.traffic, w.changed
}

// open waits until the way is not blocked, and reports false when done was
// closed before.
func (w *way) open(done <-chan struct{}) bool {
	for {
		t, changed := w.now()
		if !t.Blocked {
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
	return t.Delay
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
		if t.Drip > 0 {
			n = min(n, t.Drip)
		}
		if !write(b[:n]) || t.Drip > 0 && !Pause(dripPause, done) {
			return false
		}
		b = b[n:]
	}
	return true
}

// Pause waits, and reports false when done was closed before.
func Pause(d time.Duration, done <-chan struct{}) bool {
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

// Pair is two branches, in order.
type Pair struct {
	// From is the branch that calls, To the one that is called.
	From, To uint32
}

// Network is all roads and ways between the branches.
type Network struct {
	// roads and ways are by the branch that calls and the one that is called.
	roads map[Pair]*road
	ways  map[Pair]*way
}

// Open opens a road for every ordered pair of the branches ids.
func Open(p Ports, ids []uint32) (*Network, error) {
	n := &Network{roads: map[Pair]*road{}, ways: map[Pair]*way{}}
	for _, a := range ids {
		for _, b := range ids {
			if a != b {
				n.ways[Pair{From: a, To: b}] = newWay()
			}
		}
	}
	for k := range n.ways {
		r, err := openRoad(HostPort(p.Road(k.From, k.To)), HostPort(p.Branch(k.To)), n.ways[k], n.ways[Pair{From: k.To, To: k.From}])
		if err != nil {
			n.Close()
			return nil, err
		}
		n.roads[k] = r
	}
	return n, nil
}

// Close ends all roads, and waits for what they carry.
func (n *Network) Close() {
	for _, w := range n.ways {
		w.set(Traffic{})
	}
	for _, r := range n.roads {
		r.close()
	}
}

// Set changes the traffic on some ways.
func (n *Network) Set(t Traffic, ways ...Pair) {
	for _, k := range ways {
		n.ways[k].set(t)
	}
}

// Heal lets everything through again. What was held back arrives now.
func (n *Network) Heal() {
	for _, w := range n.ways {
		w.set(Traffic{})
	}
}

// Reset breaks, in the middle of what they carry next, the connections between
// two branches.
func (n *Network) Reset(a, b uint32, rng *rand.Rand) int {
	return n.roads[Pair{From: a, To: b}].breakAll(rng) + n.roads[Pair{From: b, To: a}].breakAll(rng)
}

// Break closes all connections between two branches at once.
func (n *Network) Break(k Pair) {
	n.roads[k].dropAll()
	n.roads[Pair{From: k.To, To: k.From}].dropAll()
}

// Drop closes all connections of a branch at once.
func (n *Network) Drop(id uint32) {
	for k, r := range n.roads {
		if k.From == id || k.To == id {
			r.dropAll()
		}
	}
}
