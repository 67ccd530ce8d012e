//go:build long

package replica_test

import "testing"

// The same, of days with twenty times as many.
func TestOfABusyDaysWithdrawalsFewWait(t *testing.T) {
	t.Parallel()
	even, first := [3]float64{1, 1, 1}, [3]float64{1, 0, 0}
	tryDays(t, []day{{perSecond: 20, at: even, deposits: 1}, {perSecond: 20, at: first, deposits: 100}})
}
