package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"passbook.example/passbook/cmd/torture/internal/history"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// ms is a moment of a made-up history.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// tale makes up a history and what all branches tell of it: a deposit of 50 at
// branch 1, a withdrawal of 30 at branch 2, a refused withdrawal, and queries
// between them. Opening is 1000.
type tale struct {
	history  *history.History
	evidence *Evidence
	window   Window
}

func newTale() *tale {
	h := history.New()
	h.AddWrite(&history.Write{ID: "in", Customer: 1, Kind: history.Deposit, Amount: 50, Home: 1, Attempts: []*history.Attempt{
		{Asked: 1, Began: ms(10), Ended: ms(20), Outcome: history.Success, Receipt: history.Receipt{Branch: 1, Sequence: 1}, Balance: 1050, After: history.Positions{1: 1}},
	}})
	h.AddWrite(&history.Write{ID: "out", Customer: 2, Kind: history.Withdraw, Amount: 30, Home: 2, Attempts: []*history.Attempt{
		{Asked: 2, Level: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, Began: ms(30), Ended: ms(40), Outcome: history.Success, Receipt: history.Receipt{Branch: 2, Sequence: 1}, Balance: 1020, Before: history.Positions{1: 1}, After: history.Positions{1: 1, 2: 1}},
	}})
	h.AddWrite(&history.Write{ID: "much", Customer: 2, Kind: history.Withdraw, Amount: 1040, Home: 2, Attempts: []*history.Attempt{
		{Asked: 2, Began: ms(50), Ended: ms(60), Outcome: history.Refused},
	}})
	h.AddRead(&history.Read{Customer: 1, Kind: history.Strong, Asked: 3, Began: ms(41), Ended: ms(45), Outcome: history.Success, Balance: 1020, After: history.Positions{1: 1}})
	h.AddRead(&history.Read{Customer: 1, Kind: history.Session, Asked: 3, Began: ms(41), Ended: ms(45), Outcome: history.Success, Balance: 1050, Before: history.Positions{1: 1}, After: history.Positions{1: 1}})
	t := &tale{history: h, evidence: &Evidence{branches: map[uint32]*Testimony{}}}
	for _, id := range history.BranchIDs {
		t.evidence.branches[id] = testify(id)
	}
	t.window = Window{Until: ms(100), Start: history.Positions{}, End: history.Positions{1: 1, 2: 1}, Balances: map[string]int64{"": history.Opening}}
	return t
}

// testify is what a sound branch tells at the end of the tale.
func testify(id uint32) *Testimony {
	in := Entry{Receipt: history.Receipt{Branch: 1, Sequence: 1}, Clock: 1, Customer: 1, RequestID: "in", Kind: history.Deposit, Amount: 50}
	out := Entry{Receipt: history.Receipt{Branch: 2, Sequence: 1}, Clock: 2, Customer: 2, RequestID: "out", Kind: history.Withdraw, Amount: 30}
	return &Testimony{
		branch: id,
		status: &bankv1.GetStatusResponse{
			State:    bankv1.BranchState_BRANCH_STATE_SERVING,
			Applied:  []*bankv1.Position{{Branch: 1, Sequence: 1, Hash: []byte{1}}, {Branch: 2, Sequence: 1, Hash: []byte{2}}},
			Accounts: []*bankv1.AccountStatus{{Account: sharedAccount, Balance: 1020, Escrow: []*bankv1.BranchEscrow{{Branch: 1, Amount: 1000}, {Branch: 2, Amount: 20}}}},
		},
		Journals:   map[uint32][]Entry{1: {in}, 2: {out}},
		statements: map[string][]line{"": {{Entry: in, Balance: 1050}, {Entry: out, Balance: 1020}}},
		Balances:   map[string]int64{"": 1020},
	}
}

// check applies every check.
func (t *tale) check() error {
	if err := All(t.history, t.evidence); err != nil {
		return err
	}
	if err := Cuts(t.history, t.evidence.Reference(), t.history.Reads); err != nil {
		return err
	}
	_, err := Linear(t.history, t.evidence.Reference(), t.window, "")
	return err
}

// everywhere changes what every branch tells.
func (t *tale) everywhere(change func(*Testimony)) {
	for _, b := range t.evidence.branches {
		change(b)
	}
}

// forget takes the withdrawal out of what a branch tells.
func forget(b *Testimony) {
	b.Journals[2] = nil
	b.statements[""] = b.statements[""][:1]
	b.Balances[""] = 1050
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
		b.statements[""], b.Balances[""] = b.statements[""][:1], 1050
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
		x.everywhere(func(b *Testimony) {
			again := b.Journals[2][0]
			again.Receipt.Sequence = 2
			b.Journals[2] = append(b.Journals[2], again)
			b.statements[""] = append(b.statements[""], line{Entry: again, Balance: 990})
			b.Balances[""] = 990
			b.status.Accounts = nil
		})
	}, "counted twice: request id out is entry 2/1 and entry 2/2"},
	"gap": {func(x *tale) {
		x.everywhere(func(b *Testimony) { b.Journals[2][0].Receipt.Sequence = 2 })
	}, "gap: the journal of branch 2"},
	"invented": {func(x *tale) { x.history.Writes = x.history.Writes[1:] }, "nobody asked for it"},
	"recorded though denied": {func(x *tale) {
		x.history.Writes[1].Attempts[0].Outcome = history.Nothing
	}, "recorded though denied: entry 2/1 is withdraw out"},
	"other amount": {func(x *tale) { x.history.Writes[1].Amount = 31 }, "recorded wrong"},
	"other place": {func(x *tale) {
		x.history.Writes[1].Attempts[0].Receipt = history.Receipt{Branch: 2, Sequence: 7}
		x.history.Writes[1].Attempts[0].After = history.Positions{1: 1, 2: 7}
	}, "counted twice or moved"},
	"negative reply": {func(x *tale) {
		x.history.AddRead(&history.Read{Kind: history.Local, Outcome: history.Success, Balance: -1})
	}, "negative balance: branch 0 answered a local query"},
	"negative in a statement": {func(x *tale) {
		x.everywhere(func(b *Testimony) {
			in, out := b.Journals[1][0], b.Journals[2][0]
			out.Amount = 1030
			b.Journals[2][0] = out
			b.statements[""] = []line{{Entry: out, Balance: -30}, {Entry: in, Balance: 20}}
			b.Balances[""] = 20
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
		x.history.Reads[1].Before = history.Positions{1: 1, 2: 1}
	}, "session went back: customer 1's session query"},
	"session of a write without it": {func(x *tale) {
		x.history.Writes[1].Attempts[0].After = history.Positions{1: 1}
	}, "session went back: withdraw out at branch 2"},
	"view of half a cut":  {func(x *tale) { x.history.Reads[1].Balance = 1000 }, "wrong view: customer 1's session query"},
	"refusal for nothing": {func(x *tale) { x.history.Writes[2].Amount = 1020 }, "not linearizable: the 4 operations"},
	"stale strong query":  {func(x *tale) { x.history.Reads[0].Balance = 1050 }, "not linearizable: the 4 operations"},
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
			a := x.history.Writes[1].Attempts[0]
			a.Level, a.Unreachable = c.level, c.unreachable
			x.history.AddDeath(history.Death{Branch: 3, At: ms(c.died)})
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
	a := x.history.Writes[1].Attempts[0]
	a.Outcome, a.Receipt, a.After = history.Unknown, history.Receipt{}, nil
	if err := x.check(); err != nil {
		t.Error(err)
	}
	// Nobody can tell when it was, so the query may be before or after it.
	x.history.Reads[0].Balance = 1050
	if err := x.check(); err != nil {
		t.Error(err)
	}
	// What comes later in the same journal was told before the query began.
	x.history.AddWrite(&history.Write{ID: "later", Customer: 2, Kind: history.Deposit, Amount: 1, Home: 2, Attempts: []*history.Attempt{
		{Asked: 2, Level: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, Began: ms(32), Ended: ms(40), Outcome: history.Success, Receipt: history.Receipt{Branch: 2, Sequence: 2}, After: history.Positions{2: 2}},
	}})
	x.everywhere(func(b *Testimony) {
		later := Entry{Receipt: history.Receipt{Branch: 2, Sequence: 2}, Customer: 2, RequestID: "later", Kind: history.Deposit, Amount: 1}
		b.Journals[2] = append(b.Journals[2], later)
		b.statements[""] = append(b.statements[""], line{Entry: later, Balance: 1021})
		b.Balances[""], b.status.Accounts = 1021, nil
	})
	x.window.End = history.Positions{1: 1, 2: 2}
	if err := x.check(); err == nil || !strings.Contains(err.Error(), "not linearizable") {
		t.Errorf("got %v, want it to be not linearizable", err)
	}
}
