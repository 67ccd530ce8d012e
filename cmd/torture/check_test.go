package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// ms is a moment of a made-up history.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// tale makes up a history and what all branches tell of it: a deposit of 50 at
// branch 1, a withdrawal of 30 at branch 2, a refused withdrawal, and queries
// between them. Opening is 1000.
type tale struct {
	history  *history
	evidence *evidence
	window   window
}

func newTale() *tale {
	h := newHistory()
	h.addWrite(&write{ID: "in", Customer: 1, Kind: deposit, Amount: 50, Home: 1, Attempts: []*attempt{
		{Asked: 1, Began: ms(10), Ended: ms(20), Outcome: success, Receipt: receipt{1, 1}, Balance: 1050, After: positions{1: 1}},
	}})
	h.addWrite(&write{ID: "out", Customer: 2, Kind: withdraw, Amount: 30, Home: 2, Attempts: []*attempt{
		{Asked: 2, Level: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, Began: ms(30), Ended: ms(40), Outcome: success, Receipt: receipt{2, 1}, Balance: 1020, Before: positions{1: 1}, After: positions{1: 1, 2: 1}},
	}})
	h.addWrite(&write{ID: "much", Customer: 2, Kind: withdraw, Amount: 1040, Home: 2, Attempts: []*attempt{
		{Asked: 2, Began: ms(50), Ended: ms(60), Outcome: refused},
	}})
	h.addRead(&read{Customer: 1, Kind: strong, Asked: 3, Began: ms(41), Ended: ms(45), Outcome: success, Balance: 1020, After: positions{1: 1}})
	h.addRead(&read{Customer: 1, Kind: session, Asked: 3, Began: ms(41), Ended: ms(45), Outcome: success, Balance: 1050, Before: positions{1: 1}, After: positions{1: 1}})
	t := &tale{history: h, evidence: &evidence{branches: map[uint32]*testimony{}}}
	for _, id := range branchIDs {
		t.evidence.branches[id] = testify(id)
	}
	t.window = window{until: ms(100), start: positions{}, end: positions{1: 1, 2: 1}, balances: map[string]int64{"": opening}}
	return t
}

// testify is what a sound branch tells at the end of the tale.
func testify(id uint32) *testimony {
	in := entry{Receipt: receipt{1, 1}, Clock: 1, Customer: 1, RequestID: "in", Kind: deposit, Amount: 50}
	out := entry{Receipt: receipt{2, 1}, Clock: 2, Customer: 2, RequestID: "out", Kind: withdraw, Amount: 30}
	return &testimony{
		branch: id,
		status: &bankv1.GetStatusResponse{
			State:    bankv1.BranchState_BRANCH_STATE_SERVING,
			Applied:  []*bankv1.Position{{Branch: 1, Sequence: 1, Hash: []byte{1}}, {Branch: 2, Sequence: 1, Hash: []byte{2}}},
			Accounts: []*bankv1.AccountStatus{{Account: sharedAccount, Balance: 1020, Escrow: []*bankv1.BranchEscrow{{Branch: 1, Amount: 1000}, {Branch: 2, Amount: 20}}}},
		},
		journals:   map[uint32][]entry{1: {in}, 2: {out}},
		statements: map[string][]line{"": {{in, 1050}, {out, 1020}}},
		balances:   map[string]int64{"": 1020},
	}
}

// check applies every check.
func (t *tale) check() error {
	if err := check(t.history, t.evidence); err != nil {
		return err
	}
	if err := checkCuts(t.history, t.evidence.reference(), t.history.reads); err != nil {
		return err
	}
	_, err := checkLinear(t.history, t.evidence.reference(), t.window, "")
	return err
}

// everywhere changes what every branch tells.
func (t *tale) everywhere(change func(*testimony)) {
	for _, b := range t.evidence.branches {
		change(b)
	}
}

// forget takes the withdrawal out of what a branch tells.
func forget(b *testimony) {
	b.journals[2] = nil
	b.statements[""] = b.statements[""][:1]
	b.balances[""] = 1050
	b.status.Accounts[0].Balance, b.status.Accounts[0].Escrow[1].Amount = 1050, 50
	b.status.Applied = b.status.Applied[:1]
}

func TestSoundTale(t *testing.T) {
	if err := newTale().check(); err != nil {
		t.Fatal(err)
	}
}

// brokenTales are lies about the tale, and what is to be said about each.
var brokenTales = map[string]struct {
	lie  func(*tale)
	want string
}{
	"lost everywhere": {func(x *tale) { x.everywhere(forget) }, "lost receipt: withdraw out of 30"},
	"lost at one branch": {func(x *tale) { forget(x.evidence.branches[4]) },
		"disagreement: entry 1 of the journal of branch 2"},
	"missing in a statement": {func(x *tale) {
		b := x.evidence.branches[4]
		b.statements[""], b.balances[""] = b.statements[""][:1], 1050
	}, `disagreement: account "" has 1020 at branch 1 and 1050 at branch 4`},
	"missing in a statement, balance right": {func(x *tale) {
		b := x.evidence.branches[4]
		b.statements[""] = b.statements[""][:1]
	}, "lost receipt: entry 2/1 of the journal is missing"},
	"twice in a statement": {func(x *tale) {
		b := x.evidence.branches[2]
		b.statements[""] = append(b.statements[""], b.statements[""][1])
	}, "counted twice: entry 2/1"},
	"twice in a journal": {func(x *tale) {
		x.everywhere(func(b *testimony) {
			again := b.journals[2][0]
			again.Receipt.Sequence = 2
			b.journals[2] = append(b.journals[2], again)
			b.statements[""] = append(b.statements[""], line{again, 990})
			b.balances[""] = 990
			b.status.Accounts = nil
		})
	}, "counted twice: request id out is entry 2/1 and entry 2/2"},
	"gap": {func(x *tale) {
		x.everywhere(func(b *testimony) { b.journals[2][0].Receipt.Sequence = 2 })
	}, "gap: the journal of branch 2"},
	"invented": {func(x *tale) { x.history.writes = x.history.writes[1:] }, "nobody asked for it"},
	"recorded though denied": {func(x *tale) {
		x.history.writes[1].Attempts[0].Outcome = nothing
	}, "recorded though denied: entry 2/1 is withdraw out"},
	"other amount": {func(x *tale) { x.history.writes[1].Amount = 31 }, "recorded wrong"},
	"other place": {func(x *tale) {
		x.history.writes[1].Attempts[0].Receipt = receipt{2, 7}
		x.history.writes[1].Attempts[0].After = positions{1: 1, 2: 7}
	}, "counted twice or moved"},
	"negative reply": {func(x *tale) {
		x.history.addRead(&read{Kind: local, Outcome: success, Balance: -1})
	}, "negative balance: branch 0 answered a local query"},
	"negative in a statement": {func(x *tale) {
		x.everywhere(func(b *testimony) {
			in, out := b.journals[1][0], b.journals[2][0]
			out.Amount = 1030
			b.journals[2][0] = out
			b.statements[""] = []line{{out, -30}, {in, 20}}
			b.balances[""] = 20
			b.status.Accounts = nil
		})
	}, "negative balance: -30 after entry 2/1"},
	"negative escrow": {func(x *tale) {
		e := x.evidence.branches[3].status.Accounts[0].Escrow
		e[0].Amount, e[1].Amount = 1021, -1
	}, "negative escrow: -1"},
	"fork":  {func(x *tale) { x.evidence.branches[5].status.Applied[1].Hash = []byte{9} }, "disagreement: the journal of branch 2 is applied up to 1 (02)"},
	"alarm": {func(x *tale) { x.evidence.branches[5].status.Alarms = []string{"fork"} }, `alarms: branch 5 has ["fork"]`},
	"session of a query going back": {func(x *tale) {
		x.history.reads[1].Before = positions{1: 1, 2: 1}
	}, "session went back: customer 1's session query"},
	"session of a write without it": {func(x *tale) {
		x.history.writes[1].Attempts[0].After = positions{1: 1}
	}, "session went back: withdraw out at branch 2"},
	"view of half a cut":  {func(x *tale) { x.history.reads[1].Balance = 1000 }, "wrong view: customer 1's session query"},
	"refusal for nothing": {func(x *tale) { x.history.writes[2].Amount = 1020 }, "not linearizable: the 4 operations"},
	"stale strong query":  {func(x *tale) { x.history.reads[0].Balance = 1050 }, "not linearizable: the 4 operations"},
}

// TestBrokenTales checks that each kind of lie is found and named.
func TestBrokenTales(t *testing.T) {
	for name, c := range brokenTales {
		t.Run(name, func(t *testing.T) {
			x := newTale()
			c.lie(x)
			err := x.check()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestReach checks that what was applied within reach is visible there, as long
// as the branch lives that applied it.
func TestReach(t *testing.T) {
	for _, c := range []struct {
		level       bankv1.Acknowledge
		unreachable []uint32
		died        int
		want        string
	}{
		{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, nil, 0, "not visible: customer 1's strong query at branch 3"},
		{bankv1.Acknowledge_ACKNOWLEDGE_ALL, nil, 0, "not visible"},
		{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, []uint32{3}, 0, ""},
		{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, nil, 35, ""},
		{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, nil, 25, "not visible"},
		{bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY, nil, 0, ""},
	} {
		t.Run(fmt.Sprintf("%v unreachable %v died %d", c.level, c.unreachable, c.died), func(t *testing.T) {
			x := newTale()
			a := x.history.writes[1].Attempts[0]
			a.Level, a.Unreachable = c.level, c.unreachable
			x.history.addDeath(death{Branch: 3, At: ms(c.died)})
			err := x.check()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestUnknownWrite checks when a write whose customer was told nothing can have
// taken effect: when the journal says so.
func TestUnknownWrite(t *testing.T) {
	x := newTale()
	a := x.history.writes[1].Attempts[0]
	a.Outcome, a.Receipt, a.After = unknown, receipt{}, nil
	if err := x.check(); err != nil {
		t.Error(err)
	}
	// Nobody can tell when it was, so the query may be before or after it.
	x.history.reads[0].Balance = 1050
	if err := x.check(); err != nil {
		t.Error(err)
	}
	// What comes later in the same journal was told before the query began.
	x.history.addWrite(&write{ID: "later", Customer: 2, Kind: deposit, Amount: 1, Home: 2, Attempts: []*attempt{
		{Asked: 2, Level: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, Began: ms(32), Ended: ms(40), Outcome: success, Receipt: receipt{2, 2}, After: positions{2: 2}},
	}})
	x.everywhere(func(b *testimony) {
		later := entry{Receipt: receipt{2, 2}, Customer: 2, RequestID: "later", Kind: deposit, Amount: 1}
		b.journals[2] = append(b.journals[2], later)
		b.statements[""] = append(b.statements[""], line{later, 1021})
		b.balances[""], b.status.Accounts = 1021, nil
	})
	x.window.end = positions{1: 1, 2: 2}
	if err := x.check(); err == nil || !strings.Contains(err.Error(), "not linearizable") {
		t.Errorf("got %v, want it to be not linearizable", err)
	}
}
