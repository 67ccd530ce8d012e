// Package replica is one branch's part of the protocol: what it records, what it tells
// its peers, when it answers. It decides itself who may spend; how journals spread is
// package broadcast.
//
// It is pure, in the manner of etcd's raft: no I/O, no clock, no goroutine.
// The owner feeds it customers' operations ([Replica.Submit], [Replica.Ask]),
// messages ([Replica.Receive]), links that come and go ([Replica.LinkUp],
// [Replica.LinkDown]) and the time ([Replica.Tick]). Then it calls
// [Replica.Ready], which decides and returns what has to happen: one commit,
// and the messages and replies that may leave once it has succeeded. The
// commit must be synced when it says so. That order is the durability rule,
// and it is written here once: nothing leaves a branch (no reply, no
// propagation, no grant, no read that shows it) until the journal has synced
// what it depends on. A commit that fails stops the branch; the replica must
// not be used again.
//
// Peers' batches are applied as they come in; own entries are made only inside
// Ready, after all of them. So one own batch follows one causal cut, which it
// names in its After.
//
// # The parts
//
// A [Replica] puts its parts in order, and owns nothing else of the protocol. Each
// part owns its state and changes no other's fields. Here are those that decide who
// may spend:
//
//   - desk (desk.go, defer.go, bulk.go) decides customers' calls.
//   - escrow (escrow.go, claim.go, grant.go, demand.go, ahead.go) lets writes wait until this
//     branch owns enough, claims from peers, and grants them what they claim or will lack.
//   - collects (collect.go, verdict.go, look.go) find out a balance over all branches
//     at one moment.
//   - snapshots (snapshot.go, mark.go) answer strong queries, also of accounts that
//     change all the time.
//   - calls (claim.go) are the claims, looks and marks under way.
//   - contests (contest.go, chair.go, seat.go) are the accounts that more is asked of
//     than there is: one branch looks at all for everybody who waits.
//
// Package broadcast has the others, by which journals spread, and the core that all of
// them share. Package protocol has what branches say, and the errors.
//
// A part has up to three methods that Replica calls in turn: expire gives up what
// the time has ended, step goes on, nextTick tells when it wants to be told the
// time.
//
// # Words
//
//   - A branch owns escrow: it alone may spend it. A branch has a batch or an
//     entry once it has applied it.
//   - A call that can't be decided yet is deferred at the desk; one that lacks
//     escrow waits in the queue of its account.
//   - A contested account has a chair, one of the branches. Its chain of looks asks the
//     others, its seats; a look of it is the second of one pair and the first of the
//     next. The moment of a look is when its answers are in.
//   - An account is frozen while nothing may change its balance here.
//   - A look is one round of a double collect, and nothing else. A tally follows,
//     between two looks, what this branch has paid into an account.
//   - A mark tells a branch the time of a snapshot. It is intact as long as this branch
//     has told nobody of a later write that some branch lacks. A write is held while it
//     waits for all branches because of a mark.
//   - Parts are told to recheck what waits when anything has changed that it may
//     wait for.
package replica
