package branch

import (
	"context"
	"maps"
	"slices"

	"passbook.example/passbook/branch/feed"
	"passbook.example/passbook/branch/follow"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// newFollower returns what shows the lives of requests.
func (b *Branch) newFollower() *follow.Follower {
	branches := slices.Sorted(maps.Keys(b.cfg.Addresses))
	return follow.New(follow.Config{Branch: uint32(b.id), Branches: branches}, followSource{b})
}

// followSource gives a Follower what it needs of a branch.
type followSource struct{ branch *Branch }

var _ follow.Source = followSource{}

// Visit implements follow.Source.
func (s followSource) Visit(ctx context.Context, see func(*replica.Replica)) error {
	return s.branch.engine.Visit(ctx, see)
}

// FollowAt implements follow.Source.
func (s followSource) FollowAt(ctx context.Context, peer uint32, req *bankv1.FollowRequestRequest, tell func(*bankv1.FollowRequestResponse)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, at := s.branch.links.Call(ctx, ledger.BranchID(peer))
	stream, err := at.FollowRequest(ctx, req)
	if err != nil {
		return err
	}
	for stream.Receive() {
		tell(stream.Msg())
	}
	err = stream.Err()
	cancel()
	_ = stream.Close()
	// A peer that is stopping waits for its connections to be closed.
	s.branch.transport.CloseIdleConnections()
	return err
}

// Spawn implements follow.Source.
func (s followSource) Spawn(task func()) bool { return s.branch.spawn(task) }

// observers are all that see the steps of the engine.
type observers struct {
	feed   *feed.Observer
	follow *follow.Follower
}

// Observe implements engine.Observer.
func (o observers) Observe(r *replica.Replica, commit *ledger.Commit) {
	o.feed.Observe(r, commit)
	o.follow.Observe(r, commit)
}
