package simulation_test

// snapshotMutations break a rule of snapshots.
var snapshotMutations = []mutation{
	{
		"a write is acknowledged although an account is marked", "branch/replica/mark.go",
		"marked = marked || len(ss.marks[name]) > 0", "marked = marked || len(ss.marks[name]) > 1000", "faults",
	},
	{
		"a mark gives entries no later times", "branch/broadcast/own.go",
		"o.Clock()+1", "o.Ledger.Clock()+1", "faults",
	},
	{
		"a branch is marked below its own entries", "branch/replica/mark.go",
		"case ss.LastClock() >= c.Mark:", "case ss.LastClock() >= c.Mark+1<<40:", "faults",
	},
	{
		"a mark holds although a branch was not waited for", "branch/replica/mark.go",
		"Intact: old != nil && !old.broken && old.early == ss.Early()", "Intact: old != nil && !old.broken", "simulation.TestSnapshotsOfWritesAtAllBranchesHaveOneOrder",
	},
	{
		"a mark that is lost has held", "branch/replica/mark.go",
		"Intact: old != nil && !old.broken && old.early == ss.Early()", "Intact: old == nil || !old.broken && old.early == ss.Early()", "simulation.TestSnapshotsOfWritesAtAllBranchesHaveOneOrder",
	},
	{
		"a branch that can't reach another one is marked", "branch/replica/mark.go",
		"!ss.AllReachable(), ", "", "simulation.TestSnapshotsOfWritesAtAllBranchesHaveOneOrder",
	},
	{
		"a retry of a write spoils no mark", "branch/replica/desk.go",
		"\td.snapshots.spoil(&rec.Entry)\n", "", "simulation.TestSnapshotsOfWritesAtAllBranchesHaveOneOrder",
	},
	{
		"a snapshot is not confirmed", "branch/replica/snapshot.go",
		"s.broken = s.broken || !a.Intact", "_ = a.Intact", "simulation.TestSnapshotsOfWritesAtAllBranchesHaveOneOrder",
	},
	{
		"a look does not carry the time", "branch/replica/look.go",
		"\tcs.Follow(c.Clock)\n", "", "simulation.TestSnapshotsAndRefusalsHaveOneOrder",
	},
	{
		"the answer to a look does not carry the time", "branch/replica/collect.go",
		"\tcs.Follow(a.Clock)\n", "", "simulation.TestSnapshotsAndRefusalsHaveOneOrder",
	},
	{
		"looks at contested accounts do not carry the time", "branch/replica/contest.go",
		"\tcs.Follow(in.Clock)\n", "", "simulation.TestSnapshotsAndRefusalsHaveOneOrder",
	},
}
