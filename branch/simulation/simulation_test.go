package simulation_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/simulation"
)

// More is `go test ./branch/simulation -args -seeds 100000 -steps 20000`.
var (
	seeds = flag.Uint64("seeds", usualSeeds, "how many seeds to run")
	first = flag.Uint64("seed", 1, "the first seed")
	steps = flag.Int("steps", 2000, "the steps of each")
)

func runSeeds(t *testing.T, o simulation.Options, seeds uint64) *simulation.Report {
	t.Helper()
	total := simulation.NewReport()
	for o.Seed = *first; o.Seed < *first+seeds; o.Seed++ {
		report, err := simulation.Run(o)
		if err != nil {
			t.Fatal(err)
		}
		total.Add(report)
	}
	t.Log(total)
	return total
}

// Whatever fails, a bank keeps its three promises, and heals by itself.
func TestBankUnderFaults(t *testing.T) {
	total := runSeeds(t, simulation.Options{Steps: *steps}, *seeds)
	if *seeds >= enoughSeeds {
		reached(t, "outcome", total.Operations, rareOutcomes)
		reached(t, "fault", total.Faults, rareFaults)
		reached(t, "path", total.Paths, rarePaths)
	}
}

// Without a fault no call fails for want of a branch, or waits for a time-out.
func TestBankWithoutFaults(t *testing.T) {
	runSeeds(t, simulation.Options{Steps: *steps, Calm: true}, (*seeds+2)/3)
}

// Somebody lies in every branch's name, while everything else fails, too: nobody
// halts, nothing that is not true is recorded, and the bank heals.
func TestBankWithALiar(t *testing.T) {
	total := runSeeds(t, simulation.Options{Steps: *steps, Liar: true}, *seeds)
	if *seeds >= enoughSeeds {
		reached(t, "fault", total.Faults, []string{"message that lies"})
		reached(t, "path", total.Paths, rareLies)
	}
}

// Branches sign what they write, and the liar forges whole batches: such as follow the
// last one of a journal, and such as fork it.
func TestBankWithALiarAndSignatures(t *testing.T) {
	total := runSeeds(t, simulation.Options{Steps: *steps, Liar: true, Signed: true}, *seeds)
	if *seeds >= enoughSeeds {
		reached(t, "path", total.Paths, rareForgeries)
	}
	runSeeds(t, simulation.Options{Steps: *steps, Liar: true, Signed: true, Journal: true}, (*seeds+59)/60)
}

// Two processes with one branch id: the journal forks, and everybody is told.
func TestTwoProcessesWithOneBranchID(t *testing.T) {
	total := runSeeds(t, simulation.Options{Steps: 2 * *steps, Fork: true}, (*seeds+2)/3)
	if *seeds >= enoughSeeds {
		reached(t, "fault", total.Faults, []string{"two processes with one branch id"})
		reached(t, "path", total.Paths, rareForks)
	}
	runSeeds(t, simulation.Options{Steps: 2 * *steps, Fork: true, Signed: true}, (*seeds+14)/15)
}

// The production journal, on files that lose what was not synced, gives back
// the same as the simulated disk, through all crashes.
func TestBankOnTheProductionJournal(t *testing.T) {
	runSeeds(t, simulation.Options{Steps: *steps, Journal: true}, (*seeds+14)/15)
	runSeeds(t, simulation.Options{Steps: *steps, Journal: true, Liar: true}, (*seeds+59)/60)
	runSeeds(t, simulation.Options{Steps: *steps, Journal: true, Fork: true}, (*seeds+59)/60)
}

// One line repeats a run.
func TestSeedDecidesEverything(t *testing.T) {
	first, err := simulation.Run(simulation.Options{Seed: 7, Steps: 5000})
	if err != nil {
		t.Fatal(err)
	}
	second, err := simulation.Run(simulation.Options{Seed: 7, Steps: 5000})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func TestFailureNamesTheLineThatRepeatsIt(t *testing.T) {
	f := &simulation.Failure{Options: simulation.Options{Seed: 7, Steps: 500, Branches: 3, Calm: true, Journal: true, Liar: true, Signed: true, Fork: true}, Step: 44, Invariant: "no account is overdrawn", Text: "-1"}
	want := "repeat with: passbook simulate --seed 7 --steps 500 --branches 3 --calm --journal --liar --signed --fork"
	if got := f.Error(); !strings.HasSuffix(got, want) || !strings.Contains(got, "step 44: no account is overdrawn: -1") {
		t.Errorf("got %q, want it to end with %q", got, want)
	}
}
