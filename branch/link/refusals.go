package link

import (
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// Refused logs the first message of a kind that was refused. It ends the link if no
// peer of this bank would send such a message. The engine calls it.
func (l *Links) Refused(f protocol.Refusal) {
	switch {
	case f.Lie == protocol.BadBank && f.First:
		l.cfg.Logger.Warn("link is refused", "peer", f.Peer, "address", l.peers[f.Peer].way.Address, "cause", f.Text)
	case f.First:
		l.cfg.Logger.Warn("a message in a peer's name was refused; more of this kind are counted, not logged", "peer", f.Peer, "kind", f.Lie.String(), "problem", f.Text)
	}
	if k := l.peers[f.Peer].link; f.Close && k != nil {
		k.end(refusalError(f))
	}
}

// lied counts a frame in a peer's name that is refused for what it says, and
// returns the error.
func (l *Links) lied(peer ledger.BranchID, err error) error {
	if lie, ok := api.LieOf(err); ok {
		l.cfg.Engine.Post(func(r *replica.Replica) { r.Refuse(peer, lie, err.Error()) })
	}
	return err
}

// refusalError returns the error that the other side of the link gets.
func refusalError(f protocol.Refusal) error {
	if f.Lie == protocol.BadBank {
		return &protocol.StrangerError{Branch: f.Peer, Problem: f.Text}
	}
	return &api.InputError{Problem: f.Text}
}
