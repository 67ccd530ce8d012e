package follow

import (
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// following returns the lives of the requests that are followed; nil when there are none.
// It is asked at every request, commit and message, so it takes no lock.
func (f *Follower) following() map[request]*life {
	if f == nil {
		return nil
	}
	if lives := f.lives.Load(); lives != nil {
		return *lives
	}
	return nil
}

// lifeOf returns the life of the request that an entry carries out; nil if nobody follows
// it.
func (f *Follower) lifeOf(e *ledger.Entry) *life {
	lives := f.following()
	if lives == nil {
		return nil
	}
	return lives[request{e.Customer, e.RequestID}]
}

// Asked is told of each deposit, withdrawal and transfer that comes.
func (f *Follower) Asked(e *ledger.Entry) {
	l := f.lifeOf(e)
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(received, 0)
	if l.at == (ledger.Position{}) {
		l.account = e.Account
	}
}

// Forwarded is told of each that is passed on to its home.
func (f *Follower) Forwarded(e *ledger.Entry, home ledger.BranchID) {
	l := f.lifeOf(e)
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.account = ""
	l.add(forwarded, home)
}

// Answered is told how each is answered; err is nil for success.
func (f *Follower) Answered(e *ledger.Entry, err error) {
	l := f.lifeOf(e)
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.account = ""
	step := &bankv1.RequestStep{Kind: answered, AtUs: l.now()}
	if err != nil {
		step.Code = api.CodeOf(err).String()
	}
	l.put(step)
}

// Committed is told of each commit, once it is durable.
func (f *Follower) Committed(c *ledger.Commit) {
	lives := f.following()
	if lives == nil {
		return
	}
	f.seeing.Lock()
	defer f.seeing.Unlock()
	for i := range c.Batches {
		if b := c.Batches[i].Batch; b != nil {
			eachEntry(lives, b, func(l *life, at ledger.Position) { l.recorded(&f.cfg, at, (*life).add) })
		}
	}
	if !c.Sync {
		return
	}
	for _, l := range lives {
		if l.at.Branch != 0 && l.at.Branch != f.self && !l.isSynced {
			l.isSynced = true
			l.add(synced, 0)
		}
	}
}

// eachEntry calls note for each entry of a batch whose request is followed.
func eachEntry(lives map[request]*life, b *ledger.Batch, note func(l *life, at ledger.Position)) {
	for k := range b.Entries {
		e := &b.Entries[k]
		if l := lives[request{e.Customer, e.RequestID}]; l != nil {
			note(l, ledger.Position{Branch: b.Branch, Sequence: e.Sequence})
		}
	}
}

// Sending is told of each message that goes to a peer.
func (f *Follower) Sending(m protocol.Message) {
	lives := f.following()
	if lives == nil {
		return
	}
	f.seeing.Lock()
	defer f.seeing.Unlock()
	for _, l := range lives {
		l.sending(&m)
	}
}

func (l *life) sending(m *protocol.Message) {
	switch {
	case m.Frame != nil && l.at.Branch != 0:
		for _, o := range m.Frame.Outlines {
			if o.Span.Branch == l.at.Branch && o.Span.First <= l.at.Sequence && l.at.Sequence <= o.Span.Last {
				l.add(sent, m.To)
			}
		}
	case m.Claim != nil && l.account != "" && m.Claim.Account == l.account:
		l.ask(l.claims, m.Claim.ID, claimed, m.To)
	case m.Collect != nil && l.account != "" && m.Collect.Account == l.account:
		l.ask(l.looks, m.Collect.ID, looked, m.To)
	}
}

// ask notes the first question of a kind to a peer.
func (l *life) ask(asked map[uint64]ledger.BranchID, id uint64, kind bankv1.RequestStepKind, peer ledger.BranchID) {
	if l.seen[seenStep{kind, uint32(peer)}] == 0 {
		l.add(kind, peer)
		asked[id] = peer
	}
}

// Received is told of each message of a peer, before the replica is.
func (f *Follower) Received(m protocol.Message) {
	lives := f.following()
	if lives == nil {
		return
	}
	f.seeing.Lock()
	defer f.seeing.Unlock()
	if m.Frame != nil {
		for _, s := range m.Frame.Batches {
			eachEntry(lives, s.Batch, func(l *life, _ ledger.Position) { l.add(entryReceived, m.From) })
		}
		return
	}
	for _, l := range lives {
		switch {
		case m.ClaimAnswer != nil && !m.ClaimAnswer.Failed:
			l.hear(l.claims, m.ClaimAnswer.ID, claimAnswered, m.From)
		case m.CollectAnswer != nil && !m.CollectAnswer.Failed:
			l.hear(l.looks, m.CollectAnswer.ID, lookAnswered, m.From)
		}
	}
}

// hear notes the answer of a peer to a question that was noted.
func (l *life) hear(asked map[uint64]ledger.BranchID, id uint64, kind bankv1.RequestStepKind, peer ledger.BranchID) {
	if of, ok := asked[id]; ok && of == peer {
		delete(asked, id)
		l.add(kind, peer)
	}
}

// Observe is told of each step of the engine, once its messages and replies are on their
// way: by then the replica counts the acks that have come.
func (f *Follower) Observe(r *replica.Replica, _ *ledger.Commit) {
	lives := f.following()
	if lives == nil {
		return
	}
	f.seeing.Lock()
	defer f.seeing.Unlock()
	for _, l := range lives {
		if len(l.unconfirmed) > 0 {
			l.confirm(r.Confirmed, (*life).add)
		}
	}
}

// lookUp adds what is known of the request from before anybody followed it: from the
// journal, and from what peers have confirmed.
func (f *Follower) lookUp(l *life, r *replica.Replica) {
	rec, ok := r.Recorded(ledger.NewRequestKey(l.request.customer, l.request.id))
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok || l.at != (ledger.Position{}) {
		return
	}
	l.recorded(&f.cfg, rec.At, (*life).addBefore)
	if rec.At.Branch == f.self {
		l.confirm(r.Confirmed, (*life).addBefore)
	} else if r.SyncedHere(rec.At.Branch) >= rec.At.Sequence {
		l.isSynced = true
		l.addBefore(synced, 0)
	}
}
