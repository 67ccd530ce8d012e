package porttest_test

import (
	"testing"

	"passbook.example/passbook/branch/port/porttest"
)

// TestNoRangeIsGivenTwice takes more ranges than there are, one after another,
// while one is kept.
func TestNoRangeIsGivenTwice(t *testing.T) {
	kept, release, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	for range 120 {
		base, release, err := porttest.Reserve()
		if err != nil {
			t.Fatal(err)
		}
		release()
		if base == kept {
			t.Fatalf("the range at %d was given twice", base)
		}
	}
	release()
}
