package check

import (
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/cmd/torture/internal/history"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// newListTale is newTale with three lists of customer 3 after it, at branch 3:
// "each" with one operation too many for the balance, asked for again at the
// end; "too much", refused; and "whole".
func newListTale() *tale {
	x := newTale()
	first := &history.Attempt{Asked: 3, Began: ms(70), Ended: ms(75), Outcome: history.Success, Receipt: history.Receipt{Branch: 3, Sequence: 1}, Refused: history.Refusals{Insufficient: []uint32{1}}, After: history.Positions{3: 1}}
	again := *first
	again.Asked, again.Began, again.Ended, again.Replay = 4, ms(92), ms(95), true
	x.history.AddWrite(&history.Write{ID: "each", Customer: 3, Kind: history.EachAlone, Home: 3, Attempts: []*history.Attempt{first, &again},
		List: []history.Operation{{Kind: history.Deposit, Account: "", To: "", Amount: 10}, {Kind: history.Withdraw, Account: "", To: "", Amount: 1035}, {Kind: history.Transfer, Account: "", To: "rent", Amount: 20}}})
	x.history.AddWrite(&history.Write{ID: "too much", Customer: 3, Kind: history.AllOrNone, Home: 3, Attempts: []*history.Attempt{
		{Asked: 3, Began: ms(76), Ended: ms(80), Outcome: history.Refused, Before: history.Positions{3: 1}, After: history.Positions{3: 1}},
	}, List: []history.Operation{{Kind: history.Withdraw, Account: "rent", To: "", Amount: 10}, {Kind: history.Withdraw, Account: "rent", To: "", Amount: 15}, {Kind: history.Deposit, Account: "", To: "", Amount: 5}}})
	x.history.AddWrite(&history.Write{ID: "whole", Customer: 3, Kind: history.AllOrNone, Home: 3, Attempts: []*history.Attempt{
		{Asked: 3, Began: ms(82), Ended: ms(90), Outcome: history.Success, Receipt: history.Receipt{Branch: 3, Sequence: 2}, After: history.Positions{3: 2}},
	}, List: []history.Operation{{Kind: history.Withdraw, Account: "rent", To: "", Amount: 5}, {Kind: history.Withdraw, Account: "rent", To: "", Amount: 15}}})
	x.history.AddRead(&history.Read{Customer: 3, Kind: history.Session, Account: "rent", Asked: 3, Began: ms(76), Ended: ms(80), Outcome: history.Success, Balance: 20, After: history.Positions{1: 1, 3: 1}})
	x.everywhere(x.testifyLists)
	x.window.End[3] = 2
	return x
}

// list is the write with a request id.
func (x *tale) list(id string) *history.Write {
	return x.history.Writes[slices.IndexFunc(x.history.Writes, func(w *history.Write) bool { return w.ID == id })]
}

// testifyLists has a branch tell of the lists as well.
func (x *tale) testifyLists(b *Testimony) {
	each := Entry{Receipt: history.Receipt{Branch: 3, Sequence: 1}, Clock: 3, Customer: 3, RequestID: "each", Kind: history.EachAlone,
		List: &List{Operations: slices.Clone(x.list("each").List), Refused: history.Refusals{Insufficient: []uint32{1}}}}
	whole := Entry{Receipt: history.Receipt{Branch: 3, Sequence: 2}, Clock: 4, Customer: 3, RequestID: "whole", Kind: history.AllOrNone,
		List: &List{Operations: slices.Clone(x.list("whole").List)}}
	b.Journals[3] = []Entry{each, whole}
	b.statements[""] = append(b.statements[""], line{Entry: each, Balance: 1010})
	b.statements["rent"] = []line{{Entry: each, Balance: 20}, {Entry: whole, Balance: 0}}
	b.Balances[""], b.Balances["rent"] = 1010, 0
	b.status.Accounts[0].Balance, b.status.Accounts[0].Escrow[0].Amount = 1010, 990
	b.status.Applied = append(b.status.Applied, &bankv1.Position{Branch: 3, Sequence: 2, Hash: []byte{3}})
}

// record changes what every branch tells of the list in place n of its journal.
// The statements share the list.
func (x *tale) record(n int, change func(*List)) {
	x.everywhere(func(b *Testimony) { change(b.Journals[3][n-1].List) })
}

// forgetWhole takes the last list out of what a branch tells.
func forgetWhole(b *Testimony) {
	b.Journals[3], b.statements["rent"] = b.Journals[3][:1], b.statements["rent"][:1]
	b.Balances["rent"] = 20
	b.status.Applied[2].Sequence = 1
}

// pay changes how much operation 1 of "each" asks for, also where it is
// recorded.
func (x *tale) pay(amount int64) {
	x.list("each").List[1].Amount = amount
	x.record(1, func(l *List) { l.Operations[1].Amount = amount })
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
		x.evidence.branches[4].Journals[3][0].List.Refused.Unavailable = []uint32{2}
	}, "disagreement: entry 1 of the journal of branch 3"},
	"twice in a journal": {func(x *tale) {
		x.everywhere(func(b *Testimony) {
			again := b.Journals[3][1]
			again.Receipt.Sequence = 3
			again.List = &List{Operations: []history.Operation{{Kind: history.Deposit, Account: "rent", To: "", Amount: 1}}}
			b.Journals[3] = append(b.Journals[3], again)
			b.statements["rent"] = append(b.statements["rent"], line{Entry: again, Balance: 1})
			b.Balances["rent"] = 1
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
		x.everywhere(func(b *Testimony) { b.statements[""][2].Balance = -20 })
	}, "negative balance: 1010 after entry 3/1 (the branch says -20)"},
	"in part though all or none": {func(x *tale) {
		x.record(2, func(l *List) { l.Refused.Unavailable = []uint32{1} })
		x.everywhere(func(b *Testimony) { b.statements["rent"][1].Balance, b.Balances["rent"] = 15, 15 })
	}, "carried out in part though all or none"},
	"carried out though said to be insufficient": {func(x *tale) {
		x.pay(500)
		x.record(1, func(l *List) { l.Refused.Insufficient = nil })
		x.everywhere(func(b *Testimony) {
			b.statements[""][2].Balance, b.Balances[""], b.status.Accounts = 510, 510, nil
		})
	}, "not as answered: list, each by itself, each"},
	"not carried out though said to be": {func(x *tale) {
		x.list("each").Attempts[0].Refused = history.Refusals{}
	}, "not as answered: list, each by itself, each"},
	"retry answered otherwise": {func(x *tale) {
		x.list("each").Attempts[1].Refused = history.Refusals{Unavailable: []uint32{1}}
	}, "not as answered: list, each by itself, each"},
	"retry not a replay": {func(x *tale) { x.list("each").Attempts[1].Replay = false }, "not a replay: list, each by itself, each"},
	"retry of a write not a replay": {func(x *tale) {
		again := *x.list("out").Attempts[0]
		again.Began, again.Ended = ms(41), ms(45)
		x.list("out").Attempts = append(x.list("out").Attempts, &again)
	}, "not a replay: withdraw out of 30"},
	"refused for what it does not take": {func(x *tale) { x.pay(10) }, "refused for nothing"},
	"nothing of it carried out": {func(x *tale) {
		x.record(1, func(l *List) { l.Refused.Unavailable = []uint32{0, 2} })
		x.everywhere(func(b *Testimony) {
			b.statements[""], b.Balances[""], b.status.Accounts = b.statements[""][:2], 1020, nil
			b.statements["rent"], b.Balances["rent"] = nil, 0
			b.Journals[3] = b.Journals[3][:1]
			b.status.Applied[2].Sequence = 1
		})
	}, "recorded though refused: entry 3/1"},
	"insufficient though it was there":       {func(x *tale) { x.pay(1030) }, "not linearizable: the 6 operations"},
	"refused whole though it was there":      {func(x *tale) { x.list("too much").List[1].Amount = 10 }, `not linearizable: the 3 operations on account "rent"`},
	"refused altogether though it was there": {func(x *tale) { x.refuseAll(20) }, `not linearizable: the 4 operations on account "rent"`},
	"recorded though denied": {func(x *tale) {
		x.list("whole").Attempts[0].Outcome = history.Nothing
	}, "recorded though denied: entry 3/2 is list, all or none, whole"},
	"recorded though refused": {func(x *tale) {
		x.list("whole").Attempts[0].Outcome = history.Refused
	}, "recorded though denied: entry 3/2 is list, all or none, whole"},
	"other amount":                {func(x *tale) { x.list("whole").List[1].Amount = 16 }, "recorded wrong"},
	"other order":                 {func(x *tale) { slices.Reverse(x.list("whole").List) }, "recorded wrong"},
	"each by itself instead":      {func(x *tale) { x.list("whole").Kind = history.EachAlone }, "recorded wrong"},
	"a single write instead":      {func(x *tale) { x.list("whole").Kind = history.Withdraw }, "recorded wrong"},
	"other customer":              {func(x *tale) { x.list("whole").Customer = 4 }, "recorded wrong"},
	"other place":                 {func(x *tale) { x.move(history.Receipt{Branch: 3, Sequence: 7}) }, "counted twice or moved: list, all or none, whole"},
	"session of it without it":    {func(x *tale) { x.list("whole").Attempts[0].After = history.Positions{3: 1} }, "session went back: list, all or none whole"},
	"session of a refused one":    {func(x *tale) { x.list("too much").Attempts[0].After = history.Positions{1: 1} }, "session went back: list, all or none too much"},
	"view of half of it":          {func(x *tale) { x.history.Reads[2].Balance = 10 }, "wrong view: customer 3's session query"},
	"negative between operations": {func(x *tale) { x.reorder() }, "negative balance: -5 on the way through entry 3/2"},
}

// move has the answer to "whole" name another place.
func (x *tale) move(to history.Receipt) {
	a := x.list("whole").Attempts[0]
	a.Receipt, a.After = to, history.Positions{to.Branch: to.Sequence}
}

// reorder has "whole" take too much before it gives back.
func (x *tale) reorder() {
	ops := []history.Operation{{Kind: history.Withdraw, Account: "rent", To: "", Amount: 25}, {Kind: history.Deposit, Account: "rent", To: "", Amount: 5}}
	x.list("whole").List = ops
	x.record(2, func(l *List) { l.Operations = ops })
}

// refuseAll adds a list of which nothing was carried out, as too much for what
// "rent" has before "whole".
func (x *tale) refuseAll(amount int64) {
	x.history.AddWrite(&history.Write{ID: "all", Customer: 4, Kind: history.EachAlone, Home: 3, Attempts: []*history.Attempt{
		{Asked: 3, Began: ms(77), Ended: ms(81), Outcome: history.Nothing, Refused: history.Refusals{Insufficient: []uint32{1}, Unavailable: []uint32{0}}},
	}, List: []history.Operation{{Kind: history.Withdraw, Account: "rent", To: "", Amount: 5}, {Kind: history.Withdraw, Account: "rent", To: "", Amount: amount}}})
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
	w.List[2] = history.Operation{Kind: history.Withdraw, Account: "", To: "", Amount: 5}
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
		kind    history.Kind
		balance int64
		sound   bool
	}{
		{history.AllOrNone, 1020, true},
		{history.AllOrNone, 1036, true},
		{history.AllOrNone, 1031, false},
		{history.EachAlone, 1020, true},
		{history.EachAlone, 1036, true},
		{history.EachAlone, 1031, true},
		{history.EachAlone, 1025, true},
		{history.EachAlone, 1023, false},
	} {
		x := newTale()
		x.history.AddWrite(&history.Write{ID: "gone", Customer: 3, Kind: c.kind, Home: 3, Attempts: []*history.Attempt{
			{Asked: 3, Began: ms(62), Ended: ms(66), Outcome: history.Unknown},
		}, List: []history.Operation{{Kind: history.Deposit, Account: "", To: "", Amount: 7}, {Kind: history.Deposit, Account: "", To: "", Amount: 11}, {Kind: history.Withdraw, Account: "", To: "", Amount: 2}}})
		x.history.AddLoss(history.Loss{Branch: 3, From: ms(79), Killed: ms(80), Until: ms(85)})
		x.history.AddRead(&history.Read{Customer: 1, Kind: history.Strong, Asked: 4, Began: ms(67), Ended: ms(70), Outcome: history.Success, Balance: c.balance, After: history.Positions{1: 1}})
		x.history.AddRead(&history.Read{Customer: 1, Kind: history.Strong, Asked: 4, Began: ms(86), Ended: ms(88), Outcome: history.Success, Balance: 1020, After: history.Positions{1: 1}})
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
	w.Attempts[0].Level, w.Attempts[0].Refused = bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, history.Refusals{Unavailable: []uint32{0}}
	x.history.AddLoss(history.Loss{Branch: 3, From: ms(76), Killed: ms(77), Until: ms(78)})
	h, tale := x.history, x.evidence.Reference()
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
