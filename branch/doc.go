// Package branch is one replica server of a bank: the shell around the pure
// packages ledger and replica.
//
// The life of a write:
//
//	customer → handler → queue ┐                            ┌→ link to peer 2 → ack
//	customer → handler → queue ┼→ engine: decide → commit → ┼→ link to peer 3 → ack
//	peer's frame       → queue ┘                            └→ reply, when enough acks are in
//
// One goroutine, that of package engine, owns the replica. It drains what has
// queued up, has the replica decide, writes everything as one atomic commit of the
// journal, synced when it holds entries of this branch's own, and only then hands
// out messages and replies. Group commit, group propagation and back-pressure
// follow from that: while one commit is on its way to disk, the next inputs
// queue up. A failed write or sync stops the branch.
//
// Where to find what:
//
//	branch.go     Open and Serve: what starts, and in which order it stops;
//	              check.go: what can be refused before anything is changed
//	service/      what customers call: writes, lists, balances, entries, alarms, the
//	              course's bank.Bank; and the calls of peers. services.go: how it is
//	              put together
//	feed/         Watch: what a branch reports, what it makes of the others'
//	              reports, statistics; feed.go: what it needs of the branch
//	identity.go   which bank a branch belongs to
//	link/         the links between branches: dialing, sending, receiving, and the
//	              calls to peers; links.go: what they need of the branch
//	peernet/      the calls between branches, over TCP and within one process
//	server.go     one port: Connect, gRPC, gRPC-Web, health, reflection
//	admit/        which calls are let in, how many at once, for how long; what those
//	              are told who speak no protocol
//	browser/      what keeps other sites' pages away, and passes calls on to other
//	              branches for the branch's own page
//	errors.go     the one place where errors become Connect errors; details.go:
//	              their typed details
//	codec.go      the JSON of the API
//	engine/       the queue, which writes wait so that a batch has many, the
//	              calls that wait, and the step; outlet.go: where its results go
//	fault/        bank.v1.FaultService, and what breaks a branch on purpose
//	ledger/       entries → balances and escrow (pure)
//	replica/      the protocol (pure)
//	journal/      the disk
//	name/, port/  what names may be; how a port is opened (for all)
//	redial/       trying again what broke, for links and watches
//	simulation/   a whole bank in one goroutine, with every fault there is
//
// docs/design.md explains the guarantees and the protocol from the beginning.
package branch
