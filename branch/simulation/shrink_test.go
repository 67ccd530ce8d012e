package simulation_test

import (
	"errors"
	"testing"

	"passbook.example/passbook/branch/simulation"
)

var errDeposit = errors.New("somebody has deposited")

// A run that fails as soon as anybody has deposited shrinks to the number of
// steps before which nobody has.
func TestFailureShrinks(t *testing.T) {
	deposits := func(o simulation.Options) (*simulation.Report, error) {
		report, err := simulation.Run(o)
		if err == nil && report.Operations["deposit: success"] > 0 {
			err = errDeposit
		}
		return report, err
	}
	whole := simulation.Options{Seed: 3, Steps: 3000}
	small, err := simulation.Shrink(whole, deposits)
	if !errors.Is(err, errDeposit) || small.Steps == 0 || small.Steps >= whole.Steps {
		t.Fatalf("got %+v and %v, want fewer steps than %d", small, err, whole.Steps)
	}
	if _, err := deposits(small); !errors.Is(err, errDeposit) {
		t.Errorf("%d steps do not fail", small.Steps)
	}
	small.Steps--
	if _, err := deposits(small); err != nil {
		t.Errorf("%d steps fail as well: %v", small.Steps, err)
	}
}

func TestWhatDoesNotFailDoesNotShrink(t *testing.T) {
	o := simulation.Options{Seed: 3, Steps: 500}
	if got, err := simulation.Shrink(o, simulation.Run); err != nil || got != o {
		t.Errorf("got %+v and %v, want %+v and no error", got, err, o)
	}
}
