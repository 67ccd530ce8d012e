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
		"a ticket runs ahead as it likes", "branch/replica/claim.go",
		"c.Ticket.Clock-view > ledger.MaxClockLead:", "c.Ticket.Clock-view > ledger.MaxClock:", "TestClocksThatRunAheadStopNobody",
	},
	{
		"a branch halts because somebody says so", "branch/broadcast/fork.go",
		`in.alarms.Reject(p, protocol.BadAccusation, true, "it says`, `in.recovery.halt("it says`, "liar",
	},
	{
		"a branch halts because a hello names more than it has", "branch/broadcast/propagate.go",
		"pr.intake.doubtEnd(p, own)", `pr.recovery.halt("it has more")`, "liar",
	},
	{
		"a batch that follows another one proves a fork", "branch/broadcast/apply.go",
		"case first <= head && in.follows(i, s):", "case first <= head:", "liar",
	},
	{
		"a hello counts as applied whatever its hash", "branch/broadcast/propagate.go",
		"own <= pr.Head(pr.Self) && pr.intake.has(pr.Self, own, p.has.Hash)", "own <= pr.Head(pr.Self)", "10_fork",
	},
	{
		"a batch without a signature is taken", "branch/broadcast/apply.go",
		"if in.Config.Signed && s.Signature == nil && !in.isHere(i, s) {", "if in.Config.Signed && s.Signature == nil && in.N == 1 {", "forger",
	},
	{
		"a batch without a signature that is here already is a lie", "branch/broadcast/apply.go",
		"s.Signature == nil && !in.isHere(i, s) {", "s.Signature == nil {", "replica.TestWhatIsHereNeedsNoSignature",
	},
	{
		"what a branch has not made counts as made", "branch/broadcast/apply.go",
		"ledger.StoredBatch{Sealed: s, Posted: posted}", "ledger.StoredBatch{Sealed: s, Posted: posted, Made: true}", "replica.TestABranchMakesItsOwnBatchesAlone",
	},
	{
		"any signature is good", "branch/signature/known.go",
		"case !isGood(s.key, signed{digest(bank, o.Hash), *o.Signature}):", "case s.key == nil && !isGood(s.key, signed{digest(bank, o.Hash), *o.Signature}):", "TestAStolenBranchPassesOnOnlyWhatIsSigned",
	},
	{
		"a branch signs for others", "branch/signature/known.go",
		"case s.branch != o.Span.Branch:", "case s.branch == 0:", "TestAStolenBranchForgesNothing",
	},
	{
		"what a revoked certificate signs counts", "branch/signature/known.go",
		"case revoked && o.Span.Last >= from:", "case revoked && from == 0:", "TestARevokedCertificateSignsNoMore",
	},
	{
		"what can't be signed leaves unsigned", "branch/engine/engine.go",
		"if err := e.cfg.Signer.Sign(c); err != nil {", "if err := e.cfg.Signer.Sign(c); err != nil && c == nil {", "engine.TestASignatureThatFailsLetsNothingOut",
	},
	{
		"a claim of a branch's own journal never lapses", "branch/broadcast/recover.go",
		"case c.wait.inVain(v.Now, v.Head(v.Self)):", "case c.wait.inVain(v.Now, v.Head(v.Self)) && v.N == 1:", "29_lies",
	},
	{
		"a batch that breaks a rule stops its journal for good", "branch/broadcast/apply.go",
		"if s.Hash == in.misfits[i] && in.misfitAt[i] == in.progressed() {", "if in.misfits[i] != (ledger.Hash{}) {", "liar",
	},
	{
		"a branch waits for entries that nobody shows", "branch/broadcast/fetch.go",
		"if need != nil && f.need.of(need, in.Now, in.Head(i)) {", "if need != nil && in.N == 1 {", "liar",
	},
	{
		"early batches of a link that is gone stay", "branch/broadcast/fetch.go",
		"\tin.dropEarly(p.Index)\n\tin.dropEarlyOf(p)\n", "\tin.dropEarly(p.Index)\n", "replica.TestEarlyBatchesGoWithTheirLink",
	},
	{
		"any answer to a look is believed", "branch/replica/collect.go",
		`if problem := cs.checkCollectAnswer(p, a); problem != "" {`, `if problem := cs.checkCollectAnswer(p, a); problem != "" && cs.N == 1 {`, "liar",
	},
	{
		"an answer to a claim may name any entry", "branch/replica/claim.go",
		"shown := es.Head(c.peer.Index) >= c.sequence ||", "shown := es.Head(c.peer.Index) >= c.sequence || es.N == 1 &&", "replica.TestAnAnswerToAClaimIsNotWaitedForForEver",
	},
	{
		"a frame is believed", "branch/broadcast/propagate.go",
		"if lie, problem := pr.checkFrame(p, f); lie != 0 {", "if lie, problem := pr.checkFrame(p, f); lie != 0 && pr.N == 1 {", "replica.TestFramesThatAreRefused",
	},
	{
		"a peer that shows nothing keeps the others from being asked", "branch/broadcast/fetch.go",
		"k = (f.next + 1 + k) % in.N", "k = (k + 1) % in.N", "replica.TestWhoShowsNothingKeepsNobodyFromBeingAsked",
	},
}
