package simulation_test

// forkMutations break rules of how a fork is mended.
var forkMutations = []mutation{
	{
		"a batch that does not count is applied", "branch/broadcast/apply.go",
		"if len(in.forks.dropped) > 0 && in.forks.dropped[s.Hash] {", "if in.forks.dropped[s.Hash] && in.N == 0 {", "49_set_aside",
	},
	{
		"an ack of the side that does not count is one", "branch/broadcast/propagate.go",
		"(own == 0 || own <= pr", "(own >= 0 || own <= pr", "49_set_aside",
	},
	{
		"a branch whose journal has forked asks nobody before it goes on", "branch/broadcast/fork.go",
		"in.commit.Unsettled = true\n", "", "49_set_aside",
	},
	{
		"own batches that can't be posted are forgotten", "branch/broadcast/pending.go",
		"\tcase s.Span.Branch == c.Config.ID:\n\t\tp.batches = append(p.batches, s)\n", "\tcase s.Span.Branch == c.Config.ID:\n", "fork",
	},
	{
		"a branch writes in the place of own batches that wait", "branch/broadcast/recover.go",
		" || len(v.intake.pending.batches) > 0 {", " {", "fork",
	},
	{
		"own batches that waited are not sent", "branch/broadcast/pending.go",
		"in.own.keep(&s.Outline)\n\t\tin.backOwn(s.Span.First - 1)\n", "in.backOwn(s.Span.First - 1)\n", "48_decided",
	},
	{
		"nobody claims what own batches lack", "branch/replica/cover.go",
		"if lacks == nil {", "if lacks == nil || es.N > 0 {", "fork",
	},
	{
		"a peer on the other side is not shown the batch that counts", "branch/broadcast/fork.go",
		"!p.aside[i] && kept != nil && p.Usable()", "kept != nil && in.N == 0", "49_set_aside",
	},
	{
		"a batch that broke a rule is not tried again", "branch/broadcast/apply.go",
		" && in.misfitAt[i] == in.progressed() {", " {", "fork",
	},
	{
		"a disk keeps what does not count", "branch/ledger/mending.go",
		"if !m.dropped[s.Hash] {", "if len(m.left) >= 0 {", "fork",
	},
	{
		"a mended disk has batches before those that they come after", "branch/ledger/fork.go",
		"if k, ok := l.index[a.Branch]; !ok || l.heads[k].Sequence < a.Sequence {", "if k, ok := l.index[a.Branch]; !ok || l.heads[k].Sequence < a.Sequence && len(b.After) == 0 {", "fork",
	},
	{
		"a fork is forgotten when its branch stops", "branch/broadcast/fork.go",
		"ok && !f.kept[k].Decided() {", "ok && f.kept[k].Decided() && f.kept[k].First() == 0 {", "48_decided",
	},
	{
		"a journal is not filled up", "branch/broadcast/fill.go",
		"in.Head(in.Self) < most {", "in.Head(in.Self) < most && in.N == 0 {", "48_decided",
	},
	{
		"a branch does not tell what it holds for another", "branch/broadcast/propagate.go",
		"hello.Holds = pr.intake.holds(p.Index)\n", "", "52_pending_lost",
	},
	{
		"what depends on a fork is forgotten by all but its writer", "branch/broadcast/pending.go",
		"\tdefault:\n\t\tp.others = append(p.others, s)\n", "", "52_pending_lost",
	},
}
