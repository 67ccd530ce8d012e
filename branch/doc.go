// Package branch is one replica server of a bank. It wires the rooms of the shell
// together around the pure packages of the protocol, and is the only package that
// sees a whole [Branch]. The other packages know each other by small interfaces, each
// declared where it is used; .golangci.yml says what each may import, and why.
//
// # The map
//
// A package knows only packages below it.
//
//	branch        Open and Serve: what starts, and in which order it stops
//	service       the calls of customers, and the unary calls of peers
//	feed          Watch: what a branch reports, and what it makes of all reports
//	follow        FollowRequest: the life of one request, for those who follow it
//	trace         logical clocks of customers' writes, where they are wanted
//	browser       keeps other sites' pages away; passes calls on for the own page
//	link          the streams between branches, and the calls to peers
//	metrics       shows Prometheus how a branch does
//	access        who may call what, where there are certificates
//	token         whom a bearer token speaks for
//	audit         the log of refusals, and of what operators change
//	admit         which calls are let in, how many at once, and for how long
//	fault         breaks a branch on purpose: cuts, pauses, kills
//	engine        the queue, the pacing of batches, and the step
//	peernet       the transport between branches: TCP, and memory in one process
//	journal       the disk
//	signature     signs batches, and checks who has written others
//	replica       who may spend: customers' calls, escrow, double collects (pure)
//	broadcast     the journals: to peers, from peers, acks, recovery (pure)
//	protocol      what branches say, and errors (pure)
//	ledger        entries → balances and escrow (pure)
//
// Leaves, which know no room: code (the codes of errors), bound (counters that bound
// something), limit (what each client may do), redial (trying again), name (names of
// accounts and request ids), words (ids in sentences), port (opening ports), secure
// (connections over TLS) and identity (who calls). Package session (session tokens) stands
// on ledger, and api (errors at the network's edge, conversions, the JSON codec) on
// protocol; all rooms use them. Package simulation runs a whole bank of replicas in one
// goroutine, with every fault there is.
//
// There is room beside these for what a bank needs next: members (which branches there are), a store (where
// the head of a journal is durable) and administration (what an operator sees).
//
// # The path of a deposit
//
//	customer → service ┐                            ┌→ link to peer 2 → ack
//	customer → service ┼→ engine: decide → commit → ┼→ link to peer 3 → ack
//	peer     → link    ┘                            └→ reply, when enough acks are in
//
// Step by step:
//
//  1. admit/requests.go takes the call, and service/write.go checks it and submits an
//     operation.
//  2. engine/write.go puts it into the queue (queue.go), where it may linger until the
//     batch before it has arrived at the peers (pacer.go).
//  3. engine/engine.go: Engine.Step gives what has queued up to the replica.
//     replica/desk.go decides the deposit, and broadcast/own.go posts it and seals the
//     batch.
//  4. The step has the batch signed, where branches have certificates (signature/branch.go),
//     commits to package journal and syncs. A failure stops the branch.
//     Only then does anything leave: outlet.go, of this package, passes frames to
//     package link.
//  5. link/outbox.go sends them on the stream of wire.go. At each peer, decode.go and
//     signed.go check the frame and hand it to the engine, broadcast/apply.go posts the batch, and propagate.go
//     answers with an ack.
//  6. The acks come back the same way. When as many are in as the customer asked for,
//     broadcast/acks.go replies, and the call that waits in engine/write.go returns.
//
// # The path of a contested withdrawal
//
// A withdrawal that this branch's escrow does not cover takes the same path to
// replica/desk.go, and then:
//
//  1. replica/escrow.go puts it into the queue of its account, under a ticket, and
//     claim.go claims the shortfall from the richest peers.
//  2. link/peer.go makes the claims as calls. At the peer, service/peers.go gives them
//     to the engine, and replica/grant.go answers with a grant: an entry of the peer's
//     own journal, which arrives over the link like any other.
//  3. Once the grants are applied, escrow.go serves the queue by ticket: the
//     withdrawal is posted, and goes on like a deposit.
//  4. If the balance in this view is too small, replica/collect.go asks all branches in
//     two looks (look.go) what they have paid. verdict.go refuses the withdrawal only if
//     at one moment the balance was too small; else it goes back to its queue. If the
//     branches that can be reached own too little, claim.go answers "unavailable".
//  5. Where many are refused, the account becomes contested (contest.go): its chair
//     (chair.go) looks at all branches for everybody who waits, and each seat (seat.go)
//     serves and refuses what the looks say.
//
// # The path of a Watch
//
//  1. admit/requests.go lets the call in, among those of streams, and service/watch.go
//     passes it on to the feed.
//  2. feed/feed.go: Feed.Watch gives the watcher a place on a screen (screen.go): that of
//     a reporter for this branch (reporter.go), that of a survey for the bank (survey.go),
//     which is itself a watcher of every branch.
//  3. After each step, engine/engine.go hands what was committed to feed/observer.go,
//     which counts it (pulse.go) and tells the reporters.
//  4. A reporter or a survey changes its picture (picture.go), and screen.go shows each
//     watcher what has changed since it last saw it.
//  5. survey_hear.go puts the reports of branches together, and survey_judge.go says how
//     each is, by the rules of internal/verdict.
//
// docs/design.md explains the guarantees and the protocol from the beginning.
package branch
