package simulation_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutation breaks one rule of the production code.
type mutation struct {
	name string
	// file, from the module's root, has old exactly once; the mutant has new.
	file     string
	old, new string
	// caught names what must fail: a hunt, a transcript, a test of package replica,
	// simulation or engine by the package's name and its own, or one of package branch.
	caught string
}

// The hunts are this package's own tests, with the seeds that pass unmutated
// wherever the tests pass.
var hunts = map[string]string{
	"faults": "^TestBankUnderFaults$",
	"calm":   "^TestBankWithoutFaults$",
	"fork":   "^TestTwoProcessesWithOneBranchID$",
	"liar":   "^TestBankWithALiar$",
	"forger": "^TestBankWithALiarAndSignatures$",
}

var mutations = []mutation{
	{
		"own entries are not synced", "branch/broadcast/own.go",
		"o.commit.Sync = true\n\t\to.keep", "o.keep", "faults",
	},
	{
		"a failed commit is ignored and its sequence goes out", "branch/simulation/process.go",
		"\t\tp.crash()\n\t\tw.after(w.between(1_000, 300_000), p.start)\n\t\treturn\n\t}\n\tp.disk.Commit", "\t\tp.release()\n\t\treturn\n\t}\n\tp.disk.Commit", "faults",
	},
	{
		"a session is not waited for", "branch/replica/defer.go",
		"if d.Head(i) < s.Sequence {", "if d.Head(i) < s.Sequence && len(session) > 1000 {", "faults",
	},
	{
		"a reply's session leaves out what its view shows", "branch/broadcast/core.go",
		"merged[i].Sequence = max(merged[i].Sequence, s.Sequence)", "merged[i].Sequence = min(merged[i].Sequence, s.Sequence)", "faults",
	},
	{
		"no causal wait", "branch/broadcast/apply.go",
		"if !ok || in.Head(i) < a.Sequence {", "if !ok || in.Head(i) < a.Sequence && in.N == 1 {", "faults",
	},
	{
		"own batches don't name what they depend on", "branch/broadcast/own.go",
		"After: o.nextAfter(), ", "", "faults",
	},
	{
		"a batch is posted without the overdraft check", "branch/ledger/post.go",
		"escrow < e.Amount {", "escrow < e.Amount && l.Balance(e.Account) < e.Amount {", "faults",
	},
	{
		"grant without debit", "branch/ledger/post.go",
		"l.part(a, i).escrow -= amount\n", "", "faults",
	},
	{
		"half on top of a grant is taken of all there is", "branch/replica/grant.go",
		"amount += (escrow - amount) / 2", "amount += escrow / 2", "faults",
	},
	{
		"more is shared out than is here", "branch/replica/grant.go",
		"min(lack, part(s.surplus, lack, lacking))", "lack", "faults",
	},
	{
		"escrow that others wait for is shared out", "branch/replica/grant.go",
		"len(q.waiting)+len(q.claims)+len(q.promised) > 0", "q.frozenUntil < 0", "23_share",
	},
	{
		"escrow is shared out to where it is stuck", "branch/replica/grant.go",
		" && es.Callable(es.Peers[i])", "", "23_share",
	},
	{
		"more is granted ahead than is here", "branch/replica/ahead.go",
		"min(lack-byOthers, here)", "lack-byOthers", "faults",
	},
	{
		"escrow is granted ahead to where it is stuck", "branch/replica/ahead.go",
		"return i == es.Self || es.Callable(es.Peers[i])", "return true", "46_ahead",
	},
	{
		"escrow of a frozen account is granted ahead", "branch/replica/ahead.go",
		" || es.isFrozen(name)", "", "46_ahead",
	},
	{
		"escrow is granted ahead for a grant", "branch/replica/demand.go",
		"spends && !own || e.Kind == ledger.Deposit && own", "true", "replica.TestNothingIsGrantedAheadForAGrant",
	},
	{
		"a deposit waits for older writes", "branch/replica/escrow.go",
		"len(q.waiting) == 0 || es.isFrozen(name) || !es.serveDeposit(q)", "true", "24_deposit_passes",
	},
	{
		"a single collect", "branch/replica/verdict.go",
		"s.exact = s.exact && c.answers[i].Last == c.before[i].Last", "", "faults",
	},
	{
		"the last sum stands for the most", "branch/replica/verdict.go",
		"most += max(c.answers[i].Most, c.answers[i].Paid)", "most += c.answers[i].Paid", "faults",
	},
	{
		"a collect serves those who joined too late", "branch/replica/collect.go",
		"late, amount := m.joined >= c.look, m.call.amount()", "late, amount := false, m.call.amount()", "faults",
	},
	{
		"a withdrawal is refused by this view alone", "branch/replica/claim.go",
		"es.collects.join(name, first)", "es.desk.refuse(first, &protocol.InsufficientError{Account: name, Balance: es.Ledger.Balance(name), Amount: first.op.Entry.Amount})", "faults",
	},
	{
		"a freeze is not kept", "branch/replica/escrow.go",
		"return q != nil && es.Now < q.frozenUntil", "return q != nil && es.Now < 0", "14_freeze",
	},
	{
		"a freeze never ends", "branch/replica/look.go",
		"by, es.Now+min(es.Config.PeerTimeout/2, left)", "by, es.Now+1_000_000_000", "faults",
	},
	{
		"accounts are frozen for as long as looks ask", "branch/replica/look.go",
		"left := es.freezes.left()", "left := maxFrozen", "faults",
	},
	{
		"the time that one account is frozen does not count for another", "branch/replica/look.go",
		"left := es.freezes.left()", "left := es.freezes.left()\n\tif es.queues[account] == nil {\n\t\tleft = maxFrozen\n\t}", "25_still",
	},
	{
		"an older claim takes what covers a write", "branch/replica/escrow.go",
		"if len(q.waiting) > 0 && es.serveWaiting(q) {\n\t\t\tcontinue\n\t\t}", "", "26_forged_claim",
	},
	{
		"a branch that is away is granted what is claimed in its name", "branch/replica/grant.go",
		"if !p.Greeted() {", "if es.Now < 0 {", "26_forged_claim",
	},
	{
		"a suspected peer is called again after a while", "branch/broadcast/core.go",
		"return p.linked && p.heard && !p.suspected", "return p.linked && p.heard && (!p.suspected || c.Now > p.probeAt-c.Config.PeerTimeout/2)", "replica.TestASuspectedPeerIsProbedAndNotCalled",
	},
	{
		"the younger ticket wins", "branch/replica/escrow.go",
		"q.claims[0].claim.Ticket.Older(q.waiting[0].ticket)", "!q.claims[0].claim.Ticket.Older(q.waiting[0].ticket)", "calm",
	},
	{
		"claims go first, whatever their ticket", "branch/replica/escrow.go",
		"q.claims[0].claim.Ticket.Older(q.waiting[0].ticket)", "len(q.claims) > 0", "03_older_ticket",
	},
	{
		"REACHABLE does not wait for peers", "branch/broadcast/peer.go",
		"return min(pr.Head(pr.Self), pr.reached.of(pr.Peers, pr.Self, func(p *Peer) bool { return p.reachable }))", "return pr.Head(pr.Self)", "faults",
	},
	{
		"MAJORITY counts what is applied", "branch/broadcast/acks.go",
		"at = append(at, p.synced)", "at = append(at, p.acked)", "faults",
	},
	{
		"NEAREST waits for no other branch", "branch/broadcast/acks.go",
		"return at[max(0, a.N-2)]", "return at[a.N-1]", "faults",
	},
	{
		"half is a majority", "branch/broadcast/acks.go",
		"return at[(a.N-1)/2]", "return at[a.N/2]", "faults",
	},
	{
		"the request to sync is ignored", "branch/broadcast/propagate.go",
		"if f.Sync {\n\t\tpr.commit.Sync = true", "if f.Sync {", "calm",
	},
	{
		"a batch is acked before it is applied", "branch/broadcast/propagate.go",
		"protocol.Ack{Applied: pr.Head(p.Index), ", "protocol.Ack{Applied: pr.Head(p.Index) + uint64(len(pr.intake.early[p.Index].batches)), ", "faults",
	},
	{
		"a batch is acked as synced when it is only applied", "branch/broadcast/propagate.go",
		"Synced: pr.synced[p.Index]", "Synced: pr.Head(p.Index)", "faults",
	},
	{
		"no amnesia check: an empty disk writes at once", "branch/broadcast/recover.go",
		"needAll: (!c.Config.Settled || c.Config.Copied) && !c.Config.Bootstrap", "needAll: c.Config.Copied && !c.Config.Bootstrap", "18_relay_is_kept",
	},
	{
		"no amnesia check: peers are not asked", "branch/broadcast/recover.go",
		"v.end() < v.most() || len(v.unheard()) > 0", "v.end() < v.most()", "faults",
	},
	{
		"the own journal is not fetched back", "branch/broadcast/recover.go",
		"case own <= v.end():", "case own <= v.end() || own > 0:", "faults",
	},
	{
		"nothing is sent again", "branch/broadcast/peer.go",
		"p.target, p.next, p.probing, p.progressAt = pr.Head(pr.Self), p.acked+1, true, pr.Now", "p.target, p.probing, p.progressAt = pr.Head(pr.Self), true, pr.Now", "faults",
	},
	{
		"the hash before is not compared", "branch/broadcast/apply.go",
		"if s.Batch.PrevHash != head.Hash {", "if s.Batch.PrevHash != head.Hash && in.N == 1 {", "fork",
	},
	{
		"two batches in one place are not compared", "branch/broadcast/doubt.go",
		"return ok && here == hash", "return ok && (here == hash || in.N > 1)", "fork",
	},
	{
		"a journal that does not fit is told to its writer as forked", "branch/broadcast/apply.go",
		"in.misfit(from, i, s, err)", "in.prove(from, i, s)", "17_fork_spreads_no_further",
	},
	{
		"a branch goes on when its journal has forked", "branch/broadcast/recover.go",
		"v.State, v.reason = protocol.Halted, text", "v.reason = text", "fork",
	},
	{
		"a bulk ignores a freeze", "branch/replica/bulk.go",
		"touched[k] && (es.isLookedAt(name) || together && es.contests.isSeatFrozen(name)) || ", "touched[k] && together && es.Now < 0 || ", "21_bulk_freeze",
	},
	{
		"a bulk is refused by this view alone", "branch/replica/claim.go",
		"es.collects.join(name, first)", `if balance := es.Ledger.Balance(name); first.op.Entry.Kind == ledger.Bulk {
			es.desk.refuse(first, &protocol.InsufficientError{Account: name, Balance: balance, Amount: amount})
		} else {
			es.collects.join(name, first)
		}`, "faults",
	},
	{
		"a bulk refuses what is more than the escrow here", "branch/replica/bulk.go",
		"o.RefuseBelow(p.account, insufficient.Balance)", "o.RefuseBelow(p.account, d.Ledger.Escrow(p.account, d.Self))", "faults",
	},
	{
		"a bulk is recorded when it lacks something of one account", "branch/replica/bulk.go",
		"if len(short) > 0 {", "if len(short) > 1 {", "faults",
	},
	{
		"a bulk is posted without the overdraft check", "branch/ledger/operations.go",
		"t.escrow, t.paid = own.escrow, own.paid", "t.escrow, t.paid = a.balance, own.paid", "faults",
	},
	{
		"an operation that a bulk refuses once stays refused", "branch/ledger/operations.go",
		"case from == place && amount > balance:", "case from == place && (was || amount > balance):", "faults",
	},
	{
		"a bulk's operation stays insufficient after one that is unavailable", "branch/ledger/operations.go",
		"unsure[from] = from != 0", "", "faults",
	},
	{
		"a bulk that need not be whole is refused whole", "branch/replica/bulk.go",
		"case o.AllOrNone:\n\t\treturn false", "case o.Len() > 1:\n\t\treturn false", "calm",
	},
	{
		"a bulk of all or none is carried out in part", "branch/replica/bulk.go",
		"case o.AllOrNone:\n\t\treturn false\n", "", "faults",
	},
	{
		"other copies of a request see what a bulk refuses", "branch/replica/bulk.go",
		"e.Operations = &o\n", "_ = o\n", "faults",
	},
	{
		"a bulk's request id stands for any operations", "branch/ledger/entry.go",
		"return e.Operations.SameAs(o.Operations)", "return true", "faults",
	},
	{
		"escrow that is promised to a bulk is granted away", "branch/replica/grant.go",
		"max(0, escrow-es.promisedBefore(c.Account, c.Ticket))", "escrow", "20_two_lists",
	},
	{
		"escrow that is promised to a bulk is paid out", "branch/replica/escrow.go",
		"if e.Kind != ledger.Deposit && es.promisedAway(e.Account, e.Amount, protocol.Ticket{}) {", "if e.Kind > ledger.Bulk {", "21_bulk_freeze",
	},
	{
		"a bulk gives up nothing that was promised", "branch/replica/bulk.go",
		"return m.bulk == p", "return false", "calm",
	},
	{
		"a hello names entries that are not synced", "branch/broadcast/propagate.go",
		"pr.frameTo(p).Hello = hello\n\tpr.syncApplied()", "pr.frameTo(p).Hello = hello", "07_wiped_disk",
	},
	{
		"relayed batches are not synced", "branch/broadcast/propagate.go",
		"pr.syncApplied() // what is relayed must not be lost here", "", "18_relay_is_kept",
	},
	{
		"a reply is let out before the commit", "branch/engine/engine.go",
		"\tif ready.Commit != nil {\n\t\tif err", `
	for i := range ready.Replies {
		e.calls.reply(&ready.Replies[i])
	}
	ready.Replies = nil
	if ready.Commit != nil {
		if err`, "engine.TestNothingIsLetOutBeforeTheJournalIsSynced",
	},
	{
		"a message is let out before the commit", "branch/engine/engine.go",
		"\tif ready.Commit != nil {\n\t\tif err", `
	for _, m := range ready.Messages {
		if !e.calls.answerPeer(m) {
			e.cfg.Outlet.Send(m)
		}
	}
	ready.Messages = nil
	if ready.Commit != nil {
		if err`, "engine.TestNothingIsLetOutBeforeTheJournalIsSynced",
	},
	{
		"a visit ends before the commit", "branch/engine/engine.go",
		"\tif ready.Commit != nil {\n\t\tif err", `
	e.calls.endVisits()
	if ready.Commit != nil {
		if err`, "engine.TestNothingIsLetOutBeforeTheJournalIsSynced",
	},
	{
		"a commit that failed is ignored", "branch/engine/engine.go",
		"return written(e.cfg.Journal.Commit(c))\n", "_ = e.cfg.Journal.Commit(c)\n\treturn nil\n", "engine.TestACommitThatFailsLetsNothingOut",
	},
	{
		"a bank is founded once one has accepted its id", "branch/broadcast/founding.go",
		"\t\tdefault:\n\t\t\tall = all && said == accepted\n", "", "faults",
	},
	{
		"an id is said to be accepted and not recorded", "branch/broadcast/founding.go",
		"f.recordBank(ledger.Bank{Name: f.bank.Name, ID: said.ID})", "f.bank.ID = said.ID", "faults",
	},
	{
		"an accepted id is never replaced", "branch/broadcast/founding.go",
		"if f.bank.ID != said.ID {", "if f.bank.ID == (ledger.BankID{}) {", "faults",
	},
	{
		"a founder that has lost its disk proposes its own id", "branch/broadcast/founding.go",
		"case all && accepted != ledger.BankID{}:\n\t\treturn accepted, true\n\tcase f.bank.ID", "case all && accepted != ledger.BankID{} && accepted == f.bank.ID:\n\t\treturn accepted, true\n\tcase f.bank.ID", "faults",
	},
	{
		"a founder asks nobody before it proposes", "branch/broadcast/founding.go",
		"case !f.met[i]:\n\t\t\treturn id, false", "case !f.met[i]:\n\t\t\tall = false", "faults",
	},
	{
		"the founding is not said again", "branch/broadcast/founding.go",
		"case f.Now-f.askedAt >= f.Config.PeerTimeout:", "case f.Now-f.askedAt >= 1_000*f.Config.PeerTimeout:", "faults",
	},
	{
		"a branch writes before its bank is founded", "branch/broadcast/recover.go",
		"if !v.founding.bank.Founded || len(v.founding.outnumbered()) > 0 ||", "if len(v.founding.outnumbered()) > 0 ||", "faults",
	},
	{
		"a branch of another bank is a peer", "branch/broadcast/founding.go",
		"mine.Founded && theirs.Founded && mine.ID != theirs.ID", "mine.ID != theirs.ID && theirs.Name == mine.Name+mine.Name", "28_another_bank",
	},
	{
		"a branch on the directory of another bank serves", "branch/broadcast/recover.go",
		"if !v.founding.bank.Founded || len(v.founding.outnumbered()) > 0 ||", "if !v.founding.bank.Founded ||", "28_another_bank",
	},
	{
		"a copied disk counts as the branch's own", "branch/broadcast/recover.go",
		"needAll: (!c.Config.Settled || c.Config.Copied) && !c.Config.Bootstrap", "needAll: !c.Config.Settled && !c.Config.Bootstrap", "32_old_copy",
	},
}

// module is the root of the module.
const module = "../.."

// allMutations are those of all files.
func allMutations() []mutation {
	return slices.Concat(mutations, requestMutations, forkMutations, lieMutations, contestMutations, snapshotMutations)
}

// make test-long tries each mutation; here, a change of the rules is told at
// once that the list has to follow.
func TestMutationsFitTheSource(t *testing.T) {
	for _, m := range allMutations() {
		t.Run(m.name, func(t *testing.T) { m.source(t) })
	}
}

// source returns the path of the file that m changes, and its text with the
// change.
func (m *mutation) source(t *testing.T) (original, mutant string) {
	t.Helper()
	original, err := filepath.Abs(filepath.Join(module, m.file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		t.Fatalf("%s: %s has %q %d times, want once: the list of mutations is stale", m.name, m.file, m.old, n)
	}
	return original, strings.Replace(string(source), m.old, m.new, 1)
}
