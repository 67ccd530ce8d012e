package branch

import (
	"strings"
	"sync"

	"connectrpc.com/grpchealth"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/feed"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Every kind of calls has a share of its own, so that whoever uses up one takes
// nothing of the others. A share bounds the requests in hand: being read, carried
// out, or answered. Those whose message has not come yet, the silent ones, are a
// part of it that the rest never has to wait for: over its bound the one that has
// said nothing for longest gives way.
const (
	// maxRequests bounds those of customers that take one message and return one.
	maxRequests, maxSilentRequests = 16384, 4096
	// maxPeerRequests bounds those of peers that are not links.
	maxPeerRequests, maxSilentPeerRequests = 4096, 1024
	// maxWatchRequests is more than may watch: those over that are told so.
	maxWatchRequests, maxSilentWatchRequests = 2*feed.MaxBankWatchers + 2*feed.MaxBranchWatchers, 1024
	// maxHealthRequests bounds those that ask how a branch does.
	maxHealthRequests, maxSilentHealthRequests = 1024, 256
	// maxReflections bounds the streams of reflection.
	maxReflections, maxSilentReflections = 256, 64
	// maxPageRequests bounds those for what is no call: the page, mostly.
	maxPageRequests, maxSilentPageRequests = 1024, 256
)

// share is what one kind of calls may take.
type share struct {
	most, mostSilent int

	mu sync.Mutex
	in int
	// silent counts those between first and last, the longest silent first.
	silent      int
	first, last *intake
}

// enter counts one more. It reports false when there are as many as may be, all of
// which have said something.
func (s *share) enter(in *intake, silent bool) bool {
	s.mu.Lock()
	var gone *intake
	if s.in >= s.most || silent && s.silent >= s.mostSilent {
		if gone = s.first; gone == nil {
			s.mu.Unlock()
			return false
		}
		s.unlink(gone)
		gone.gone = true
		s.in--
	}
	s.in++
	if silent {
		s.link(in)
	}
	s.mu.Unlock()
	if gone != nil {
		gone.interrupt()
	}
	return true
}

// hear notes that a request has said what it had to say.
func (s *share) hear(in *intake) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlink(in)
}

// leave counts one less. It reports whether that had to give way before.
func (s *share) leave(in *intake) (gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlink(in)
	if !in.gone {
		s.in--
	}
	return in.gone
}

func (s *share) link(in *intake) {
	in.silent, in.before = true, s.last
	if s.last != nil {
		s.last.after = in
	} else {
		s.first = in
	}
	s.last = in
	s.silent++
}

func (s *share) unlink(in *intake) {
	if !in.silent {
		return
	}
	if in.before != nil {
		in.before.after = in.after
	} else {
		s.first = in.after
	}
	if in.after != nil {
		in.after.before = in.before
	} else {
		s.last = in.before
	}
	in.silent, in.before, in.after = false, nil, nil
	s.silent--
}

// shares are those of a branch, but for links, which openings bounds, and for
// Submit, which submits does.
type shares struct {
	customers, peers, watches, health, reflections, page share
}

func newShares() shares {
	return shares{
		customers:   share{most: maxRequests, mostSilent: maxSilentRequests},
		peers:       share{most: maxPeerRequests, mostSilent: maxSilentPeerRequests},
		watches:     share{most: maxWatchRequests, mostSilent: maxSilentWatchRequests},
		health:      share{most: maxHealthRequests, mostSilent: maxSilentHealthRequests},
		reflections: share{most: maxReflections, mostSilent: maxSilentReflections},
		page:        share{most: maxPageRequests, mostSilent: maxSilentPageRequests},
	}
}

const (
	healthPrefix     = "/" + grpchealth.HealthV1ServiceName + "/"
	peerPrefix       = "/" + bankv1connect.PeerServiceName + "/"
	reflectionPrefix = "/grpc.reflection."
)

// of returns the share of the calls of a procedure.
func (s *shares) of(procedure string) *share {
	switch {
	case procedure == bankv1connect.BranchServiceWatchProcedure:
		return &s.watches
	case strings.HasPrefix(procedure, peerPrefix):
		return &s.peers
	case strings.HasPrefix(procedure, healthPrefix):
		return &s.health
	case strings.HasPrefix(procedure, reflectionPrefix):
		return &s.reflections
	case api.IsUnary(procedure):
		return &s.customers
	}
	return &s.page
}
