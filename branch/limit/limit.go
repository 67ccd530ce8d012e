// Package limit bounds what each client of a bank may do: how many calls in a second, and
// how many at once. It knows clients by their names, and no room; every room may know it.
package limit

import (
	"container/list"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// MaxClients bounds the clients that are remembered. Over it, the one that has had no
// call for longest is forgotten, and comes back with a whole burst.
const MaxClients = 16384

// soon is how long a client had better wait that has as many calls at once as it may: one
// of them may end at any moment.
const soon = time.Second

// Config is what each client may do. Zero stands for no bound.
type Config struct {
	// PerSecond is how many calls a client may make in a second, for as long as it likes.
	PerSecond float64
	// Burst is how many it may make at once after a pause; zero for those of a second.
	Burst int
	// Concurrent is how many it may have at the same time. A stream is one.
	Concurrent int
}

// Limits bound the calls of each client. Their methods may be called at the same time. A
// nil *Limits bounds nothing.
type Limits struct {
	cfg Config

	mu sync.Mutex
	// clients are those that are remembered, by name.
	clients map[string]*client
	// resting are those of them that have no call, the one that has had none for longest
	// at the front.
	resting list.List
	// most is MaxClients, but in tests.
	most int
}

// client is what is remembered of a client.
type client struct {
	name string
	// spent says how many calls it may make now.
	spent *rate.Limiter
	// calls is how many it has.
	calls int
	// rests is its place among those that rest; nil while it has calls.
	rests *list.Element
}

// New returns limits. It fails if the configuration makes no sense.
func New(cfg Config) (*Limits, error) {
	if cfg.PerSecond < 0 || math.IsNaN(cfg.PerSecond) || math.IsInf(cfg.PerSecond, 0) || cfg.Burst < 0 || cfg.Concurrent < 0 {
		return nil, fmt.Errorf("the limits of a client are counts, or 0 for none; they are %v calls a second, %d in a burst, %d at once", cfg.PerSecond, cfg.Burst, cfg.Concurrent)
	}
	if cfg.PerSecond == 0 && cfg.Burst > 0 {
		return nil, fmt.Errorf("a burst of %d calls is a bound only where the calls of a second have one", cfg.Burst)
	}
	if cfg.Burst == 0 {
		cfg.Burst = int(min(math.Ceil(cfg.PerSecond), math.MaxInt32))
	}
	return &Limits{cfg: cfg, clients: map[string]*client{}, most: MaxClients}, nil
}

// Enter counts a call of a client until leave is called, which must be once. If the call
// may not be, it counts nothing, and says how long the client had better wait.
func (l *Limits) Enter(name string) (leave func(), retryAfter time.Duration, ok bool) {
	if l == nil {
		return func() {}, 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clientOf(name)
	if c == nil {
		return nil, soon, false
	}
	if l.cfg.Concurrent > 0 && c.calls >= l.cfg.Concurrent {
		return nil, soon, false
	}
	if now := time.Now(); !c.spent.AllowN(now, 1) {
		return nil, l.untilNext(c, now), false
	}
	c.calls++
	if c.rests != nil {
		l.resting.Remove(c.rests)
		c.rests = nil
	}
	return func() { l.leave(c) }, 0, true
}

// leave counts a call less.
func (l *Limits) leave(c *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.calls--; c.calls == 0 {
		c.rests = l.resting.PushBack(c)
	}
}

// untilNext returns how long it takes until a client may make a call again.
func (l *Limits) untilNext(c *client, now time.Time) time.Duration {
	lacks := 1 - c.spent.TokensAt(now)
	return max(time.Duration(lacks/l.cfg.PerSecond*float64(time.Second)), time.Nanosecond)
}

// clientOf returns what is remembered of a client, from now on; nil where all that are
// remembered have calls, and there are as many as may be.
func (l *Limits) clientOf(name string) *client {
	if c := l.clients[name]; c != nil {
		return c
	}
	if len(l.clients) >= l.most {
		longest := l.resting.Front()
		if longest == nil {
			return nil
		}
		delete(l.clients, l.resting.Remove(longest).(*client).name)
	}
	every := rate.Inf
	if l.cfg.PerSecond > 0 {
		every = rate.Limit(l.cfg.PerSecond)
	}
	c := &client{name: name, spent: rate.NewLimiter(every, l.cfg.Burst)}
	c.rests = l.resting.PushBack(c)
	l.clients[name] = c
	return c
}
