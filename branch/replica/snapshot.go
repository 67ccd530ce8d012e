package replica

import (
	"fmt"
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A strong query takes a snapshot: the balance that all entries with a Lamport time
// below one time add up to. It takes two round trips, whoever writes meanwhile.
//
//   - The branch that asks chooses a time later than any that it knows, and tells it to
//     all others as a mark (Chandy and Lamport, Distributed Snapshots, 1985; as times, Lai
//     and Yang, 1987). A branch that is marked says what it has paid so far, and gives its
//     later entries later times. If it already is at that time, it answers from its trail
//     (see trail.go), or says so, and the snapshot begins again with a later one.
//   - When all are marked, the snapshot is complete. Each is asked to confirm that it has
//     acknowledged no write since its mark that some branch lacks.
//
// Snapshots contain each other, since their times are ordered, and each holds whatever
// the entries in it depend on. It holds each write that was acknowledged before it began,
// and none that began after its end. While a branch is marked, a write to the account is
// acknowledged once all branches have applied it: they are at a later time then, so no
// write that begins after that is in the snapshot without it. A branch that tells a
// customer of a write in any other way does not confirm its mark (see [snapshots.spoil]).
//
// A branch that starts again has forgotten its marks, and times that it was told. It serves
// and is marked only once its links to the others are new, so these don't confirm theirs.
//
// What proves a refusal, two looks at an account, must not see the branches before a
// snapshot here and after it there: looks and their answers carry the time, too, and who
// gets one is not behind it (see [broadcast.Core.Follow]), or does not use it.
type snapshots struct {
	*broadcast.Core                     // what all parts know
	recovery        *broadcast.Recovery // the state of this branch
	desk            *desk               // answers to customers
	calls           *calls              // marks under way
	collects        *collects           // what helps where a snapshot can't
	// open are the snapshots of this branch, the oldest first.
	open []*snapshot
	// marks are those of this branch, by account; marked counts them.
	marks  map[string][]*mark
	marked int
	// trails are what this branch has paid since it was marked, by account; steps counts
	// theirs.
	trails map[string]*trail
	steps  int
}

func newSnapshots(c *broadcast.Core) snapshots {
	return snapshots{Core: c, marks: map[string][]*mark{}, trails: map[string]*trail{}}
}

// snapshot is one of this branch.
type snapshot struct {
	account string
	// id tells it from others of this branch; 0 while it has not begun.
	id uint64
	// at is the time below which entries are in it, tries how often it has begun.
	at    uint64
	tries int
	// beganAt is when it has begun first.
	beganAt protocol.Millis
	// confirming says that all are marked, and asked to confirm that.
	confirming bool
	// answers are those to the marks, by branch; open are the calls not answered.
	answers []protocol.CollectAnswer
	open    int
	// broken says that this snapshot can't be used, later that it has to begin later
	// than after.
	broken, later bool
	after         uint64
	// askers are the queries that it answers.
	askers []*asking
}

// join answers a query by a snapshot that has not begun yet.
func (ss *snapshots) join(a *asking) {
	account := a.query.Account
	k := slices.IndexFunc(ss.open, func(s *snapshot) bool { return s.account == account && s.id == 0 })
	switch {
	case k >= 0 && len(ss.open[k].askers) >= maxMembers, k < 0 && len(ss.open) >= maxSnapshots:
		a.fail(ss.desk, protocol.ErrQueueFull)
	case k >= 0:
		ss.open[k].askers = append(ss.open[k].askers, a)
	default:
		ss.open = append(ss.open, &snapshot{account: account, askers: []*asking{a}})
	}
}

// step begins snapshots, and goes on with those that all branches have answered.
func (ss *snapshots) step() {
	for _, s := range slices.Clone(ss.open) {
		switch {
		case s.id == 0:
			if ss.Now >= ss.mayBegin(s.account) {
				ss.begin(s)
			}
		case s.open > 0 && !s.broken:
		case s.broken:
			ss.giveUp(s)
		case s.later:
			ss.begin(s)
		case s.confirming:
			ss.answer(s)
		default:
			ss.confirm(s)
		}
	}
}

// mayBegin returns when the next snapshot of an account may begin: many that ask share
// one.
func (ss *snapshots) mayBegin(account string) protocol.Millis {
	at := ss.Now
	for _, s := range ss.open {
		if s.account == account && s.id != 0 {
			at = max(at, s.beganAt+snapshotPause)
		}
	}
	return at
}

// begin marks all branches, this one first. A branch where a mark of an earlier try has
// come takes the new one in its place.
func (ss *snapshots) begin(s *snapshot) {
	switch {
	case ss.State != protocol.Serving:
		ss.fail(s, ss.recovery.StateReason())
		return
	case len(ss.collects.uncallable()) > 0:
		ss.fail(s, "the balance over all branches needs branches that can't be reached")
		return
	case s.tries == maxSnapshotTries:
		ss.giveUp(s)
		return
	}
	if s.id == 0 {
		s.id, s.beganAt = ss.calls.nextID(), ss.Now
	}
	s.at = max(ss.Ledger.Clock()+snapshotLead, ss.Clock()+1, s.after+snapshotLead)
	own := ss.mark(ss.Config.ID, ss.asks(s, 1))
	if !own.Marked {
		ss.giveUp(s)
		return
	}
	s.tries++
	s.later, s.answers = false, make([]protocol.CollectAnswer, ss.N)
	s.answers[ss.Self] = own
	ss.askAll(s, 1)
}

// asks returns what a snapshot asks a branch: to be marked, or to confirm that.
func (ss *snapshots) asks(s *snapshot, look uint64) *protocol.Collect {
	return &protocol.Collect{Account: s.account, Collect: s.id, Look: look, Mark: s.at, Clock: ss.Clock()}
}

func (ss *snapshots) askAll(s *snapshot, look uint64) {
	s.open = ss.N - 1
	for i, p := range ss.Peers {
		if i != ss.Self {
			ss.calls.ask(ss, p, ss.asks(s, look)).snapshot = s
		}
	}
}

// confirm asks all branches, once they are marked, whether that has held.
func (ss *snapshots) confirm(s *snapshot) {
	s.confirming = true
	ss.askAll(s, 2)
}

// receiveAnswer handles a branch's answer.
func (ss *snapshots) receiveAnswer(c *call, a *protocol.CollectAnswer) {
	s := c.snapshot
	s.open--
	switch {
	case s.confirming:
		s.broken = s.broken || !a.Intact
	case a.Marked:
		s.answers[c.peer.Index] = *a
	case a.Clock >= s.at:
		s.later, s.after = true, max(s.after, min(a.Clock, ss.Clock()))
	default:
		s.broken = true
	}
}

// answer answers the queries.
func (ss *snapshots) answer(s *snapshot) {
	if a := ss.mark(ss.Config.ID, ss.asks(s, 2)); !a.Intact {
		ss.giveUp(s)
		return
	}
	ss.forget(s)
	balance := ledger.Amount(0)
	for i := range s.answers {
		balance = plus(balance, s.answers[i].Paid)
	}
	for _, a := range s.askers {
		session := slices.Clone(a.query.Session)
		for i, p := range ss.Peers {
			if last := s.answers[i].Last; last > 0 {
				session = append(session, ledger.Position{Branch: p.Branch, Sequence: last})
			}
		}
		ss.Reply(protocol.Reply{
			ID: a.query.ID, Balance: balance, Available: ss.Ledger.Escrow(s.account, ss.Self), Session: ss.Seen(session), Snapshot: s.at,
		})
	}
}

// giveUp answers the queries by a double collect instead. A branch that can't reach
// another one can't be marked, but it may be that the account does not change.
func (ss *snapshots) giveUp(s *snapshot) {
	ss.end(s)
	for _, a := range s.askers {
		ss.collects.join(s.account, a)
	}
}

// fail answers the queries with an error.
func (ss *snapshots) fail(s *snapshot, reason string) {
	ss.end(s)
	for _, a := range s.askers {
		a.fail(ss.desk, ss.Unavailable(s.account, 0, reason))
	}
}

// end ends a snapshot that is not used: writes need not wait for it any more.
func (ss *snapshots) end(s *snapshot) {
	ss.forget(s)
	if s.tries == 0 {
		return // nobody is marked
	}
	ss.unmark(ss.Config.ID, s.account, s.id)
	for i, p := range ss.Peers {
		if i != ss.Self && ss.Callable(p) {
			ask := ss.asks(s, 2)
			ask.ID = ss.calls.nextID()
			ss.Send(p, protocol.Message{Collect: ask})
		}
	}
}

// forget drops a snapshot, and the calls that it waits for.
func (ss *snapshots) forget(s *snapshot) {
	ss.open = slices.DeleteFunc(ss.open, func(o *snapshot) bool { return o == s })
	for _, c := range ss.calls.open { // in any order: they are only forgotten
		if c.snapshot == s {
			ss.calls.end(c)
		}
	}
}

// lost implements caller: a branch could not be asked.
func (ss *snapshots) lost(c *call) {
	if slices.Contains(ss.open, c.snapshot) {
		ss.fail(c.snapshot, fmt.Sprintf("the balance over all branches needs branch %d, which can't be reached", c.peer.Branch))
	}
}

// expire gives up the queries whose deadline has passed, and the marks of branches that
// have stopped asking.
func (ss *snapshots) expire() {
	for _, s := range slices.Clone(ss.open) {
		s.askers = slices.DeleteFunc(s.askers, func(a *asking) bool {
			late := ss.Now >= a.deadline()
			if late {
				a.fail(ss.desk, ss.Unavailable(s.account, 0, "the time was up before all branches had answered"))
			}
			return late
		})
		if len(s.askers) == 0 {
			ss.end(s)
		}
	}
	ss.expireMarks()
}

// nextTick returns when a snapshot begins, or something may have taken too long.
func (ss *snapshots) nextTick() protocol.Millis {
	if len(ss.open) == 0 && ss.marked == 0 && len(ss.trails) == 0 {
		return protocol.Never
	}
	next := ss.Now + protocol.DeadlineGrain
	for _, s := range ss.open {
		if s.id == 0 {
			next = min(next, ss.mayBegin(s.account))
		}
	}
	return next
}
