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
		"a ticket runs ahead as it likes", "branch/replica/bounds.go",
		"c.Ticket.Clock-view > ledger.MaxClockLead:", "c.Ticket.Clock-view > ledger.MaxClock:", "TestClocksThatRunAheadStopNobody",
	},
	{
		"the clock of a ticket enters the journal", "branch/replica/replica.go",
		"e.Sequence, e.Clock = r.head(r.self)+1, r.ledger.Clock()+1", "e.Sequence, e.Clock = r.head(r.self)+1, max(r.tickets, r.ledger.Clock())+1", "TestClocksThatRunAheadStopNobody",
	},
	{
		"a branch halts since somebody says so", "branch/replica/proof.go",
		`r.reject(p, BadAccusation, true, "it says`, `r.halt("it says`, "liar",
	},
	{
		"a branch halts since a hello names more than it has", "branch/replica/hello.go",
		"r.doubtEnd(p, own)", `r.halt("it has more")`, "liar",
	},
	{
		"a batch that follows another one proves a fork", "branch/replica/apply.go",
		"case first <= head && r.follows(i, s):", "case first <= head:", "liar",
	},
	{
		"a hello counts as applied whatever its hash", "branch/replica/hello.go",
		"own > 0 && !r.has(r.self, own, p.has.Hash)", "own > 0 && r.n == 1", "liar",
	},
	{
		"a claim of a branch's own journal never lapses", "branch/replica/recover.go",
		"case c.wait.inVain(r.now, r.head(r.self)):", "case c.wait.inVain(r.now, r.head(r.self)) && r.n == 1:", "29_lies",
	},
	{
		"a batch that breaks a rule stops its journal for good", "branch/replica/apply.go",
		"if s.Hash == r.misfits[i] {", "if r.misfits[i] != (ledger.Hash{}) {", "liar",
	},
	{
		"what nobody shows is waited for", "branch/replica/fetch.go",
		"if need != nil && f.need.of(need, r.now, r.head(i)) {", "if need != nil && r.n == 1 {", "liar",
	},
	{
		"early batches of a link that is gone stay", "branch/replica/propagate.go",
		"\tr.dropEarlyOf(p)\n", "", "replica.TestEarlyBatchesGoWithTheirLink",
	},
	{
		"an answer to a look says anything", "branch/replica/collect.go",
		`if problem := r.checkCollectAnswer(p, a); problem != "" {`, `if problem := r.checkCollectAnswer(p, a); problem != "" && r.n == 1 {`, "liar",
	},
	{
		"an answer to a claim names any entry", "branch/replica/claim.go",
		"shown := r.head(c.peer.index) >= c.sequence ||", "shown := r.head(c.peer.index) >= c.sequence || r.n == 1 &&", "replica.TestAnAnswerToAClaimIsNotWaitedForForEver",
	},
	{
		"a frame is believed", "branch/replica/propagate.go",
		"if lie, problem := r.checkFrame(p, f); lie != 0 {", "if lie, problem := r.checkFrame(p, f); lie != 0 && r.n == 1 {", "replica.TestFramesThatAreRefused",
	},
	{
		"one who shows nothing keeps the others from being asked", "branch/replica/fetch.go",
		"k = (f.next + 1 + k) % r.n", "k = (k + 1) % r.n", "replica.TestWhoShowsNothingKeepsNobodyFromBeingAsked",
	},
}
