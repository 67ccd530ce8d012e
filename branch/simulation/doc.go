// Package simulation runs a whole bank in one goroutine, out of one seed.
//
// The branches are the production code of branch/replica, branch/broadcast and
// branch/ledger. Everything around them is simulated: the clock, the links and calls
// between branches, the disks, and customers who retry. A seed decides how many
// branches there are, which faults happen and how often, and the order of everything.
// The same seed and number of steps repeat a run exactly, so one line repeats a
// failure.
//
// After every step of a branch, an oracle compares what the branch shows and
// answers with the promises of the design. The oracle sees all disks at once, in
// the order of real time. After the faults the bank has to heal by itself:
// every call is answered, all ledgers are equal, and nothing goes on.
//
// FoundationDB and TigerBeetle are tested in this way.
//
// Read on in world.go (the run), events.go (what happens next), process.go (a branch's
// loop), disk.go, mirror.go (the production journal beside it), network.go, faults.go,
// founding.go (faults while the bank is founded), customer.go, bulk.go (their lists of
// operations), oracle.go and verify.go (what must hold), still.go (how long accounts
// are frozen), fork.go (two processes with one branch id), liar.go (messages that are
// not true), report.go (what happened), trace.go (the last events before a failure),
// paths.go, shrink.go. The page is docs/simulation.md.
package simulation
