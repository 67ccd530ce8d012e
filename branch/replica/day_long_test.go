//go:build long

package replica_test

import "testing"

// The same, of busy days.
func TestOfABusyDaysWithdrawalsFewWait(t *testing.T) {
	t.Parallel()
	tryDays(t, dayPlan{perSecond: 20, floats: 10, atOnce: 1}, 1, 0.01)
	tryDays(t, dayPlan{perSecond: 20, floats: 100, atOnce: 1}, 1, 0.05)
	plan := dayPlan{perSecond: 150, floats: 10, trips: [3]int64{100, 150, 200}, payIn: payIns["at one site"], atOnce: 1}
	if r := plan.run(t, 0); r.waited*100 > r.withdrawals || r.refused > 0 {
		t.Errorf("of %d withdrawals %d waited and %d were refused", r.withdrawals, r.waited, r.refused)
	}
}
