package signature

import (
	"crypto/ecdsa"
	"sync"
)

// maxVerified bounds the signatures that a process remembers to be good. The branches of
// a process get a batch within moments of each other.
const maxVerified = 4096

// verified are the signatures that were found to be good, as far as there is room.
// Checking one costs as much as all else that becomes of a small batch.
type verified struct {
	mu sync.Mutex
	// good has the keys in ring, whose oldest one is at next once it is full.
	good map[signed]struct{}
	ring []signed
	next int
	// running are the checks under way. Whoever needs the same one waits for it.
	running map[signed]*check
}

// check is a check under way.
type check struct {
	done chan struct{} // closed at its end
	good bool          // the result, once it is done
}

func newVerified() verified {
	return verified{good: map[signed]struct{}{}, running: map[signed]*check{}}
}

// isGood reports whether a signature is that of a key. It checks each only once, whoever
// asks, as long as it remembers.
func (v *verified) isGood(key *ecdsa.PublicKey, k signed) bool {
	v.mu.Lock()
	if _, ok := v.good[k]; ok {
		v.mu.Unlock()
		return true
	}
	if c := v.running[k]; c != nil {
		v.mu.Unlock()
		<-c.done
		return c.good
	}
	c := &check{done: make(chan struct{})}
	v.running[k] = c
	v.mu.Unlock()

	c.good = isOf(key, k)

	v.mu.Lock()
	delete(v.running, k)
	if c.good {
		v.remember(k)
	}
	v.mu.Unlock()
	close(c.done)
	return c.good
}

// made remembers a signature that this process has made.
func (v *verified) made(k signed) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.remember(k)
}

// remember remembers a good signature. The caller holds mu.
func (v *verified) remember(k signed) {
	if _, ok := v.good[k]; ok {
		return
	}
	v.good[k] = struct{}{}
	if len(v.ring) < maxVerified {
		v.ring = append(v.ring, k)
		return
	}
	delete(v.good, v.ring[v.next])
	v.ring[v.next] = k
	v.next = (v.next + 1) % maxVerified
}
