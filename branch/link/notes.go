package link

import (
	"context"
	"errors"
	"fmt"
	"io"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/replica"
)

// What links tell the log.

// broken returns the reason why nothing more comes over an accepted link.
func (k *link) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("link from branch %d: %w", k.peer.id, errParted)
	}
	return fmt.Errorf("link from branch %d broke: %w", k.peer.id, err)
}

// noteUp logs that the peer has been heard. For the replica a dialed link is up before
// that, and it may never come about. The engine calls noteUp.
func (k *link) noteUp() {
	l := k.peer.links
	l.noteUp(k.peer.id)
	l.cfg.Logger.Log(context.Background(), api.LevelCalls, "link is up", "peer", k.peer.id, "address", k.peer.way.Address, "accepted", k.accepted)
	k.heard = true
}

// hear notes that a first frame has come over a dialed link.
func (k *link) hear() {
	k.peer.links.cfg.Engine.Post(func(*replica.Replica) {
		if k.peer.link == k {
			k.noteUp()
		}
	})
}

// noteDown tells the log that there is no link to the peer, and why.
func (p *peer) noteDown(why error) { p.links.noteDown(p.id, why) }
