package simulation_test

import (
	"flag"
	"testing"

	"passbook/branch/simulation"
)

var (
	seeds = flag.Uint64("seeds", 300, "how many seeds to run")
	first = flag.Uint64("seed", 1, "the first seed")
	steps = flag.Int("steps", 3000, "the steps of each")
	calm  = flag.Bool("calm", false, "leave all faults out")
)

// Whatever fails, a bank keeps its three promises, and heals by itself.
func TestBank(t *testing.T) {
	total := simulation.NewReport()
	for seed := *first; seed < *first+*seeds; seed++ {
		report, err := simulation.Run(simulation.Options{Seed: seed, Steps: *steps, Calm: *calm})
		if err != nil {
			t.Fatal(err)
		}
		total.Add(report)
	}
	t.Log(total)
}
