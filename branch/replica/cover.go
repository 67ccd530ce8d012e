package replica

import (
	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/protocol"
)

// coverAgain is how long a claim that brought nothing keeps the next one from being sent.
const coverAgain protocol.Millis = 1000

// cover claims the escrow that this branch's own journal lacks before the branch can serve
// again, since a fork of another journal was mended (see package broadcast). It asks one
// peer after the other, and takes no part in the queues: no write waits here meanwhile.
type cover struct {
	call *call // the claim under way; nil for none
	// ticket is that of all these claims, so that they get older.
	ticket protocol.Ticket
	next   int             // the index of the peer to ask next
	at     protocol.Millis // when it may be asked; protocol.Never while nothing is lacking
}

// coverJournal sends the next claim for what the journal lacks.
func (es *escrow) coverJournal(j *broadcast.Journals) {
	v := &es.cover
	if v.call != nil {
		if !v.call.answered && !v.call.failed {
			return
		}
		v.at = es.Now + coverAgain
		if v.call.granted > 0 { // it comes with the peer's next batch, or has come
			v.at = es.Now + protocol.DeadlineGrain
		}
		v.call = nil
	}
	lacks := j.Lacks()
	if lacks == nil {
		v.at = protocol.Never
		return
	}
	if v.at != protocol.Never && es.Now < v.at {
		return
	}
	for range es.N {
		v.next = (v.next + 1) % es.N
		p := es.Peers[v.next]
		if v.next == es.Self || !es.Callable(p) || es.Ledger.Escrow(lacks.Account, v.next) == 0 {
			continue
		}
		v.call = es.calls.begin(es, p, lacks.Account)
		if v.ticket == (protocol.Ticket{}) {
			es.tickets = max(es.tickets, es.Ledger.Clock()) + 1
			v.ticket = protocol.Ticket{Clock: es.tickets, Branch: es.Config.ID}
		}
		es.Send(p, protocol.Message{Claim: &protocol.Claim{
			ID: v.call.id, Account: lacks.Account, Amount: lacks.Amount - lacks.Escrow,
			Ticket: v.ticket,
		}})
		v.at = protocol.Never // the call ends in time
		return
	}
	v.at = es.Now + coverAgain
}
