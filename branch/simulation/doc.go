// Package simulation runs a whole bank in one goroutine, out of one seed.
//
// The branches are the production code of branch/replica and
// branch/ledger. Everything around them is simulated: the clock, the
// links and calls between branches, the disks, and customers who retry. A seed
// decides how many branches there are, which faults happen and how often, and
// the order of everything; the same seed and number of steps repeat a run
// exactly, so a failure is repeated by one line.
//
// After every step of a branch, an oracle compares what the branch shows and
// answers with the promises of the design. The oracle sees all disks at once, in
// the order of real time. After the faults the bank has to heal by itself:
// every call is answered, all ledgers are equal, and nothing goes on.
//
// FoundationDB and TigerBeetle are tested in this way.
//
// Read on in world.go (the run), process.go (a branch's loop), disk.go,
// network.go, faults.go, customer.go, oracle.go and verify.go (what must hold),
// fork.go (two processes with one branch id), paths.go, shrink.go. The page is
// docs/simulation.md.
package simulation
