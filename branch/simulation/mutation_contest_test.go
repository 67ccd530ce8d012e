package simulation_test

// contestMutations break a rule of contested accounts.
var contestMutations = []mutation{
	{
		"what begins to wait after a moment takes part in it, at the chair", "branch/replica/chair.go",
		"q.takePart(ch.id, ch.step, cs.Now)", "q.takePart(ch.id, 1, cs.Now)", "simulation.TestContestedAccountIsLinearizable",
	},
	{
		"what begins to wait after a moment takes part in it, at a seat", "branch/replica/seat.go",
		"q.takePart(s.chain, from, cs.Now)", "q.takePart(s.chain, min(from, 1), cs.Now)", "simulation.TestContestedAccountIsLinearizable",
	},
	{
		"a chain compares nothing", "branch/replica/chair.go",
		"case a.Before == before.Last:", "case a.Before == before.Last || ch.id > 0:", "simulation.TestContestedAccountIsLinearizable",
	},
	{
		"what came in between two looks does not count", "branch/replica/chair.go",
		"most = plus(most, max(a.Most, before.Paid))", "most = plus(most, before.Paid)", "simulation.TestContestedAccountIsLinearizable",
	},
	{
		"a seat does not follow what is paid in", "branch/replica/seat.go",
		"c.seat.most = max(c.seat.most, cs.Ledger.Paid(name, cs.Self))", "_ = name", "simulation.TestContestedAccountIsLinearizable",
	},
	{
		"a chair never freezes", "branch/replica/chair.go",
		"ch.freeze = ch.freeze || w.amount <= refusable", "_ = w", "37_freeze",
	},
	{
		"a proven balance refuses everybody", "branch/replica/escrow.go",
		"isChaired(p) && p.chainFrom <= step && p.op.Entry.Amount > balance", "isChaired(p) && p.op.Entry.Amount > balance", "simulation.TestContestedAccountIsLinearizable",
	},
	{
		"a proven balance is that of a later moment", "branch/replica/chair.go",
		"ch.proven, ch.balance = ch.step-1, most", "ch.proven, ch.balance = ch.step, most", "simulation.TestContestedAccountIsLinearizable",
	},
	{
		"a chain's first look that is repeated lets all take part", "branch/replica/seat.go",
		"\tif s.repeated {\n\t\tfrom++\n\t}\n", "", "replica.TestARepeatedFirstLookProvesNothing",
	},
	{
		"a seat does not freeze its account", "branch/replica/seat.go",
		"\tcs.freeze(s)\n", "", "37_freeze",
	},
	{
		"a deposit changes a frozen account", "branch/replica/contest.go",
		"return c != nil && c.seat != nil && c.seat.frozen", "return c != nil && c.seat != nil && c.seat.frozen && cs.N == 1", "faults",
	},
	{
		"a freeze is firm for nobody", "branch/replica/contest.go",
		"case c.seat.frozen && c.seat.firm:", "case c.seat.frozen && c.seat.firm && cs.N == 1:", "replica.TestAFirmFreezeIsNotBroken",
	},
	{
		"a frozen account keeps a transfer waiting for all of them", "branch/replica/contest.go",
		"return frozen && !open", "return frozen", "replica.TestAFirmFreezeIsNotBroken",
	},
	{
		"the freeze of a seat does not count", "branch/replica/seat.go",
		"case s.frozen && !s.metered && cs.Now >= s.frozenAt+freezeGrace:", "case s.frozen && !s.metered && cs.Now < 0:", "replica.TestASilentChairFreezesNothingForLong",
	},
	{
		"a seat is never left", "branch/replica/seat.go",
		"case cs.Now >= s.until, cs.waitsInVain(c.account):", "case cs.N == 1:", "replica.TestLooksForNobodyStopNoWrite",
	},
	{
		"younger writes take what an older one lacks", "branch/replica/seat.go",
		"case want == 0 || t != (protocol.Ticket{}) && !oldest.Older(t):", "case want >= 0:", "replica.TestNobodyIsStarvedByAStormElsewhere",
	},
	{
		"a chain that fails is summoned again at once", "branch/replica/contest.go",
		"case c == nil || cs.Now < c.barredUntil:", "case c == nil:", "replica.TestAChairThatFailsIsNotSummonedAgainAtOnce",
	},
	{
		"anybody is a chair", "branch/replica/contest_check.go",
		"case badName(l.Account) || cs.chairOf(l.Account) != p.Index:", "case badName(l.Account):", "replica.TestWhatIsSaidOfContestedAccountsIsChecked",
	},
	{
		"an answer may name any sum", "branch/replica/contest_check.go",
		"case a.Paid > most || a.Paid < least || a.Most > most || a.Most < least:", "case a.Paid > most && a.Paid < least:", "replica.TestWhatIsSaidOfContestedAccountsIsChecked",
	},
}
