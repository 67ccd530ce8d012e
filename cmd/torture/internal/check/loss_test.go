package check

import (
	"fmt"
	"strings"
	"testing"

	"passbook.example/passbook/cmd/torture/internal/history"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// TestLostDisk checks that a receipt may go with the only disk that was
// promised, and that nothing else may.
func TestLostDisk(t *testing.T) {
	for _, c := range []struct {
		level       bankv1.Acknowledge
		unreachable []uint32
		kept        uint64
		killed      int
		want        string
	}{
		{bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, nil, 0, 70, ""},
		{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, []uint32{1, 3, 4, 5}, 0, 70, ""},
		{bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, nil, 1, 70, "lost receipt"},
		{bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, nil, 0, 25, "lost receipt"},
		{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, []uint32{1, 3, 4}, 0, 70, "lost receipt"},
		{bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY, nil, 0, 70, "lost receipt"},
		{bankv1.Acknowledge_ACKNOWLEDGE_ALL, nil, 0, 70, "lost receipt"},
	} {
		t.Run(fmt.Sprintf("%v unreachable %v kept %d killed %d", c.level, c.unreachable, c.kept, c.killed), func(t *testing.T) {
			x := newTale()
			x.everywhere(forget)
			a := x.history.Writes[1].Attempts[0]
			a.Level, a.Unreachable = c.level, c.unreachable
			// The query at 41 ms has seen what is lost at 70 ms.
			x.history.AddLoss(history.Loss{Branch: 2, Kept: c.kept, From: ms(c.killed - 1), Killed: ms(c.killed), Until: ms(c.killed + 5)})
			x.window.End = history.Positions{1: 1}
			// The refusal was right before the disk was lost, and is not after it.
			err := x.check()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestSecondLife checks that a retry may be recorded anew when the first
// attempt went with the disk.
func TestSecondLife(t *testing.T) {
	x := newTale()
	a := x.history.Writes[1].Attempts[0]
	first := &history.Attempt{Asked: 2, Began: ms(21), Ended: ms(25), Outcome: history.Recorded, Receipt: history.Receipt{Branch: 2, Sequence: 5}}
	x.history.Writes[1].Attempts = []*history.Attempt{first, a}
	if err := x.check(); err == nil || !strings.Contains(err.Error(), "counted twice or moved") {
		t.Errorf("got %v without a lost disk", err)
	}
	a.Level = bankv1.Acknowledge_ACKNOWLEDGE_ALL
	x.history.AddLoss(history.Loss{Branch: 2, From: ms(26), Killed: ms(27), Until: ms(29)})
	x.history.Reads = nil
	if err := x.check(); err != nil {
		t.Error(err)
	}
}

// TestSecondLifeInTheSamePlace checks that the receipt of what was lost says
// nothing about when it was recorded anew, in the same place.
func TestSecondLifeInTheSamePlace(t *testing.T) {
	x := newTale()
	first := &history.Attempt{Asked: 2, Began: ms(21), Ended: ms(25), Outcome: history.Recorded, Receipt: history.Receipt{Branch: 2, Sequence: 1}}
	x.history.Writes[1].Attempts = append([]*history.Attempt{first}, x.history.Writes[1].Attempts...)
	x.history.AddLoss(history.Loss{Branch: 2, From: ms(26), Killed: ms(27), Until: ms(28)})
	x.history.AddRead(&history.Read{Customer: 1, Kind: history.Strong, Asked: 3, Began: ms(29), Ended: ms(30), Outcome: history.Success, Balance: 1050, After: history.Positions{1: 1}})
	if err := x.check(); err != nil {
		t.Error(err)
	}
}

// TestLostTwice checks that what went with one disk does not count as gone
// with the next.
func TestLostTwice(t *testing.T) {
	x := newTale()
	x.everywhere(forget)
	x.history.Writes[1].Attempts[0].Level = bankv1.Acknowledge_ACKNOWLEDGE_LOCAL
	x.history.AddLoss(history.Loss{Branch: 2, From: ms(69), Killed: ms(70), Until: ms(80)})
	x.history.AddLoss(history.Loss{Branch: 2, From: ms(169), Killed: ms(170), Until: ms(180)})
	x.window.End = history.Positions{1: 1}
	if err := x.check(); err != nil {
		t.Error(err)
	}
	x.window = Window{From: ms(100), Until: ms(200), Start: history.Positions{1: 1}, End: history.Positions{1: 1}, Balances: map[string]int64{"": 1050}}
	if err := x.check(); err != nil {
		t.Error(err)
	}
}
