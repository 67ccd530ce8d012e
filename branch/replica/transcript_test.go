package replica_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/simulation"
)

// The transcripts in testdata tell how the protocol goes. Run with -rewrite to
// write down what it does now.
//
// Messages wait until they are delivered: one by one with deliver, or with
// stabilize until none are left. A line "1 -> 2: …" is a message on its way; the
// other lines are what a branch does.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.Contains(path, "rapid") {
			return
		}
		var b *bank
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "bank" {
				b = openBank(t, d)
			}
			b.t, b.out = t, &strings.Builder{}
			b.command(d)
			if b.out.Len() == 0 {
				return "ok"
			}
			return b.out.String()
		})
	})
}

func (b *bank) command(d *datadriven.TestData) {
	switch d.Cmd {
	case "bank":
		if !d.HasArg("alone") { // where none runs yet
			b.start(d)
		}
	case "deposit", "withdraw", "transfer", "bulk":
		b.write(d)
	case "spend":
		b.spend(d)
	case "query":
		b.query(d)
	case "session": // as one makes it up: `session mallory 1/9`
		b.sessions[d.CmdArgs[0].Key] = []ledger.Position{b.position(d, d.CmdArgs[1].Key)}
	case "forge":
		b.forge(d)
	case "deliver":
		b.deliver(d)
	case "drop", "duplicate":
		b.meddle(d)
	case "stabilize":
		b.quiet = d.HasArg("quiet")
		b.stabilize()
		b.quiet = false
	case "tick":
		b.tick(protocol.Millis(number(b.t, d, 0)))
	case "pass":
		b.pass(protocol.Millis(number(b.t, d, 0)), 100)
	case "lie":
		b.lie(d)
	case "cut":
		b.eachPair(d, (*bank).cut)
	case "heal":
		b.eachPair(d, (*bank).heal)
	case "crash":
		b.crash(b.branch(d))
	case "wipe":
		b.branch(d).disk.Wipe()
	case "backup":
		n := b.branch(d)
		n.backup = n.disk.Copy()
	case "restore":
		n := b.branch(d)
		n.disk = n.backup
		n.disk.Copied = d.HasArg("recognised")
		n.disk.Crash(n.disk.Unsynced())
	case "restart":
		b.restart(b.branch(d), d.HasArg("bootstrap"))
	case "found": // a bank, on the disk of a branch that is down
		n := b.branch(d)
		founded := ledger.Bank{Name: simulation.Name, ID: simulation.Proposal(n.id, option(b.t, d, "boot", 0)-1), Founded: true}
		n.disk.Commit(&ledger.Commit{Bank: &founded, Settled: true, Sync: true})
	case "resolve":
		b.resolve(d)
	case "decide":
		b.decide(d)
	case "balances":
		b.balances(d)
	case "status":
		b.status(b.branch(d))
	default:
		b.t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
}

// write is `deposit 1 100`, `withdraw 1 100` or `transfer 1 100 to=x`, with
// account=, id=, customer=, home=, level=, session= and within=; or a list of operations,
// `bulk 1 +a:5 -a:3 a>b:2`, which may end with all.
func (b *bank) write(d *datadriven.TestData) {
	n := b.branch(d)
	op := protocol.Operation{
		Entry: ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, CustomerID: 1},
		Home:  ledger.BranchID(option(b.t, d, "home", 0)), Acknowledge: protocol.Reachable,
		Session: b.sessions[text(d, "session")], Deadline: b.now + protocol.Millis(option(b.t, d, "within", 5000)),
	}
	if d.Cmd != "bulk" {
		op.Entry.Amount = ledger.Amount(number(b.t, d, 1))
	}
	switch d.Cmd {
	case "bulk":
		op.Entry.Kind, op.Entry.Account, op.Entry.Operations = ledger.Bulk, "", operations(b.t, d)
	case "withdraw":
		op.Entry.Kind = ledger.Withdrawal
	case "transfer":
		op.Entry.Kind, op.Entry.ToAccount = ledger.Transfer, text(d, "to")
	}
	if account := text(d, "account"); account != "" {
		op.Entry.Account = account
	}
	op.Entry.RequestID, op.Entry.Customer = text(d, "id"), text(d, "customer")
	if level := text(d, "level"); level != "" {
		op.Acknowledge = map[string]protocol.Level{"local": protocol.Local, "reachable": protocol.Reachable, "nearest": protocol.Nearest, "majority": protocol.Majority, "all": protocol.All}[level]
	}
	op.ID = b.call(d, n)
	n.replica.Submit(op)
	b.turn(n)
}

// spend is `spend 2 10 times=7`: that many withdrawals, one after the other, of which
// nothing is said.
func (b *bank) spend(d *datadriven.TestData) {
	out := b.out
	b.out = &strings.Builder{}
	b.spendAt(b.branch(d), ledger.SharedAccount, ledger.Amount(number(b.t, d, 1)), option(b.t, d, "times", 1))
	b.out = out
}

// operations reads those of a bulk.
func operations(t *testing.T, d *datadriven.TestData) *ledger.Operations {
	t.Helper()
	o := &ledger.Operations{AllOrNone: d.HasArg("all")}
	var froms, tos []string
	for _, a := range d.CmdArgs[1:] {
		names, amount, ok := strings.Cut(a.Key, ":")
		if !ok {
			continue
		}
		from, to, transfer := strings.Cut(names, ">")
		switch {
		case transfer:
		case names[0] == '+':
			from, to = "", names[1:]
		default:
			from = names[1:]
		}
		n, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			t.Fatalf("%s: %s: %v", d.Pos, a.Key, err)
		}
		froms, tos, o.Amounts = append(froms, from), append(tos, to), append(o.Amounts, ledger.Amount(n))
	}
	o.Accounts = slices.Compact(slices.Sorted(slices.Values(slices.Concat(froms, tos))))
	o.Accounts = slices.DeleteFunc(o.Accounts, func(name string) bool { return name == "" })
	for i := range froms {
		o.From, o.To = append(o.From, place(o, froms[i])), append(o.To, place(o, tos[i]))
	}
	return o
}

func place(o *ledger.Operations, name string) uint32 {
	return uint32(slices.Index(o.Accounts, name) + 1)
}

// query is `query 1`, with account=, strong, session= and within=.
func (b *bank) query(d *datadriven.TestData) {
	n := b.branch(d)
	q := protocol.Query{
		Account: ledger.SharedAccount, Strong: d.HasArg("strong"), Session: b.sessions[text(d, "session")],
		Deadline: b.now + protocol.Millis(option(b.t, d, "within", 5000)),
	}
	if account := text(d, "account"); account != "" {
		q.Account = account
	}
	q.ID = b.call(d, n)
	n.replica.Ask(q)
	b.turn(n)
}

// call names a call by its command line.
func (b *bank) call(d *datadriven.TestData, n *node) uint64 {
	b.calls++
	name := d.Cmd
	for _, a := range d.CmdArgs[1:] {
		if a.Key != "level" && a.Key != "within" {
			name += " " + a.String()
		}
	}
	n.calls[b.calls] = pendingCall{name: name, session: text(d, "session")}
	return b.calls
}

// balances shows every branch's view of an account: the balance, and the
// escrow of each branch.
func (b *bank) balances(d *datadriven.TestData) {
	account := ledger.SharedAccount
	if text(d, "account") != "" {
		account = text(d, "account")
	}
	for _, n := range b.nodes {
		if n.replica == nil {
			b.say("%d: down", n.id)
			continue
		}
		l := n.replica.Ledger()
		escrow := []string{}
		for i, id := range l.Branches() {
			escrow = append(escrow, fmt.Sprintf("%d may spend %d", id, l.Escrow(account, i)))
		}
		b.say("%d: balance %d: %s", n.id, l.Balance(account), strings.Join(escrow, ", "))
	}
}

func (b *bank) status(n *node) {
	s := n.replica.Status()
	b.say("%d: %s", n.id, map[protocol.State]string{protocol.Recovering: "recovering", protocol.Serving: "serving", protocol.Halted: "halted"}[s.State])
	if !s.Bank.Founded {
		b.say("   %s", bankText(s.Bank))
	}
	if s.Reason != "" {
		b.say("   reason: %s", s.Reason)
	}
	for _, p := range s.Peers {
		reach := "reachable"
		if !p.Reachable {
			reach = "unreachable"
		}
		b.say("   branch %d is %s, has %d, lacks %d", p.Branch, reach, p.Acked, p.Lag)
	}
	for _, a := range s.Alarms {
		b.say("   alarm: %s", a)
	}
}

// resolve is `resolve 1 id=x`, with customer=, for the alarm about request id x, or
// `resolve 1` for the first alarm of another kind.
func (b *bank) resolve(d *datadriven.TestData) {
	n := b.branch(d)
	alarms := n.replica.Alarms()
	k := slices.IndexFunc(alarms, func(a protocol.Alarm) bool {
		if a.Double == nil || !d.HasArg("id") {
			return a.Double == nil && !d.HasArg("id")
		}
		return a.Double.Key() == ledger.NewRequestKey(text(d, "customer"), text(d, "id"))
	})
	id := "aaaaaaaa"
	if k >= 0 {
		id = alarms[k].ID
	}
	resolved, err := n.replica.ResolveAlarm(id)
	b.turn(n)
	b.say("%d: resolves: %v, %v", n.id, resolved, err)
}

// decide is `decide 2 as=3`: at branch 2, of the fork that is open there, the batch counts
// that branch 3 has.
func (b *bank) decide(d *datadriven.TestData) {
	n := b.branch(d)
	as := b.node(ledger.BranchID(option(b.t, d, "as", 0)))
	alarms := n.replica.Alarms()
	k := slices.IndexFunc(alarms, func(a protocol.Alarm) bool { return a.Fork != nil })
	if k < 0 {
		b.t.Fatalf("%s: no fork is open at branch %d", d.Pos, n.id)
	}
	at := alarms[k].Fork.Key()
	keep, _, err := as.disk.HashAt(at.Branch, at.First)
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = n.replica.ResolveFork(alarms[k].ID, keep, ledger.Decision{By: "an operator"})
	b.turn(n)
	_, open := n.replica.Fork(alarms[k].ID)
	b.say("%d: decides, %v; it has to start again: %t", n.id, err, open)
}

func text(d *datadriven.TestData, key string) string {
	if a, ok := d.Arg(key); ok && len(a.Vals) > 0 {
		return strings.Join(a.Vals, " ")
	}
	return ""
}

func option(t *testing.T, d *datadriven.TestData, key string, otherwise int) int {
	v := otherwise
	d.MaybeScanArgs(t, key, &v)
	return v
}

// number is the k-th argument.
func number(t *testing.T, d *datadriven.TestData, k int) (v int) {
	t.Helper()
	if _, err := fmt.Sscan(d.CmdArgs[k].Key, &v); err != nil {
		t.Fatalf("%s: %v", d.Pos, err)
	}
	return v
}
