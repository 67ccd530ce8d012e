package broadcast

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// misfit refuses a batch that follows the one before it but breaks a rule in this
// view. That is no proof of a fork: the writer may have seen another side of a third
// journal, or the batch is not the writer's. So no branch is told that its journal
// has forked, or one fork would halt the whole bank. If another batch comes in the
// same place, it is applied if it fits.
func (in *intake) misfit(from *Peer, i int, s *ledger.Sealed, err error) {
	if in.pending.has(s.Hash) {
		return
	}
	in.misfitAt[i] = in.progressed()
	if in.misfits[i] = s.Hash; i == in.Self {
		in.alarms.Reject(from, protocol.BadBatch, true, "a batch of this branch's own journal breaks a rule: %v", err)
		return
	}
	in.alarms.Reject(from, protocol.BadBatch, false, "a batch of branch %d breaks a rule here: %v", in.Peers[i].Branch, err)
	if !in.misfitTold[i] {
		in.misfitTold[i] = in.alarms.raiseRefusal(protocol.AlarmStopped, "the journal of branch %d is applied no further with what was sent: it breaks a rule here, so it has forked or one that it depends on has, or its sender lies: %v", in.Peers[i].Branch, err)
	}
}

// progressed counts what may give other branches escrow, and so make a batch fit.
func (in *intake) progressed() uint64 { return in.applied + in.Head(in.Self) }
