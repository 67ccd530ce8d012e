// Package broadcast spreads the journals of a bank's branches: each gets the batches
// of all, and applies a batch only after those that it follows. That is causal
// broadcast (Birman, Schiper and Stephenson, Lightweight Causal and Atomic Group
// Multicast, 1991), with positions in journals for its clocks. It also finds out
// whether this branch may write, from what its peers have of its journal.
//
// It is pure, as is package replica, which drives it: [Journals.Begin] starts each
// Ready, and [Journals.Finish] ends it. Between the two, the part that decides on
// accounts makes entries ([OwnBatch.Post]). It is told of all others ([Listener]).
//
// # The parts
//
// Each part of [Journals] owns its state and changes no other's fields. They share a
// [Core]: the ledger, the time, the peers, and what the Ready that is being made will
// say (core.go, handout.go).
//
//   - own entries (own.go) are sealed into batches, and committed.
//   - intake (apply.go, fetch.go, doubt.go) applies the batches of peers, fetches
//     those that are missing, and proves forks.
//   - progress (peer.go, propagate.go) sends each peer what it lacks, and knows what
//     it has confirmed. acks (acks.go) answer the writes that wait for that.
//   - founding (founding.go) agrees on the bank, recovery (recover.go) finds out
//     whether this disk has lost anything.
//   - alarms (alarm.go, refusal.go) are for the operator.
package broadcast
