package simulation_test

// snapshotMutations break a rule of snapshots.
var snapshotMutations = []mutation{
	{
		"an own entry that comes back spoils no mark", "branch/replica/replica.go",
		"h.snapshots.cameBack(e)", "_ = e", "replica.TestAnOwnEntryThatComesBackSpoilsMarks",
	},
	{
		"a mark of the past leaves out what was acknowledged early", "branch/replica/trail.go",
		"t.unsafe >= clock || ", "", "44_told_early",
	},
	{
		"a trail counts although a branch was not waited for", "branch/replica/trail.go",
		"t == nil || t.early != ss.Early() || t.unsafe", "t == nil || t.unsafe", "45_told_alone",
	},
	{
		"a mark of the past says what is paid now", "branch/replica/trail.go",
		"return t.steps[k-1], true", "return t.steps[max(k, len(t.steps))-1], true", "simulation.TestSnapshotsOfWritesAtAllBranchesHaveOneOrder",
	},
	{
		"a trail is not held against the time that it began", "branch/replica/trail.go",
		" || t.steps[0].clock >= clock", "", "simulation.TestSnapshotsOfWritesAtAllBranchesHaveOneOrder",
	},
	{
		"a write is acknowledged although an account is marked", "branch/replica/mark.go",
		"func(*mark) { marked = true }", "func(*mark) { marked = false }", "faults",
	},
	{
		"a write that is held is acknowledged before others have it", "branch/broadcast/acks.go",
		"a.held.sequence(0) <= reached", "a.held.sequence(0) <= max(reached, a.Head(a.Self))", "38_snapshot",
	},
	{
		"a mark gives entries no later times", "branch/broadcast/own.go",
		"o.Clock()+1", "o.Ledger.Clock()+1", "faults",
	},
	{
		"a branch is marked below its own entries", "branch/replica/mark.go",
		"case ss.LastClock() >= c.Mark && !known:", "case ss.LastClock() >= c.Mark+1<<40 && !known:", "faults",
	},
	{
		"a branch is marked below its own entries that have come back", "branch/broadcast/apply.go",
		"\tin.CountAsOwn(in.Ledger.Clock())\n", "", "replica.TestABranchThatHasLostItsDiskIsNotMarkedBelowItsEntries",
	},
	{
		"a mark that comes again is answered anew", "branch/replica/mark.go",
		"case old != nil:", "case old != nil && old.at == 0:", "38_snapshot",
	},
	{
		"a mark holds although a branch was not waited for", "branch/replica/mark.go",
		"Intact: old != nil && !old.broken && old.early == ss.Early()", "Intact: old != nil && !old.broken", "40_snapshot_spoiled",
	},
	{
		"a branch that is waited for no longer spoils no mark", "branch/broadcast/peer.go",
		"\t\tif !reachable {\n\t\t\tpr.early++\n\t\t}\n", "", "40_snapshot_spoiled",
	},
	{
		"a write whose time is up spoils no mark", "branch/broadcast/acks.go",
		"\ta.early++\n", "", "40_snapshot_spoiled",
	},
	{
		"a mark that is lost has held", "branch/replica/mark.go",
		"Intact: old != nil && !old.broken && old.early == ss.Early()", "Intact: old == nil || !old.broken && old.early == ss.Early()", "replica.TestAMarkThatIsLostHasNotHeld",
	},
	{
		"a branch that can't reach another one is marked", "branch/replica/mark.go",
		"!ss.AllReachable(), ", "", "simulation.TestSnapshotsOfWritesAtAllBranchesHaveOneOrder",
	},
	{
		"a retry of a write spoils no mark", "branch/replica/mark.go",
		"func(m *mark) { m.broken = true }", "func(m *mark) { m.broken = false }", "41_snapshot_and_retry",
	},
	{
		"a retry of a write lets a mark before the write come later", "branch/replica/mark.go",
		"\tss.CountAsOwn(e.Clock)\n", "", "41_snapshot_and_retry",
	},
	{
		"a misuse of a request id tells nothing of the write", "branch/replica/desk.go",
		"\t\td.snapshots.spoil(&rec.Entry)\n", "", "41_snapshot_and_retry",
	},
	{
		"a retry spoils the snapshot that the write is in", "branch/replica/mark.go",
		"if m.at < e.Clock {", "if m.at > 0 {", "41_snapshot_and_retry",
	},
	{
		"a snapshot is not confirmed", "branch/replica/snapshot.go",
		"s.broken = s.broken || !a.Intact", "_ = a.Intact", "40_snapshot_spoiled",
	},
	{
		"a snapshot is not confirmed here", "branch/replica/snapshot.go",
		"; !a.Intact {", "; !a.Intact && ss.N == 1 {", "41_snapshot_and_retry",
	},
	{
		"a snapshot begins again too early", "branch/replica/snapshot.go",
		", s.after+snapshotLead", "", "39_snapshots_in_turn",
	},
	{
		"a snapshot that is given up leaves its marks", "branch/replica/snapshot.go",
		"\t\t\tss.Send(p, protocol.Message{Collect: ask})\n", "\t\t\t_ = p\n", "14_freeze",
	},
	{
		"a session leaves out what a snapshot holds", "branch/replica/snapshot.go",
		"if last := s.answers[i].Last; last > 0 {", "if last := s.answers[i].Last; last > 0 && i == ss.Self {", "38_snapshot",
	},
	{
		"a look does not carry the time", "branch/replica/look.go",
		"cs.State != protocol.Serving || !cs.Follow(c.Clock)", "cs.State != protocol.Serving", "42_looks_carry_the_time",
	},
	{
		"the answer to a look does not carry the time", "branch/replica/collect.go",
		"a.Failed || !cs.Follow(a.Clock) && call.collect != nil", "a.Failed", "42_looks_carry_the_time",
	},
	{
		"looks at contested accounts do not carry the time", "branch/replica/contest.go",
		"if !cs.Follow(in.Clock) {", "if in.Clock > 1<<63 {", "42_looks_carry_the_time",
	},
	{
		"a branch uses looks that it can't follow", "branch/broadcast/core.go",
		"return c.Clock() >= clock", "return true", "replica.TestATimeThatABranchCantFollow",
	},
	{
		"a peer moves a branch's time as it likes", "branch/broadcast/core.go",
		"min(clock, c.Ledger.Clock()+maxFollow)", "clock", "replica.TestAPushedTimeIsBorneByOthers",
	},
	{
		"a mark may have any time", "branch/replica/look.go",
		"case cs.isAhead(c.Clock) || cs.isAhead(c.Mark):", "case cs.N == 1:", "replica.TestMarksAreChecked",
	},
	{
		"an answer may have any time", "branch/replica/collect.go",
		"case cs.isAhead(a.Clock):", "case cs.N == 1:", "replica.TestALyingAnswerFailsTheQueryOnly",
	},
	{
		"marks are never forgotten", "branch/replica/mark.go",
		"return ss.Now >= m.until", "return ss.Now < 0", "replica.TestAMarkThatIsForgottenDelaysWritesForAWhile",
	},
	{
		"there may be any number of marks", "branch/replica/mark.go",
		"ss.marked >= maxMarks", "ss.marked < 0", "replica.TestMarksAreBoundedAndExpire",
	},
}
