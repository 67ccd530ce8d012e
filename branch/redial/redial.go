// Package redial keeps something up that breaks now and then: a link to a peer,
// or what a peer reports of itself. It knows nothing of either. Packages link and
// feed use it.
package redial

import (
	"context"
	"math/rand/v2"
	"time"
)

// MinPause and MaxPause bound the pause before the next attempt.
const (
	MinPause = 20 * time.Millisecond
	MaxPause = time.Second
)

// Keep calls up again and again, for ever, until ctx is done. up brings something
// up and returns why it broke, which broken is told. Pauses between two calls
// grow, with jitter; after something was up for longer than MaxPause they start
// from MinPause again.
func Keep(ctx context.Context, up func() error, broken func(error)) {
	pause := MinPause
	for ctx.Err() == nil {
		began := time.Now()
		err := up()
		if ctx.Err() != nil {
			return
		}
		broken(err)
		if time.Since(began) > MaxPause {
			pause = MinPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause)):
			pause = min(2*pause, MaxPause)
		}
	}
}
