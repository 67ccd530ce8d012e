// Package follow shows the life of a customer's request while it happens: received,
// journaled, sent, applied, acknowledged, answered.
//
// Its words: whoever calls FollowRequest is a follower. What one branch has seen of a
// request is its life, a list of steps; a step is something that the branch did for the
// request, or heard of it. A gathering puts the lives of one request at all branches
// together, for one follower.
//
// Nothing is kept of requests that nobody follows. The branch tells the [Follower] of
// everything that happens to any request, and as long as nobody follows one, each of
// these calls loads a pointer, finds nil, and returns. So followers begin before the
// request is sent. What has happened before is known from the journal, without a time.
//
// Times are of one branch's monotonic clock. They are never compared with those of
// another branch: what came first follows from who heard of what from whom.
//
//	follower.go  Follower: which requests are followed, and how many may be
//	hooks.go     what the branch tells of its requests, entries and messages
//	life.go      the steps of one request at this branch
//	gather.go    the lives of a request at all branches; hear.go: what other branches
//	             tell, which may be lies
//
// It knows the ledger, the protocol and the replica by their values, and a branch only as
// a [Source], which package branch implements.
package follow
