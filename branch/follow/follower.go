package follow

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Bounds of following.
const (
	// MaxFollowers bounds those who follow requests at this branch and all others: for
	// each, this branch asks every other one.
	MaxFollowers = 64
	// maxOfOne bounds those of them that one client may have, where clients have names.
	maxOfOne = 8
	// MaxBranchFollowers bounds those who follow at this branch alone, which are its
	// peers, mostly.
	MaxBranchFollowers = 1024
	// maxFollowed bounds the requests that are followed at this branch at once.
	maxFollowed = 256
	// followTimeout is how long anybody may follow.
	followTimeout = 10 * time.Minute
	// firstTimeout bounds the wait for the other branches before the first message. The
	// follower has not sent the request yet.
	firstTimeout = 500 * time.Millisecond
	// lookUpPause is how long to wait with looking a request up again, if the branch has
	// too much to do.
	lookUpPause = 100 * time.Millisecond
)

// Errors of followers who are refused.
var (
	errTooManyFollowers = code.New(code.ResourceExhausted, "as many follow requests at this branch as it serves at once; back off, or follow at another one")
	errTooManyOfOne     = code.Errorf(code.ResourceExhausted, "you follow %d requests at this branch, which is as many as one client may; let go of one", maxOfOne)
	errTooManyFollowed  = code.New(code.ResourceExhausted, "as many requests are followed at this branch as it remembers at once; back off, or follow at another one")
)

// Source is what a Follower needs of its branch.
type Source interface {
	// Visit runs see between two steps of the engine, on the goroutine that calls the
	// hooks, and returns when what see saw is committed. It returns api.ErrStopped once
	// the engine has ended.
	Visit(ctx context.Context, see func(*replica.Replica)) error
	// FollowAt follows a request at one other branch alone. It gives tell what that
	// branch says, and returns when the stream has ended, or ctx: nil if the branch has
	// ended it.
	FollowAt(ctx context.Context, peer uint32, req *bankv1.FollowRequestRequest, tell func(*bankv1.FollowRequestResponse)) error
	// Spawn runs a task that the branch waits for before it closes its journal. It
	// reports false, and does not run it, when the branch no longer waits.
	Spawn(task func()) bool
}

// Config says of which branch a Follower is.
type Config struct {
	// Branch is the id of the branch.
	Branch uint32
	// Branches are the ids of all branches of the bank, ascending.
	Branches []uint32
}

// Follower follows requests at one branch. A nil Follower follows nothing, and may be
// told of everything.
type Follower struct {
	cfg    Config
	self   ledger.BranchID // cfg.Branch
	source Source
	// ctx ends when Stop is called, by end.
	ctx context.Context
	end context.CancelFunc

	// lives are those of the requests that are followed here; nil for none. The map is
	// never changed, but replaced.
	lives atomic.Pointer[map[request]*life]

	// seeing guards what lives have seen.
	seeing sync.Mutex

	// mu guards what follows, and the followers of each life.
	mu sync.Mutex
	// followers counts those who follow at all branches, ofOne those of them with a name.
	followers int
	ofOne     map[string]int
	// branchFollowers counts those who follow at this branch alone.
	branchFollowers int
}

// New returns the Follower of a branch. Nothing runs until somebody follows.
func New(cfg Config, source Source) *Follower {
	f := &Follower{cfg: cfg, self: ledger.BranchID(cfg.Branch), source: source, ofOne: map[string]int{}}
	f.ctx, f.end = context.WithCancel(context.Background())
	return f
}

// Stop tells all followers that the branch stops, and lets no more in.
func (f *Follower) Stop() { f.end() }

// Follow serves one follower, whose name is that of a client, until ctx is done, send
// fails, the branch stops, or it has lasted for as long as it may: then it returns nil.
// send is called once at a time. The errors are those of ctx and send, an api.InputError,
// api.ErrStopping, and that so many follow already.
func (f *Follower) Follow(ctx context.Context, req *bankv1.FollowRequestRequest, name string, send func(*bankv1.FollowRequestResponse) error) error {
	if req.GetRequestId() == "" {
		return api.Fieldf("request_id", "name the request to follow")
	}
	if err := api.CheckName("request_id", req.GetRequestId()); err != nil {
		return err
	}
	leave, err := f.enter(req.GetOnlyThisBranch(), name)
	if err != nil {
		return err
	}
	defer leave()
	limited, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	if req.GetOnlyThisBranch() {
		err = f.here(limited, req, send)
	} else {
		err = f.everywhere(limited, req, send)
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// enter counts a follower until leave is called.
func (f *Follower) enter(onlyHere bool, name string) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ctx.Err() != nil:
		return nil, api.ErrStopping
	case onlyHere && f.branchFollowers >= MaxBranchFollowers, !onlyHere && f.followers >= MaxFollowers:
		return nil, errTooManyFollowers
	case onlyHere:
		f.branchFollowers++
		return func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.branchFollowers--
		}, nil
	case name != "" && f.ofOne[name] >= maxOfOne:
		return nil, errTooManyOfOne
	}
	f.followers++
	f.ofOne[name]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.followers--
		if f.ofOne[name]--; f.ofOne[name] == 0 {
			delete(f.ofOne, name)
		}
	}, nil
}

// here tells a follower what this branch sees.
func (f *Follower) here(ctx context.Context, req *bankv1.FollowRequestRequest, send func(*bankv1.FollowRequestResponse) error) error {
	l, leave, err := f.join(request{req.GetCustomer(), req.GetRequestId()})
	if err != nil {
		return err
	}
	defer leave()
	for told := 0; ; {
		steps, changed := l.after(told)
		told += len(steps)
		seen := &bankv1.FollowedBranch{Branch: f.cfg.Branch, Follows: true, Run: l.run, Steps: steps}
		if err := send(&bankv1.FollowRequestResponse{Branches: []*bankv1.FollowedBranch{seen}}); err != nil {
			return err
		}
		select {
		case <-l.ctx.Done():
			return api.ErrStopping
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// join adds a follower of a request here, until leave is called. If it is the first, the
// branch begins to follow.
func (f *Follower) join(of request) (l *life, leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lives := f.following()
	if l = lives[of]; l == nil {
		if len(lives) >= maxFollowed {
			return nil, nil, errTooManyFollowed
		}
		l = newLife(f.ctx, of, &f.seeing)
		f.replace(of, l)
		if !f.source.Spawn(func() { f.begin(l) }) {
			f.replace(of, nil)
			l.end()
			return nil, nil, api.ErrStopping
		}
	}
	l.followers++
	return l, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if l.followers--; l.followers == 0 {
			l.end()
			f.replace(of, nil)
		}
	}, nil
}

// replace makes a life that of a request; nil for none. The caller holds mu.
func (f *Follower) replace(of request, l *life) {
	lives := map[request]*life{}
	for other, known := range f.following() {
		lives[other] = known
	}
	delete(lives, of)
	if l != nil {
		lives[of] = l
	}
	if len(lives) == 0 {
		f.lives.Store(nil)
		return
	}
	f.lives.Store(&lives)
}

// begin looks a request up that is followed from now on: it may have been sent before.
func (f *Follower) begin(l *life) {
	for l.ctx.Err() == nil {
		err := f.source.Visit(l.ctx, func(r *replica.Replica) { f.lookUp(l, r) })
		if err == nil || errors.Is(err, api.ErrStopped) {
			return
		}
		select {
		case <-l.ctx.Done():
		case <-time.After(lookUpPause):
		}
	}
}
