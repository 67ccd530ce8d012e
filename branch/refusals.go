package branch

import (
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
)

// noteRefusal tells of the first message of a kind that was refused, and ends
// the link on which one came that no peer of this bank would send.
func (b *Branch) noteRefusal(f replica.Refusal) {
	switch {
	case f.Lie == replica.BadBank && f.First:
		b.logger.Warn("link is refused", "peer", f.Peer, "address", b.peers[f.Peer].address, "cause", f.Text)
	case f.First:
		b.logger.Warn("a message in a peer's name was refused; more of this kind are counted, not logged", "peer", f.Peer, "kind", f.Lie.String(), "problem", f.Text)
	}
	if k := b.peers[f.Peer].link; f.Close && k != nil {
		k.end(refusalError(f))
	}
}

// lied counts a frame in a peer's name that is refused for what it says, and
// returns the error.
func (b *Branch) lied(peer ledger.BranchID, err error) error {
	if lie, ok := api.LieOf(err); ok {
		b.engine.Post(func(r *replica.Replica) { r.Refuse(peer, lie, err.Error()) })
	}
	return err
}

// refusalError is what the other side of a link is told.
func refusalError(f replica.Refusal) error {
	if f.Lie == replica.BadBank {
		return &replica.StrangerError{Branch: f.Peer, Problem: f.Text}
	}
	return &api.InputError{Problem: f.Text}
}
