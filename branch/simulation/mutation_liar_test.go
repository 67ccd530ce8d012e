package simulation_test

// lieMutations believe a message that lies.
var lieMutations = []mutation{
	{
		"a clock runs ahead as it likes", "branch/ledger/bounds.go",
		"last-clock > MaxClockLead:", "last-clock > MaxClock:", "liar",
	},
	{
		"an epoch runs ahead as it likes", "branch/ledger/bounds.go",
		"b.Epoch-epoch > MaxEpochLead:", "b.Epoch-epoch > MaxEpoch:", "liar",
	},
	{
		"a ticket runs ahead as it likes", "branch/replica/refusal.go",
		"c.Ticket.Clock-view > ledger.MaxClockLead:", "c.Ticket.Clock-view > ledger.MaxClock:", "TestClocksThatRunAheadStopNobody",
	},
	{
		"the clock of a ticket enters the journal", "branch/replica/own.go",
		"e.Sequence, e.Clock = o.head(o.self)+1, o.ledger.Clock()+1", "e.Sequence, e.Clock = o.head(o.self)+1, max(o.escrow.tickets, o.ledger.Clock())+1", "TestClocksThatRunAheadStopNobody",
	},
	{
		"a branch halts because somebody says so", "branch/replica/doubt.go",
		`in.alarms.reject(p, BadAccusation, true, "it says`, `in.recovery.halt("it says`, "liar",
	},
	{
		"a branch halts because a hello names more than it has", "branch/replica/propagate.go",
		"pr.intake.doubtEnd(p, own)", `pr.recovery.halt("it has more")`, "liar",
	},
	{
		"a batch that follows another one proves a fork", "branch/replica/apply.go",
		"case first <= head && in.follows(i, s):", "case first <= head:", "liar",
	},
	{
		"a hello counts as applied whatever its hash", "branch/replica/propagate.go",
		"own > 0 && !pr.intake.has(pr.self, own, p.has.Hash)", "own > 0 && pr.n == 1", "liar",
	},
	{
		"a claim of a branch's own journal never lapses", "branch/replica/recover.go",
		"case c.wait.inVain(v.now, v.head(v.self)):", "case c.wait.inVain(v.now, v.head(v.self)) && v.n == 1:", "29_lies",
	},
	{
		"a batch that breaks a rule stops its journal for good", "branch/replica/apply.go",
		"if s.Hash == in.misfits[i] {", "if in.misfits[i] != (ledger.Hash{}) {", "liar",
	},
	{
		"a branch waits for entries that nobody shows", "branch/replica/fetch.go",
		"if need != nil && f.need.of(need, in.now, in.head(i)) {", "if need != nil && in.n == 1 {", "liar",
	},
	{
		"early batches of a link that is gone stay", "branch/replica/fetch.go",
		"\tin.dropEarly(p.index)\n\tin.dropEarlyOf(p)\n", "\tin.dropEarly(p.index)\n", "replica.TestEarlyBatchesGoWithTheirLink",
	},
	{
		"any answer to a look is believed", "branch/replica/collect.go",
		`if problem := cs.checkCollectAnswer(p, a); problem != "" {`, `if problem := cs.checkCollectAnswer(p, a); problem != "" && cs.n == 1 {`, "liar",
	},
	{
		"an answer to a claim may name any entry", "branch/replica/claim.go",
		"shown := es.head(c.peer.index) >= c.sequence ||", "shown := es.head(c.peer.index) >= c.sequence || es.n == 1 &&", "replica.TestAnAnswerToAClaimIsNotWaitedForForEver",
	},
	{
		"a frame is believed", "branch/replica/propagate.go",
		"if lie, problem := pr.checkFrame(p, f); lie != 0 {", "if lie, problem := pr.checkFrame(p, f); lie != 0 && pr.n == 1 {", "replica.TestFramesThatAreRefused",
	},
	{
		"a peer that shows nothing keeps the others from being asked", "branch/replica/fetch.go",
		"k = (f.next + 1 + k) % in.n", "k = (k + 1) % in.n", "replica.TestWhoShowsNothingKeepsNobodyFromBeingAsked",
	},
}
