package main

import (
	"slices"
	"strings"
	"testing"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// newListTale is newTale with three lists of customer 3 after it, at branch 3:
// "each" with one operation too many for the balance, asked for again at the
// end; "too much", refused; and "whole".
func newListTale() *tale {
	x := newTale()
	first := &attempt{Asked: 3, Began: ms(70), Ended: ms(75), Outcome: success, Receipt: receipt{3, 1}, Refused: refusals{Insufficient: []uint32{1}}, After: positions{3: 1}}
	again := *first
	again.Asked, again.Began, again.Ended, again.Replay = 4, ms(92), ms(95), true
	x.history.addWrite(&write{ID: "each", Customer: 3, Kind: eachAlone, Home: 3, Attempts: []*attempt{first, &again},
		List: []operation{{deposit, "", "", 10}, {withdraw, "", "", 1035}, {transfer, "", "rent", 20}}})
	x.history.addWrite(&write{ID: "too much", Customer: 3, Kind: allOrNone, Home: 3, Attempts: []*attempt{
		{Asked: 3, Began: ms(76), Ended: ms(80), Outcome: refused, Before: positions{3: 1}, After: positions{3: 1}},
	}, List: []operation{{withdraw, "rent", "", 10}, {withdraw, "rent", "", 15}, {deposit, "", "", 5}}})
	x.history.addWrite(&write{ID: "whole", Customer: 3, Kind: allOrNone, Home: 3, Attempts: []*attempt{
		{Asked: 3, Began: ms(82), Ended: ms(90), Outcome: success, Receipt: receipt{3, 2}, After: positions{3: 2}},
	}, List: []operation{{withdraw, "rent", "", 5}, {withdraw, "rent", "", 15}}})
	x.history.addRead(&read{Customer: 3, Kind: session, Account: "rent", Asked: 3, Began: ms(76), Ended: ms(80), Outcome: success, Balance: 20, After: positions{1: 1, 3: 1}})
	x.everywhere(x.testifyLists)
	x.window.end[3] = 2
	return x
}

// list is the write with a request id.
func (x *tale) list(id string) *write {
	return x.history.writes[slices.IndexFunc(x.history.writes, func(w *write) bool { return w.ID == id })]
}

// testifyLists has a branch tell of the lists as well.
func (x *tale) testifyLists(b *testimony) {
	each := entry{Receipt: receipt{3, 1}, Clock: 3, Customer: 3, RequestID: "each", Kind: eachAlone,
		List: &list{slices.Clone(x.list("each").List), refusals{Insufficient: []uint32{1}}}}
	whole := entry{Receipt: receipt{3, 2}, Clock: 4, Customer: 3, RequestID: "whole", Kind: allOrNone,
		List: &list{Operations: slices.Clone(x.list("whole").List)}}
	b.journals[3] = []entry{each, whole}
	b.statements[""] = append(b.statements[""], line{each, 1010})
	b.statements["rent"] = []line{{each, 20}, {whole, 0}}
	b.balances[""], b.balances["rent"] = 1010, 0
	b.status.Accounts[0].Balance, b.status.Accounts[0].Escrow[0].Amount = 1010, 990
	b.status.Applied = append(b.status.Applied, &bankv1.Position{Branch: 3, Sequence: 2, Hash: []byte{3}})
}

// record changes what every branch tells of the list in place n of its journal.
// The statements share the list.
func (x *tale) record(n int, change func(*list)) {
	x.everywhere(func(b *testimony) { change(b.journals[3][n-1].List) })
}

// forgetWhole takes the last list out of what a branch tells.
func forgetWhole(b *testimony) {
	b.journals[3], b.statements["rent"] = b.journals[3][:1], b.statements["rent"][:1]
	b.balances["rent"] = 20
	b.status.Applied[2].Sequence = 1
}

// pay changes how much operation 1 of "each" asks for, also where it is
// recorded.
func (x *tale) pay(amount int64) {
	x.list("each").List[1].Amount = amount
	x.record(1, func(l *list) { l.Operations[1].Amount = amount })
}

func TestSoundListTale(t *testing.T) {
	if err := newListTale().check(); err != nil {
		t.Fatal(err)
	}
}

// brokenListTales are lies about the lists, and what is to be said about each.
var brokenListTales = map[string]struct {
	lie  func(*tale)
	want string
}{
	"lost everywhere":    {func(x *tale) { x.everywhere(forgetWhole) }, "lost receipt: list, all or none, whole"},
	"lost at one branch": {func(x *tale) { forgetWhole(x.evidence.branches[4]) }, "disagreement: entry 2 of the journal of branch 3"},
	"other refusals at one branch": {func(x *tale) {
		x.evidence.branches[4].journals[3][0].List.Refused.Unavailable = []uint32{2}
	}, "disagreement: entry 1 of the journal of branch 3"},
	"twice in a journal": {func(x *tale) {
		x.everywhere(func(b *testimony) {
			again := b.journals[3][1]
			again.Receipt.Sequence = 3
			again.List = &list{Operations: []operation{{deposit, "rent", "", 1}}}
			b.journals[3] = append(b.journals[3], again)
			b.statements["rent"] = append(b.statements["rent"], line{again, 1})
			b.balances["rent"] = 1
		})
	}, "counted twice: request id whole is entry 3/2 and entry 3/3"},
	"twice in a statement": {func(x *tale) {
		b := x.evidence.branches[2]
		b.statements["rent"] = append(b.statements["rent"], b.statements["rent"][1])
	}, "counted twice: entry 3/2"},
	"missing in the statement of one of its accounts": {func(x *tale) {
		b := x.evidence.branches[2]
		b.statements["rent"] = b.statements["rent"][1:]
	}, "negative balance: -20 after entry 3/2"},
	"in a statement that it does not touch": {func(x *tale) {
		b := x.evidence.branches[2]
		b.statements["till"] = []line{b.statements["rent"][0]}
	}, "counted twice: entry 3/1 is there twice, or is in no journal"},
	"taken though insufficient": {func(x *tale) {
		x.pay(1030)
		x.everywhere(func(b *testimony) { b.statements[""][2].Balance = -20 })
	}, "negative balance: 1010 after entry 3/1 (the branch says -20)"},
	"in part though all or none": {func(x *tale) {
		x.record(2, func(l *list) { l.Refused.Unavailable = []uint32{1} })
		x.everywhere(func(b *testimony) { b.statements["rent"][1].Balance, b.balances["rent"] = 15, 15 })
	}, "carried out in part though all or none"},
	"carried out though said to be insufficient": {func(x *tale) {
		x.pay(500)
		x.record(1, func(l *list) { l.Refused.Insufficient = nil })
		x.everywhere(func(b *testimony) {
			b.statements[""][2].Balance, b.balances[""], b.status.Accounts = 510, 510, nil
		})
	}, "not as answered: list, each by itself, each"},
	"not carried out though said to be": {func(x *tale) {
		x.list("each").Attempts[0].Refused = refusals{}
	}, "not as answered: list, each by itself, each"},
	"retry answered otherwise": {func(x *tale) {
		x.list("each").Attempts[1].Refused = refusals{Unavailable: []uint32{1}}
	}, "not as answered: list, each by itself, each"},
	"retry not a replay": {func(x *tale) { x.list("each").Attempts[1].Replay = false }, "not a replay: list, each by itself, each"},
	"retry of a write not a replay": {func(x *tale) {
		again := *x.list("out").Attempts[0]
		again.Began, again.Ended = ms(41), ms(45)
		x.list("out").Attempts = append(x.list("out").Attempts, &again)
	}, "not a replay: withdraw out of 30"},
	"refused for what it does not take": {func(x *tale) { x.pay(10) }, "refused for nothing"},
	"nothing of it carried out": {func(x *tale) {
		x.record(1, func(l *list) { l.Refused.Unavailable = []uint32{0, 2} })
		x.everywhere(func(b *testimony) {
			b.statements[""], b.balances[""], b.status.Accounts = b.statements[""][:2], 1020, nil
			b.statements["rent"], b.balances["rent"] = nil, 0
			b.journals[3] = b.journals[3][:1]
			b.status.Applied[2].Sequence = 1
		})
	}, "recorded though refused: entry 3/1"},
	"insufficient though it was there":       {func(x *tale) { x.pay(1030) }, "not linearizable: the 6 operations"},
	"refused whole though it was there":      {func(x *tale) { x.list("too much").List[1].Amount = 10 }, `not linearizable: the 3 operations on account "rent"`},
	"refused altogether though it was there": {func(x *tale) { x.refuseAll(20) }, `not linearizable: the 4 operations on account "rent"`},
	"recorded though denied": {func(x *tale) {
		x.list("whole").Attempts[0].Outcome = nothing
	}, "recorded though denied: entry 3/2 is list, all or none, whole"},
	"recorded though refused": {func(x *tale) {
		x.list("whole").Attempts[0].Outcome = refused
	}, "recorded though denied: entry 3/2 is list, all or none, whole"},
	"other amount":                {func(x *tale) { x.list("whole").List[1].Amount = 16 }, "recorded wrong"},
	"other order":                 {func(x *tale) { slices.Reverse(x.list("whole").List) }, "recorded wrong"},
	"each by itself instead":      {func(x *tale) { x.list("whole").Kind = eachAlone }, "recorded wrong"},
	"a single write instead":      {func(x *tale) { x.list("whole").Kind = withdraw }, "recorded wrong"},
	"other customer":              {func(x *tale) { x.list("whole").Customer = 4 }, "recorded wrong"},
	"other place":                 {func(x *tale) { x.move(receipt{3, 7}) }, "counted twice or moved: list, all or none, whole"},
	"session of it without it":    {func(x *tale) { x.list("whole").Attempts[0].After = positions{3: 1} }, "session went back: list, all or none whole"},
	"session of a refused one":    {func(x *tale) { x.list("too much").Attempts[0].After = positions{1: 1} }, "session went back: list, all or none too much"},
	"view of half of it":          {func(x *tale) { x.history.reads[2].Balance = 10 }, "wrong view: customer 3's session query"},
	"negative between operations": {func(x *tale) { x.reorder() }, "negative balance: -5 on the way through entry 3/2"},
}

// move has the answer to "whole" name another place.
func (x *tale) move(to receipt) {
	a := x.list("whole").Attempts[0]
	a.Receipt, a.After = to, positions{to.Branch: to.Sequence}
}

// reorder has "whole" take too much before it gives back.
func (x *tale) reorder() {
	ops := []operation{{withdraw, "rent", "", 25}, {deposit, "rent", "", 5}}
	x.list("whole").List = ops
	x.record(2, func(l *list) { l.Operations = ops })
}

// refuseAll adds a list of which nothing was carried out, as too much for what
// "rent" has before "whole".
func (x *tale) refuseAll(amount int64) {
	x.history.addWrite(&write{ID: "all", Customer: 4, Kind: eachAlone, Home: 3, Attempts: []*attempt{
		{Asked: 3, Began: ms(77), Ended: ms(81), Outcome: nothing, Refused: refusals{Insufficient: []uint32{1}, Unavailable: []uint32{0}}},
	}, List: []operation{{withdraw, "rent", "", 5}, {withdraw, "rent", "", amount}}})
}

// TestBrokenListTales checks that each kind of lie about a list is found and
// named.
func TestBrokenListTales(t *testing.T) {
	for name, c := range brokenListTales {
		t.Run(name, func(t *testing.T) {
			x := newListTale()
			c.lie(x)
			err := x.check()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestSoundRefusals checks what may be refused of lists.
func TestSoundRefusals(t *testing.T) {
	x := newListTale()
	x.refuseAll(21)
	// The words say which of two accounts it was.
	w := x.list("too much")
	w.List[2] = operation{withdraw, "", "", 5}
	for words, want := range map[string]string{
		`account "rent" has 20`:   "",
		`account "shared" has 20`: "not linearizable",
	} {
		w.Attempts[0].Text = words
		if err := x.check(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", words, err, want)
		}
	}
}

// TestLostList checks what a strong query can have seen of a list that went
// with a disk before its customer had an answer.
func TestLostList(t *testing.T) {
	for _, c := range []struct {
		kind    kind
		balance int64
		sound   bool
	}{
		{allOrNone, 1020, true},
		{allOrNone, 1036, true},
		{allOrNone, 1031, false},
		{eachAlone, 1020, true},
		{eachAlone, 1036, true},
		{eachAlone, 1031, true},
		{eachAlone, 1025, true},
		{eachAlone, 1023, false},
	} {
		x := newTale()
		x.history.addWrite(&write{ID: "gone", Customer: 3, Kind: c.kind, Home: 3, Attempts: []*attempt{
			{Asked: 3, Began: ms(62), Ended: ms(66), Outcome: unknown},
		}, List: []operation{{deposit, "", "", 7}, {deposit, "", "", 11}, {withdraw, "", "", 2}}})
		x.history.addLoss(loss{Branch: 3, From: ms(79), Killed: ms(80), Until: ms(85)})
		x.history.addRead(&read{Customer: 1, Kind: strong, Asked: 4, Began: ms(67), Ended: ms(70), Outcome: success, Balance: c.balance, After: positions{1: 1}})
		x.history.addRead(&read{Customer: 1, Kind: strong, Asked: 4, Began: ms(86), Ended: ms(88), Outcome: success, Balance: 1020, After: positions{1: 1}})
		if err := x.check(); (err == nil) != c.sound {
			t.Errorf("%s, balance %d: got %v, want it to be sound: %v", c.kind, c.balance, err, c.sound)
		}
	}
}

// TestSecondLifeOfAList checks that a list which went with a disk may be carried
// out otherwise when it is asked for again, even in the same place.
func TestSecondLifeOfAList(t *testing.T) {
	x := newListTale()
	w := x.list("each")
	again := w.Attempts[1]
	again.Replay, again.Level = false, bankv1.Acknowledge_ACKNOWLEDGE_ALL
	w.Attempts[0].Level, w.Attempts[0].Refused = bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, refusals{Unavailable: []uint32{0}}
	x.history.addLoss(loss{Branch: 3, From: ms(76), Killed: ms(77), Until: ms(78)})
	h, tale := x.history, x.evidence.reference()
	if err := checkWrites(h, tale); err != nil {
		t.Error(err)
	}
	if err := checkReplays(h); err != nil {
		t.Error(err)
	}
	w.Attempts[0].Level = bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY
	if err := checkWrites(h, tale); err == nil || !strings.Contains(err.Error(), "not as answered") {
		t.Errorf("got %v though a majority was promised", err)
	}
	if err := checkReplays(h); err == nil {
		t.Error("a majority was promised, and it was carried out anew")
	}
}
