package branch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/engine"
	"passbook.example/passbook/branch/replica"
)

// What a link has logged of itself.

// broken says why nothing more comes over an accepted link.
func (k *link) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("link from branch %d: %w", k.peer.id, errParted)
	}
	return fmt.Errorf("link from branch %d broke: %w", k.peer.id, err)
}

// noteUp has it logged that the peer has been heard: a link that is dialed is up
// for the replica before that, and may never come about. The engine calls it.
func (k *link) noteUp() {
	b := k.peer.branch
	b.links.noteUp(linkEnd{b.id, k.peer.id})
	b.logger.Log(context.Background(), api.LevelCalls, "link is up", "peer", k.peer.id, "address", k.peer.address, "accepted", k.accepted)
	k.heard = true
}

// hear notes that a first frame has come over a dialed link.
func (k *link) hear(e *engine.Engine) {
	e.Post(func(*replica.Replica) {
		if k.peer.link == k {
			k.noteUp()
		}
	})
}

// noteDown has it logged that there is no link to the peer, if that lasts.
func (p *peer) noteDown(why error) { p.branch.links.noteDown(linkEnd{p.branch.id, p.id}, why) }
