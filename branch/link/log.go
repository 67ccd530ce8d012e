package link

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/words"
)

const (
	// linkPatience is how long a link must have been down before that is logged:
	// one that breaks is dialed again within a second, and a branch that restarts
	// is back within a few.
	linkPatience = 3 * time.Second
	// linkAgain is how long a link that was logged as down is then not logged as
	// down again.
	linkAgain = time.Minute
	// linkGather is how long the first link that comes back waits for others, so
	// that one line tells of them all: they are dialed again within about 1.5 s.
	linkGather = 2 * time.Second
	// linkSlack is by how much links that broke a little later are logged early,
	// for the same reason.
	linkSlack = 500 * time.Millisecond
	// maxLinkLines bounds the lines that one look at the links logs, and
	// maxListedBranches the branches that one of them names.
	maxLinkLines      = 8
	maxListedBranches = 10
)

// Log logs which links between branches have been down for some time, and when they
// are up again. The branches of one process share one: if a branch is gone, there is
// one line, and not one from each of the others.
type Log struct {
	// logger is where the lines go.
	logger *slog.Logger

	mu sync.Mutex
	// links are those of the branches that have joined.
	links map[pair]*state
	// timer runs look; nil before the first time.
	timer *time.Timer
	// due is when timer fires; zero if it does not.
	due time.Time
}

// pair is a link as one of its branches sees it: the branch, and its peer.
type pair struct{ branch, peer ledger.BranchID }

// state is what the log knows of a link.
type state struct {
	// down is when the link went down; zero when it is up.
	down time.Time
	// cause is the reason, as far as it is known.
	cause string
	// parted says that the peer has ended the link in an orderly way, as a branch does
	// when it stops.
	parted bool
	// told says that the link was logged as down.
	told bool
	// toldAt is when it last was; zero for never.
	toldAt time.Time
	// up is when the link came up again, until that is logged; otherwise zero.
	up time.Time
	// lasted is how long the link had been down then.
	lasted time.Duration
}

// NewLog returns a log in which no branch has links.
func NewLog(logger *slog.Logger) *Log {
	return &Log{logger: logger, links: map[pair]*state{}}
}

// join adds the links of a branch, which are down until noteUp.
func (l *Log) join(branch ledger.BranchID, peers []ledger.BranchID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, id := range peers {
		s := &state{down: now}
		if id < branch {
			s.cause = fmt.Sprintf("branch %d, which dials it, has not done so", id)
		}
		l.links[pair{branch, id}] = s
		l.arm(now, s.dueAt())
	}
}

// noteDown notes that a link is down, or the reason why it still is.
func (l *Log) noteDown(at pair, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	s := l.links[at]
	if s == nil {
		return // the branch has left
	}
	if s.down.IsZero() {
		s.down, s.cause, s.parted = now, "", false
		if !s.up.IsZero() { // that was not logged: for the log, it has been down all the time
			s.down, s.up = s.up.Add(-s.lasted), time.Time{}
		}
	}
	if cause != nil {
		s.cause = cause.Error()
		s.parted = s.parted || isParting(cause)
	}
	l.arm(now, s.dueAt())
}

// noteUp notes that a link is up.
func (l *Log) noteUp(at pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.links[at]
	if s == nil || s.down.IsZero() {
		return
	}
	now := time.Now()
	if s.told {
		s.up, s.lasted = now, now.Sub(s.down)
		l.arm(now, s.dueAt())
	}
	s.down = time.Time{}
}

// leave forgets the links of a branch that stops, which go down on purpose.
func (l *Log) leave(branch ledger.BranchID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := range l.links {
		if at.branch == branch {
			delete(l.links, at)
		}
	}
	if len(l.links) == 0 && l.timer != nil {
		l.timer.Stop()
		l.due = time.Time{}
	}
}

// dueAt returns when there is something to log; zero for never.
func (s *state) dueAt() time.Time {
	switch {
	case !s.up.IsZero():
		return s.up.Add(linkGather)
	case s.down.IsZero() || s.told:
		return time.Time{}
	}
	due := s.down.Add(linkPatience)
	if again := s.toldAt.Add(linkAgain); !s.toldAt.IsZero() && again.After(due) {
		return again
	}
	return due
}

// arm makes look run when something is due. The caller holds mu.
func (l *Log) arm(now, due time.Time) {
	switch {
	case due.IsZero(), !l.due.IsZero() && !due.Before(l.due):
		return
	case l.timer == nil:
		l.timer = time.AfterFunc(due.Sub(now), l.look)
	default:
		l.timer.Reset(due.Sub(now))
	}
	l.due = due
}

// look logs what is due.
func (l *Log) look() {
	for _, line := range l.take(time.Now()) {
		line.log(l.logger)
	}
}

// take returns what is due, and arms the timer for the rest.
func (l *Log) take(now time.Time) []linkLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	var down, up []linkTold
	back := false // whether one that is up is due, which takes all others along
	for _, s := range l.links {
		back = back || !s.up.IsZero() && !s.dueAt().After(now)
	}
	for at, s := range l.links {
		switch due := s.dueAt(); {
		case due.IsZero():
		case !s.up.IsZero() && back:
			up = append(up, linkTold{at, s.lasted, "", false})
			s.told, s.up, s.lasted = false, time.Time{}, 0
		case s.up.IsZero() && !due.After(now.Add(linkSlack)):
			s.told, s.toldAt = true, now
			down = append(down, linkTold{at, now.Sub(s.down), s.cause, s.parted})
		}
	}
	l.due = time.Time{}
	for _, s := range l.links {
		l.arm(now, s.dueAt())
	}
	return append(linkLines(down, true), linkLines(up, false)...)
}

// linkTold is a link that is to be logged, with its state at that moment.
type linkTold struct {
	pair
	// lasted, cause and parted are as in state.
	lasted time.Duration
	cause  string
	parted bool
}

// linkLine is one line about the links between a branch and some others.
type linkLine struct {
	// branch is at one end of all the links.
	branch ledger.BranchID
	// peers are at the other ends.
	peers []ledger.BranchID
	// down says that the links are down, and not up again.
	down bool
	// lasted is how long the link that was down for longest has been or was down.
	lasted time.Duration
	// cause is the reason, as far as it is known.
	cause string
	// stopped are the branches that have ended the links in an orderly way. It is empty
	// if a link is down for another reason.
	stopped []ledger.BranchID
	// more, if not 0, is how many other links there are. The line then tells nothing
	// else.
	more int
}

// linkLines gathers links into lines: the branch that most of them have in common
// comes first.
func linkLines(told []linkTold, down bool) []linkLine {
	// Both ends of a link may be in this process.
	slices.SortFunc(told, func(a, b linkTold) int {
		return cmp.Or(
			cmp.Compare(a.low(), b.low()), cmp.Compare(a.high(), b.high()),
			cmp.Compare(len(b.cause), len(a.cause)), // the end that knows why comes first
			cmp.Compare(a.branch, b.branch),
		)
	})
	told = slices.CompactFunc(told, func(a, b linkTold) bool { return a.low() == b.low() && a.high() == b.high() })
	var lines []linkLine
	for len(told) > 0 {
		if len(lines) == maxLinkLines {
			return append(lines, linkLine{down: down, more: len(told)})
		}
		line := linkLine{branch: commonest(told), down: down}
		told = slices.DeleteFunc(told, func(t linkTold) bool {
			other := t.peer
			switch line.branch {
			case t.branch:
			case t.peer:
				other = t.branch
			default:
				return false
			}
			line.peers = append(line.peers, other)
			line.lasted = max(line.lasted, t.lasted)
			if t.parted {
				line.stopped = append(line.stopped, t.peer)
			}
			if line.cause == "" {
				line.cause = t.cause
			}
			return true
		})
		slices.Sort(line.peers)
		if len(line.stopped) < len(line.peers) {
			line.stopped = nil
		}
		slices.Sort(line.stopped)
		line.stopped = slices.Compact(line.stopped)
		lines = append(lines, line)
	}
	return lines
}

func (t linkTold) low() ledger.BranchID  { return min(t.branch, t.peer) }
func (t linkTold) high() ledger.BranchID { return max(t.branch, t.peer) }

// commonest returns the branch that most links have in common; where there are
// several, one that tells of a link.
func commonest(told []linkTold) ledger.BranchID {
	counts := map[ledger.BranchID]int{}
	best := told[0].branch
	for _, t := range told {
		counts[t.branch]++
		counts[t.peer]++
	}
	for _, t := range told {
		for _, id := range []ledger.BranchID{t.branch, t.peer} {
			if counts[id] > counts[best] {
				best = id
			}
		}
	}
	return best
}

// log writes the line.
func (l linkLine) log(logger *slog.Logger) {
	if l.more > 0 {
		state := "up again"
		if l.down {
			state = "down"
		}
		logger.Info(fmt.Sprintf("%d more links are %s", l.more, state))
		return
	}
	links, are := "link to "+words.Branches(l.peers, maxListedBranches), "is"
	if len(l.peers) > 1 {
		links, are = "links to "+words.Branches(l.peers, maxListedBranches), "are"
	}
	lasted := l.lasted.Round(time.Second)
	attrs := []any{slog.Uint64("branch", uint64(l.branch)), slog.Any("peers", l.peers)}
	if !l.down {
		logger.Info(fmt.Sprintf("Branch %d: %s %s up again after %v", l.branch, links, are, lasted), attrs...)
		return
	}
	if l.cause != "" {
		attrs = append(attrs, slog.String("cause", l.cause))
	}
	text := fmt.Sprintf("Branch %d: %s %s down for %v", l.branch, links, are, lasted)
	if l.stopped != nil {
		logger.Info(text+": "+words.Branches(l.stopped, maxListedBranches)+" ended it", attrs...)
		return
	}
	logger.Warn(text, attrs...)
}

// errParted says that a peer that had dialed a link ended it in an orderly way: one
// that was killed, or can't be reached any more, breaks it.
var errParted = errors.New("the peer ended it")

// isParting reports whether a link is down because the peer has ended it, as one
// does that stops.
func isParting(err error) bool {
	if errors.Is(err, errParted) {
		return true
	}
	var said *connect.Error
	return errors.As(err, &said) && connect.IsWireError(err) && said.Code() == connect.CodeUnavailable && said.Message() == api.ErrStopping.Error()
}
