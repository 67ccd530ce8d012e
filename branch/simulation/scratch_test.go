package simulation_test

import (
	"errors"
	"os"
	"strconv"
	"testing"

	"passbook/branch/simulation"
)

func TestScratch(t *testing.T) {
	if os.Getenv("SCRATCH") == "" {
		t.Skip()
	}
	by := map[string]int{}
	firstOf := map[string]string{}
	n, _ := strconv.Atoi(os.Getenv("SCRATCH"))
	for seed := *first; seed < *first+uint64(n); seed++ {
		func() {
			defer func() {
				if r := recover(); r != nil {
					by["panic"]++
					t.Logf("seed %d panics %v", seed, r)
				}
			}()
			_, err := simulation.Run(simulation.Options{Seed: seed, Steps: *steps, Calm: os.Getenv("CALM") != ""})
			var f *simulation.Failure
			if errors.As(err, &f) {
				if by[f.Invariant]++; by[f.Invariant] == 1 {
					firstOf[f.Invariant] = f.Text + "\n" + f.Repeat()
				}
			}
		}()
	}
	for k, v := range by {
		t.Logf("%d %s\n%s", v, k, firstOf[k])
	}
}
