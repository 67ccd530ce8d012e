package branch

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/service"
)

// outlet takes the results of the engine's steps to where they belong in the
// branch.
type outlet struct{ branch *Branch }

// Committed tells the story of what was committed, ticks the logical clocks, tells those
// who follow a request, and tells of request ids that count twice and of journals that
// have forked.
func (o outlet) Committed(c *ledger.Commit) {
	o.branch.story.Applied(c)
	o.branch.trace.Committed(c)
	o.branch.follower.Committed(c)
	for i := range c.Doubles {
		service.LogDouble(o.branch.logger, &c.Doubles[i])
	}
	for i := range c.Forks {
		service.LogFork(o.branch.logger, &c.Forks[i], o.branch.id)
	}
}

// Send takes a message to a peer.
func (o outlet) Send(m protocol.Message) { o.branch.links.Send(m) }

// Refused logs refused messages, and may end the link they came on.
func (o outlet) Refused(r protocol.Refusal) { o.branch.links.Refused(r) }

// StateChanged tells the branch's health.
func (o outlet) StateChanged(s protocol.State) { o.branch.noteState(s) }
