package follow

import (
	"context"
	"sync"
	"time"

	"passbook.example/passbook/branch/redial"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxRuns bounds how often a branch may begin anew to follow a request, for one follower.
const maxRuns = 16

// gathering has the lives of one request at all branches, for one follower.
type gathering struct {
	follower *Follower
	req      *bankv1.FollowRequestRequest

	// mu guards what follows.
	mu sync.Mutex
	// branches are those of the bank, ascending.
	branches []gathered
	// changed is closed when there is something new; then there is another one.
	changed chan struct{}
}

// gathered is the life of a request at one branch, as that branch tells it.
type gathered struct {
	id uint32
	// follows says that it tells now, reason why not, decided that either is known.
	follows, decided bool
	reason           string
	// run names its last life, runs counts its lives, seen is what the last one has had.
	run  uint32
	runs int
	seen seen
	// steps are those of all runs, and told is how many the follower has been told.
	steps []step
	told  int
	// isNew says that something else than steps is new.
	isNew bool
	// heard counts the steps that this connection to the branch has told of its life,
	// known those of that life that were known.
	heard, known int
}

// step is a step in one of the runs.
type step struct {
	run uint32
	*bankv1.RequestStep
}

// everywhere tells a follower what all branches see.
func (f *Follower) everywhere(ctx context.Context, req *bankv1.FollowRequestRequest, send func(*bankv1.FollowRequestResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := &gathering{
		follower: f, changed: make(chan struct{}),
		req: &bankv1.FollowRequestRequest{RequestId: req.GetRequestId(), Customer: req.GetCustomer(), OnlyThisBranch: true},
	}
	for _, id := range f.cfg.Branches {
		g.branches = append(g.branches, gathered{id: id, isNew: true})
	}
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	ended := make(chan error, 1)
	all.Go(func() {
		ended <- f.here(ctx, g.req, func(m *bankv1.FollowRequestResponse) error {
			g.hear(f.cfg.Branch, m)
			return nil
		})
	})
	for _, id := range f.cfg.Branches {
		if id != f.cfg.Branch {
			all.Go(func() { g.followAt(ctx, id) })
		}
	}
	return g.stream(ctx, ended, send)
}

// followAt follows the request at another branch until ctx is done: when the stream
// breaks, it asks again.
func (g *gathering) followAt(ctx context.Context, id uint32) {
	redial.Keep(ctx, func() error {
		return g.follower.source.FollowAt(ctx, id, g.req, func(m *bankv1.FollowRequestResponse) { g.hear(id, m) })
	}, func(err error) { g.miss(id, err) })
}

// stream sends the follower what is new until ctx is done, or this branch has ended.
func (g *gathering) stream(ctx context.Context, ended <-chan error, send func(*bankv1.FollowRequestResponse) error) error {
	if err := g.awaitFirst(ctx, ended); err != nil {
		return err
	}
	for {
		m, changed := g.news()
		if len(m.GetBranches()) > 0 {
			if err := send(m); err != nil {
				return err
			}
		}
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// awaitFirst waits a moment until each branch follows, or is known not to.
func (g *gathering) awaitFirst(ctx context.Context, ended <-chan error) error {
	timeout := time.NewTimer(firstTimeout)
	defer timeout.Stop()
	for {
		decided, changed := g.isDecided()
		if decided {
			return nil
		}
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return nil
		case <-changed:
		}
	}
}

// isDecided reports whether each branch follows or is known not to, and returns a channel
// that is closed when anything changes.
func (g *gathering) isDecided() (bool, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.branches {
		if !g.branches[i].decided {
			return false, g.changed
		}
	}
	return true, g.changed
}

// news returns what the follower has not been told, and a channel that is closed when
// there is more.
func (g *gathering) news() (*bankv1.FollowRequestResponse, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := &bankv1.FollowRequestResponse{}
	for i := range g.branches {
		m.Branches = append(m.Branches, g.branches[i].news()...)
	}
	return m, g.changed
}

// news returns what is new of a branch: a message for each run that has new steps.
func (b *gathered) news() (all []*bankv1.FollowedBranch) {
	for _, s := range b.steps[b.told:] {
		if n := len(all); n == 0 || all[n-1].GetRun() != s.run {
			all = append(all, b.message(s.run))
		}
		last := all[len(all)-1]
		last.Steps = append(last.Steps, s.RequestStep)
	}
	if len(all) == 0 && b.isNew {
		all = append(all, b.message(b.run))
	}
	b.told, b.isNew = len(b.steps), false
	return all
}

func (b *gathered) message(run uint32) *bankv1.FollowedBranch {
	return &bankv1.FollowedBranch{Branch: b.id, Follows: b.follows, Reason: b.reason, Run: run}
}
