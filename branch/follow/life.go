package follow

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxRepeats bounds the steps of a kind that come again when a request is sent again.
const maxRepeats = 8

// request is what a life is known by: a client's request id. It is no
// [ledger.RequestKey], which needs memory for each look-up.
type request struct {
	customer, id string
}

// life is what this branch has seen of a request since somebody follows it.
type life struct {
	request request
	// run names the life: another one of the same request has another clock.
	run uint32
	// began is when the clock of the steps began.
	began time.Time
	// ctx ends with the last follower.
	ctx context.Context
	// end ends ctx.
	end context.CancelFunc
	// followers counts those who follow here. It belongs to Follower.mu.
	followers int

	// mu guards what follows, in all lives of the Follower: it is taken once for a message,
	// however many requests are followed.
	mu *sync.Mutex
	// steps are in the order in which they were seen.
	steps []*bankv1.RequestStep
	// seen counts the steps of each kind.
	seen seen
	// changed is closed when there are more steps; then there is another one.
	changed chan struct{}
	// account is what is asked for while the request waits to be decided here; empty if
	// it does not.
	account string
	// at is where the entry is recorded; zero if that is not known.
	at ledger.Position
	// isSynced says that a peer's entry is on this branch's disk.
	isSynced bool
	// unconfirmed are the peers whose acks are still to come, for an own entry.
	unconfirmed []unconfirmed
	// claims and looks have the peers that were asked, by the ids of the questions.
	claims, looks map[uint64]ledger.BranchID
}

// unconfirmed is a peer that has not confirmed to have synced an entry; applied says that it
// has confirmed to have applied it.
type unconfirmed struct {
	peer    ledger.BranchID
	applied bool
}

func newLife(ctx context.Context, of request, mu *sync.Mutex) *life {
	l := &life{request: of, mu: mu, run: rand.Uint32(), began: time.Now(), seen: seen{}, changed: make(chan struct{}), claims: map[uint64]ledger.BranchID{}, looks: map[uint64]ledger.BranchID{}}
	l.ctx, l.end = context.WithCancel(ctx)
	return l
}

// seen counts steps by what they are.
type seen map[seenStep]int

// seenStep is a kind of step, with the peer that it is about.
type seenStep struct {
	kind bankv1.RequestStepKind
	peer uint32
}

// admits reports whether there is room for another step of a kind, and counts it.
func (s seen) admits(kind bankv1.RequestStepKind, peer uint32) bool {
	most := 1
	if repeats(kind) {
		most = maxRepeats
	}
	k := seenStep{kind, peer}
	if s[k] >= most {
		return false
	}
	s[k]++
	return true
}

// repeats reports whether a step comes again when the request is sent again.
func repeats(kind bankv1.RequestStepKind) bool {
	switch kind {
	case received, forwarded, answered:
		return true
	}
	return false
}

// Short names of the kinds.
const (
	received         = bankv1.RequestStepKind_REQUEST_STEP_KIND_REQUEST_RECEIVED
	forwarded        = bankv1.RequestStepKind_REQUEST_STEP_KIND_FORWARDED
	claimed          = bankv1.RequestStepKind_REQUEST_STEP_KIND_CLAIMED
	claimAnswered    = bankv1.RequestStepKind_REQUEST_STEP_KIND_CLAIM_ANSWERED
	looked           = bankv1.RequestStepKind_REQUEST_STEP_KIND_LOOKED
	lookAnswered     = bankv1.RequestStepKind_REQUEST_STEP_KIND_LOOK_ANSWERED
	journaled        = bankv1.RequestStepKind_REQUEST_STEP_KIND_JOURNALED
	sent             = bankv1.RequestStepKind_REQUEST_STEP_KIND_SENT
	entryReceived    = bankv1.RequestStepKind_REQUEST_STEP_KIND_RECEIVED
	applied          = bankv1.RequestStepKind_REQUEST_STEP_KIND_APPLIED
	synced           = bankv1.RequestStepKind_REQUEST_STEP_KIND_SYNCED
	acknowledged     = bankv1.RequestStepKind_REQUEST_STEP_KIND_ACKNOWLEDGED
	syncAcknowledged = bankv1.RequestStepKind_REQUEST_STEP_KIND_SYNC_ACKNOWLEDGED
	answered         = bankv1.RequestStepKind_REQUEST_STEP_KIND_ANSWERED
)

// add adds a step that happens now, unless there is one like it. The caller holds mu.
func (l *life) add(kind bankv1.RequestStepKind, peer ledger.BranchID) {
	l.put(&bankv1.RequestStep{Kind: kind, Peer: uint32(peer), AtUs: l.now()})
}

// now returns the time on the clock of the steps, in microseconds.
func (l *life) now() int64 { return time.Since(l.began).Microseconds() }

// addBefore adds a step that happened before anybody followed, unless there is one like
// it. The caller holds mu.
func (l *life) addBefore(kind bankv1.RequestStepKind, peer ledger.BranchID) {
	l.put(&bankv1.RequestStep{Kind: kind, Peer: uint32(peer), Before: true})
}

func (l *life) put(s *bankv1.RequestStep) {
	if !l.seen.admits(s.GetKind(), s.GetPeer()) {
		return
	}
	l.steps = append(l.steps, s)
	close(l.changed)
	l.changed = make(chan struct{})
}

// adder is add or addBefore.
type adder func(*life, bankv1.RequestStepKind, ledger.BranchID)

// recorded notes where the entry is. At its own branch, it is on disk then. The caller
// holds mu.
func (l *life) recorded(cfg *Config, at ledger.Position, add adder) {
	isOwn := uint32(at.Branch) == cfg.Branch
	if l.at == (ledger.Position{}) {
		l.at = at
		for _, id := range cfg.Branches {
			if isOwn && id != cfg.Branch {
				l.unconfirmed = append(l.unconfirmed, unconfirmed{peer: ledger.BranchID(id)})
			}
		}
	}
	l.account = ""
	if isOwn {
		add(l, journaled, 0)
	} else {
		add(l, applied, 0)
	}
}

// confirm adds the acks that have come for an own entry. The caller holds mu.
func (l *life) confirm(confirmed func(ledger.BranchID) (applied, synced uint64), add adder) {
	left := l.unconfirmed[:0]
	for _, u := range l.unconfirmed {
		has, onDisk := confirmed(u.peer)
		if !u.applied && has >= l.at.Sequence {
			u.applied = true
			add(l, acknowledged, u.peer)
		}
		if onDisk < l.at.Sequence {
			left = append(left, u)
			continue
		}
		add(l, syncAcknowledged, u.peer)
	}
	l.unconfirmed = left
}

// after returns the steps after the first few, and a channel that is closed when there
// are more.
func (l *life) after(few int) ([]*bankv1.RequestStep, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.steps[few:len(l.steps):len(l.steps)], l.changed
}
