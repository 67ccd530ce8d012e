package token

import (
	"crypto/sha256"
	"sync"
	"time"

	"passbook.example/passbook/branch/identity"
)

// maxGeneration bounds the tokens of a generation. Two generations are kept.
const maxGeneration = 4096

// checked is what was found out about a token.
type checked struct {
	// who it speaks for.
	who *identity.Identity
	// until is when it ends.
	until time.Time
	// by are the keys that it was checked with. Once there are others, it is checked
	// again: its key may be one of those that were taken back.
	by *keys
}

// cache has the tokens that were checked and are good, by their SHA-256. A token that was
// used lately is in the younger generation. When that is full, the older one is forgotten.
type cache struct {
	// most bounds each generation.
	most           int
	mu             sync.Mutex
	younger, older map[[sha256.Size]byte]*checked
}

// find returns what is known of a token; nil for nothing.
func (c *cache) find(sum [sha256.Size]byte, set *keys, now time.Time) *checked {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, young := c.younger[sum], true
	if known == nil {
		known, young = c.older[sum], false
	}
	if known == nil || known.by != set || !now.Before(known.until) {
		return nil
	}
	if !young {
		c.put(sum, known)
	}
	return known
}

// add adds a token.
func (c *cache) add(sum [sha256.Size]byte, known *checked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(sum, known)
}

func (c *cache) put(sum [sha256.Size]byte, known *checked) {
	if c.younger == nil || len(c.younger) >= c.most {
		c.younger, c.older = make(map[[sha256.Size]byte]*checked), c.younger
	}
	c.younger[sum] = known
}
