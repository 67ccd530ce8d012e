package replica_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/simulation"
)

// bank is a whole bank whose messages are delivered by hand.
type bank struct {
	t        *testing.T
	out      *strings.Builder
	quiet    bool
	opening  ledger.Amount
	now      protocol.Millis
	nodes    []*node
	calls    uint64
	sessions map[string][]ledger.Position
	// transit are the messages on their way, oldest first.
	transit []protocol.Message
	// hellos are the last ones, by who said them to whom.
	hellos map[[2]ledger.BranchID]*protocol.Hello
	// marks are the marks, and the questions whether they are intact, by who has asked
	// what call.
	marks map[markCall]*protocol.Collect
	// onReply, when set, is told of each answer to a customer; else it is shown.
	onReply func(*node, *protocol.Reply)
	// severed are the pairs that can't talk, lower id first.
	severed map[[2]ledger.BranchID]bool
	// onCommit, when set, is told of each commit.
	onCommit func(*node, *ledger.Commit)
	// signed says that all branches sign what they write.
	signed bool
}

// node is one branch: its replica, nil while it is down, and its disk.
type node struct {
	id           ledger.BranchID
	disk, backup *simulation.Disk
	replica      *replica.Replica
	calls        map[uint64]pendingCall
	opening      ledger.Amount
	alarms       map[string]bool
	boots        int
	state        protocol.State
}

// markCall is a call by which a branch is marked, or asked whether that has held.
type markCall struct {
	by ledger.BranchID
	id uint64
}

// messageText shows a message. What an answer says depends on what was asked.
func (b *bank) messageText(m *protocol.Message) string {
	if b.marks == nil {
		b.marks = map[markCall]*protocol.Collect{}
	}
	if c := m.Collect; c != nil && c.Mark > 0 {
		b.marks[markCall{m.From, c.ID}] = c
	}
	if a := m.CollectAnswer; a != nil && !a.Failed {
		if c := b.marks[markCall{m.To, a.ID}]; c != nil {
			return markAnswerText(c, a)
		}
	}
	return messageText(m)
}

type pendingCall struct{ name, session string }

// say tells what happens; during a quiet stabilize only what matters outside.
func (b *bank) say(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

func (b *bank) detail(format string, args ...any) {
	if !b.quiet {
		b.say(format, args...)
	}
}

// openBank is `bank branches=1,2,3 opening=90`, with signed for branches that sign.
func openBank(t *testing.T, d *datadriven.TestData) *bank {
	b := &bank{signed: d.HasArg("signed"), opening: ledger.Amount(option(t, d, "opening", 0)), sessions: map[string][]ledger.Position{}, severed: map[[2]ledger.BranchID]bool{}}
	var ids []ledger.BranchID
	branches, _ := d.Arg("branches")
	for _, v := range branches.Vals {
		var id ledger.BranchID
		if _, err := fmt.Sscan(v, &id); err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		disk := simulation.NewDisk(ids, b.opening)
		disk.Own = id
		b.nodes = append(b.nodes, &node{id: id, opening: b.opening, disk: disk})
	}
	return b
}

func (b *bank) start(d *datadriven.TestData) {
	b.quiet = !d.HasArg("loud")
	for _, n := range b.nodes {
		b.boot(n, false)
	}
	for i, n := range b.nodes {
		for _, m := range b.nodes[i+1:] {
			b.link(n, m)
		}
	}
	b.stabilize()
	b.quiet = false
}

func (b *bank) boot(n *node, bootstrap bool) {
	c, err := n.disk.Boot()
	if err != nil {
		b.t.Fatal(err)
	}
	c.ID, c.Bootstrap, c.PeerTimeout, c.Now, c.Proposal = n.id, bootstrap, 1000, b.now, simulation.Proposal(n.id, n.boots)
	c.Signed = b.signed
	n.boots++
	n.replica, err = replica.New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	n.calls, n.alarms, n.state = map[uint64]pendingCall{}, map[string]bool{}, 0
}

// genesis is what the first batch of every journal follows.
func (n *node) genesis() ledger.Hash {
	return n.replica.Bank().Genesis(n.replica.Ledger().Branches(), n.opening)
}

func (b *bank) restart(n *node, bootstrap bool) {
	b.boot(n, bootstrap)
	for _, m := range b.nodes {
		if m != n && m.replica != nil && !b.severed[pair(n, m)] {
			b.link(n, m)
		}
	}
}

// crash stops a branch. What it had not synced is lost.
func (b *bank) crash(n *node) {
	n.disk.Crash(0)
	n.replica = nil
	for _, id := range slices.Sorted(maps.Keys(n.calls)) {
		b.say("%d: no answer to %s", n.id, n.calls[id].name)
	}
	for _, m := range b.nodes {
		b.unlink(n, m)
	}
}

func pair(n, m *node) [2]ledger.BranchID { return [2]ledger.BranchID{min(n.id, m.id), max(n.id, m.id)} }

func (b *bank) link(n, m *node) {
	n.replica.LinkUp(m.id)
	m.replica.LinkUp(n.id)
	b.turn(n)
	b.turn(m)
}

// unlink ends the link between two branches, and loses what is on its way.
func (b *bank) unlink(n, m *node) {
	b.transit = slices.DeleteFunc(b.transit, func(x protocol.Message) bool { return x.From == n.id && x.To == m.id || x.From == m.id && x.To == n.id })
	for _, end := range [][2]*node{{n, m}, {m, n}} {
		if end[0].replica != nil && n != m {
			end[0].replica.LinkDown(end[1].id)
			b.turn(end[0])
		}
	}
}

func (b *bank) cut(n, m *node) {
	b.severed[pair(n, m)] = true
	b.unlink(n, m)
}

func (b *bank) heal(n, m *node) {
	if b.severed[pair(n, m)] {
		delete(b.severed, pair(n, m))
		if n.replica != nil && m.replica != nil {
			b.link(n, m)
		}
	}
}

// eachPair is for `cut 1-2`, `cut 3` (from all others), and so on.
func (b *bank) eachPair(d *datadriven.TestData, do func(*bank, *node, *node)) {
	for _, a := range d.CmdArgs {
		var x, y ledger.BranchID
		if n, _ := fmt.Sscanf(a.Key, "%d-%d", &x, &y); n == 2 {
			do(b, b.node(x), b.node(y))
			continue
		}
		for _, m := range b.nodes {
			if m.id != x {
				do(b, b.node(x), m)
			}
		}
	}
}

func (b *bank) branch(d *datadriven.TestData) *node {
	return b.node(ledger.BranchID(number(b.t, d, 0)))
}

func (b *bank) node(id ledger.BranchID) *node {
	for _, n := range b.nodes {
		if n.id == id {
			return n
		}
	}
	b.t.Fatalf("there is no branch %d", id)
	return nil
}

func (b *bank) tick(millis protocol.Millis) {
	b.now += millis
	for _, n := range b.nodes {
		if n.replica != nil {
			b.turn(n)
		}
	}
}

// turn is one round of a branch's loop.
func (b *bank) turn(n *node) {
	r := n.replica
	r.Tick(b.now)
	ready := r.Ready()
	if err := r.Err(); err != nil {
		b.t.Fatal(err)
	}
	if c := ready.Commit; c != nil {
		if b.signed {
			simulation.Sign(c)
		}
		if b.onCommit != nil {
			b.onCommit(n, c)
		}
		b.sayCommit(n, c)
		n.disk.Commit(c)
	}
	r.Advance()
	for _, m := range ready.Messages {
		m, err := simulation.Transmit(m)
		if err != nil {
			b.t.Fatal(err)
		}
		b.detail("%d -> %d: %s", m.From, m.To, b.messageText(&m))
		b.noteHello(&m)
		if b.severed[pair(n, b.node(m.To))] || b.node(m.To).replica == nil {
			b.lose(n, &m)
			continue
		}
		b.transit = append(b.transit, m)
	}
	for _, f := range ready.Refusals {
		b.say("%d: REFUSED from %d (%s): %s", n.id, f.Peer, f.Lie, f.Text)
	}
	for i := range ready.Replies {
		if b.onReply != nil {
			b.onReply(n, &ready.Replies[i])
		} else {
			b.sayReply(n, &ready.Replies[i])
		}
	}
	for _, a := range r.Status().Alarms {
		if !n.alarms[a] {
			n.alarms[a] = true
			b.say("%d: ALARM: %s", n.id, a)
		}
	}
	if s := r.State(); s != n.state {
		n.state = s
		if s == protocol.Serving {
			b.detail("%d: serves", n.id)
		}
	}
	for _, f := range ready.Refusals {
		if f.Close && f.Lie == protocol.BadBank {
			r.LinkDown(f.Peer) // what was said to it still arrives
		} else if m := b.node(f.Peer); f.Close && !b.severed[pair(n, m)] {
			b.cut(n, m) // until the transcript heals it
		}
	}
}

// lose has a call to a branch that can't be reached fail.
func (b *bank) lose(n *node, m *protocol.Message) {
	failed := protocol.Message{From: m.To, To: m.From}
	switch {
	case m.Claim != nil:
		failed.ClaimAnswer = &protocol.ClaimAnswer{ID: m.Claim.ID, Failed: true}
	case m.Collect != nil:
		failed.CollectAnswer = &protocol.CollectAnswer{ID: m.Collect.ID, Failed: true}
	default:
		return
	}
	n.replica.Receive(failed)
}

// deliver is `deliver 1->2`, with count= for only the first of them, or only=
// for the claims, looks or frames among them, answers included, or the answers alone:
// each claim and look is a call of its own, and may overtake the others. Marks are looks.
func (b *bank) deliver(d *datadriven.TestData) {
	for _, m := range b.pick(d) {
		b.receive(m)
	}
}

func (b *bank) receive(m protocol.Message) {
	n := b.node(m.To)
	n.replica.Tick(b.now)
	n.replica.Receive(m)
	b.turn(n)
}

// meddle is `drop 1->2` or `duplicate 1->2`.
func (b *bank) meddle(d *datadriven.TestData) {
	for _, m := range b.pick(d) {
		if d.Cmd == "duplicate" {
			b.transit = append(b.transit, m, m)
		}
	}
}

// pick takes messages out of transit.
func (b *bank) pick(d *datadriven.TestData) (picked []protocol.Message) {
	var from, to ledger.BranchID
	if _, err := fmt.Sscanf(d.CmdArgs[0].Key, "%d->%d", &from, &to); err != nil {
		b.t.Fatalf("%s: %v", d.Pos, err)
	}
	count := option(b.t, d, "count", 1<<30)
	b.transit = slices.DeleteFunc(b.transit, func(m protocol.Message) bool {
		take := m.From == from && m.To == to && len(picked) < count && isKind(&m, text(d, "only"))
		if take {
			picked = append(picked, m)
		}
		return take
	})
	return picked
}

func isKind(m *protocol.Message, kind string) bool {
	switch kind {
	case "claims":
		return m.Claim != nil || m.ClaimAnswer != nil
	case "looks":
		return m.Collect != nil || m.CollectAnswer != nil
	case "frames":
		return m.Frame != nil
	case "answers":
		return m.ClaimAnswer != nil || m.CollectAnswer != nil
	}
	return true
}

// stabilize delivers all messages, and those that come of them, while time
// goes on where a branch waits for it.
func (b *bank) stabilize() {
	for range 10_000 {
		if len(b.transit) > 0 {
			m := b.transit[0]
			b.transit = b.transit[1:]
			b.receive(m)
			continue
		}
		next, wanted := protocol.Millis(0), false
		for _, n := range b.nodes {
			if n.replica == nil {
				continue
			}
			if at, ok := n.replica.NextTick(); ok && at < b.now+200 && (!wanted || at < next) {
				next, wanted = max(at, b.now+1), true
			}
		}
		if !wanted || !b.open() {
			return
		}
		b.tick(next - b.now)
	}
	b.t.Fatal("the bank does not come to rest")
}

// open reports whether any call is not answered.
func (b *bank) open() bool {
	return slices.ContainsFunc(b.nodes, func(n *node) bool { return n.replica != nil && len(n.calls) > 0 })
}
