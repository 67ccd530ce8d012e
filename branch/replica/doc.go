// Package replica is the protocol of a branch: what it records, what it tells
// its peers, when it answers.
//
// It is pure, in the manner of etcd's raft: no I/O, no clock, no goroutine.
// The owner feeds it customers' operations ([Replica.Submit], [Replica.Ask]),
// messages ([Replica.Receive]), links that come and go ([Replica.LinkUp],
// [Replica.LinkDown]) and the time ([Replica.Tick]), and then calls
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
// Where to read on: operation.go (the life of a write), acknowledge.go (when
// it is answered), propagate.go and apply.go (batches between branches),
// claim.go (escrow from other branches), collect.go (the balance at one
// moment), founding.go (which bank), recover.go (restart, amnesia, forks).
package replica
