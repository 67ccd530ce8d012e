package simulation_test

import (
	"testing"

	"passbook.example/passbook/branch/simulation"
)

// Runs that have failed once, each with what was wrong.
var regressions = []struct {
	options simulation.Options
	wrong   string
}{
	{
		simulation.Options{Seed: 8, Steps: 4000, Fork: true},
		"A branch that had seen the other side of a fork told the writers of journals that no longer fitted that they had forked: " +
			"innocent branches halted, one after the other.",
	},
	{
		simulation.Options{Seed: 13, Steps: 4000, Fork: true},
		"A recovering branch kept own batches that had come early, served without them, and applied one after it had halted.",
	},
	{
		simulation.Options{Seed: 97, Steps: 3000, Fork: true},
		"A branch whose fork was decided stayed set aside by its peers, since it did not greet them again.",
	},
	{
		simulation.Options{Seed: 124, Steps: 3000, Fork: true},
		"A peer on the side that does not count was heard, and its acks counted, once the other side was as long.",
	},
	{
		simulation.Options{Seed: 415, Steps: 3905, Fork: true},
		"What was paid in for entries that wait was spent by customers, each time before the claim for it came.",
	},
	{
		simulation.Options{Seed: 513, Steps: 4591, Fork: true},
		"Own batches that had waited were not sent to the peers when they were applied at last.",
	},
	{
		simulation.Options{Seed: 1022, Steps: 840, Calm: true},
		"A bulk was refused whole since a verdict changed which of its operations were insufficient, but refused no more of them than before.",
	},
	{
		simulation.Options{Seed: 1599, Steps: 2000, Liar: true},
		"A branch that had given up a peer's word, and waited for the link to end, woke all the time to go on with what it had given up.",
	},
}

func TestRegressions(t *testing.T) {
	for _, r := range regressions {
		if _, err := simulation.Run(r.options); err != nil {
			t.Errorf("%s\n%v", r.wrong, err)
		}
	}
}
