package branch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/fault"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// watcher watches a bank, and keeps what it has seen.
type watcher struct {
	t        testing.TB
	messages chan *bankv1.WatchResponse
	// err is why the stream ended, once messages is closed.
	err     error
	first   *bankv1.WatchResponse
	reports map[uint32]*bankv1.BranchReport
	applied map[[2]uint32]uint64
	trips   map[[2]uint32]int64
	entries []*bankv1.WatchedEntry
	samples map[int64]*bankv1.Sample
	skipped uint64
	text    string
	agree   bool
	stop    func()
}

// watch watches at a branch until the test ends, and takes the first picture.
func (b *bank) watch(at uint32, req *bankv1.WatchRequest, options ...connect.ClientOption) *watcher {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	stream, err := bankv1connect.NewBranchServiceClient(b.http, "http://"+b.at(at).address, options...).Watch(ctx, req)
	if err != nil {
		b.t.Fatal(err)
	}
	w := &watcher{
		t: b.t, messages: make(chan *bankv1.WatchResponse), stop: cancel,
		reports: map[uint32]*bankv1.BranchReport{}, applied: map[[2]uint32]uint64{}, trips: map[[2]uint32]int64{}, samples: map[int64]*bankv1.Sample{},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(w.messages)
		for stream.Receive() {
			select {
			case w.messages <- stream.Msg():
			case <-ctx.Done():
			}
		}
		w.err = stream.Err()
		_ = stream.Close()
	}()
	b.t.Cleanup(func() {
		cancel()
		<-done
	})
	w.first = w.next()
	return w
}

// next takes the next message.
func (w *watcher) next() *bankv1.WatchResponse {
	w.t.Helper()
	m, ok := <-w.messages
	if !ok {
		w.t.Fatalf("the stream has ended: %v\nheadline %q, reports %v", w.err, w.text, w.reports)
	}
	for _, r := range m.GetReports() {
		w.reports[r.GetBranch()] = r
		for _, p := range r.GetApplied() {
			w.applied[[2]uint32{r.GetBranch(), p.GetBranch()}] = p.GetSequence()
		}
		for _, p := range r.GetRoundTrips() {
			w.trips[[2]uint32{r.GetBranch(), p.GetBranch()}] = p.GetTookUs()
		}
	}
	w.entries = append(w.entries, m.GetEntries()...)
	for _, s := range m.GetSamples() {
		w.samples[s.GetUnixMs()] = s
	}
	w.skipped += m.GetSkippedEntries()
	if h := m.GetHeadline(); h != nil {
		w.text, w.agree = h.GetText(), h.GetAgree()
	}
	return m
}

// await takes messages until something holds; the test's time bounds that.
func (w *watcher) await(what string, holds func() bool) {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("it has waited for %s", what)
		}
	}()
	for !holds() {
		w.next()
	}
}

func (w *watcher) awaitHealth(id uint32, want bankv1.BranchHealth) {
	w.t.Helper()
	w.await(fmt.Sprintf("branch %d to be %v", id, want), func() bool { return w.reports[id].GetHealth() == want })
}

// entry returns the latest form of an entry, nil if it has not come.
func (w *watcher) entry(branch uint32, sequence uint64) *bankv1.WatchedEntry {
	for i := len(w.entries) - 1; i >= 0; i-- {
		if e := w.entries[i]; e.GetReceipt().GetBranch() == branch && e.GetReceipt().GetSequence() == sequence {
			return e
		}
	}
	return nil
}

const (
	agrees      = bankv1.BranchHealth_BRANCH_HEALTH_AGREES
	unreachable = bankv1.BranchHealth_BRANCH_HEALTH_UNREACHABLE
	cutOff      = bankv1.BranchHealth_BRANCH_HEALTH_CUT_OFF
	onlyBranch  = bankv1.WatchScope_WATCH_SCOPE_BRANCH
)

func TestAWatcherSeesTheWholePictureFirst(t *testing.T) {
	b := runBank(t, 3, 400)
	for i := range int64(25) {
		b.deposit(uint32(i%3)+1, 1)
	}
	b.mustDeposit(1, &bankv1.DepositRequest{Account: "other", Amount: 7})
	for _, name := range sortedKeys(protocols) {
		if name == "Connect by GET" {
			continue // which is for calls with one answer
		}
		w := b.watch(2, &bankv1.WatchRequest{}, protocols[name]...)
		if m := w.first; !m.GetComplete() || m.GetBranch() != 2 || m.GetBankName() != branch.DefaultBank || m.GetFaults() || m.GetHeadline() == nil || len(m.GetReports()) != 3 || m.GetSkippedEntries() != 0 {
			t.Fatalf("%s: %v", name, m)
		}
		if len(w.entries) != 25 {
			t.Errorf("%s: %d entries, want 25", name, len(w.entries))
		}
		w.await("all to agree", func() bool { return w.text == "3 branches agree: 425" && w.agree })
		for _, id := range b.ids {
			r := w.reports[id]
			if r.GetHealth() != agrees || r.GetBalance() != 425 || r.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING || r.GetAddress() == "" || r.GetEpoch() != 1 {
				t.Errorf("%s: %v", name, r)
			}
			for _, other := range b.ids {
				if w.applied[[2]uint32{id, other}] == 0 {
					t.Errorf("%s: branch %d has nothing of branch %d", name, id, other)
				}
			}
		}
		w.stop()
	}
	w := b.watch(3, &bankv1.WatchRequest{Account: "other"})
	w.await("all to agree", func() bool { return w.text == "3 branches agree: 7" })
	if len(w.entries) != 1 {
		t.Errorf("entries of the other account: %v", w.entries)
	}
}

func TestAWatcherSeesADepositSpread(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 400)
	w := b.watch(1, &bankv1.WatchRequest{})
	b.setRoads(2, 3, func(r *road) { r.setFrozen(true) })
	b.mustDeposit(2, &bankv1.DepositRequest{Amount: 10, RequestId: "r", Acknowledge: local})
	w.await("the deposit", func() bool { return w.entry(2, 1) != nil })
	if e := w.entry(2, 1); e.GetSpreadUs() != 0 || e.GetBalance() != 410 || e.GetEntry().GetDeposit().GetAmount() != 10 || e.GetEntry().GetRequestId() != "r" || e.GetRefusalCode() != "" {
		t.Errorf("%v", e)
	}
	b.setRoads(2, 3, func(r *road) { r.setFrozen(false) })
	w.await("the deposit to be everywhere", func() bool { return w.entry(2, 1).GetSpreadUs() > 0 })
	w.await("all to have it", func() bool {
		return w.reports[1].GetBalance() == 410 && w.reports[2].GetBalance() == 410 && w.reports[3].GetBalance() == 410 && w.text == "3 branches agree: 410"
	})
	w.await("its second", func() bool {
		for _, s := range w.samples {
			if s.GetEntries() == 1 && s.GetBalance() == 410 {
				return true
			}
		}
		return false
	})
	w.await("how long it took", func() bool { return w.reports[2].GetSpreadP50Us() > 0 })
	w.await("that in a second", func() bool {
		for _, s := range w.samples {
			if s.GetSpreadP99Us() > 0 {
				return true
			}
		}
		return false
	})
}

// A write that is refused is shown with the words that its customer gets.
func TestAWatcherSeesRefusals(t *testing.T) {
	b := runBank(t, 3, 400)
	w := b.watch(1, &bankv1.WatchRequest{})
	_, err := b.customers(3).Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 1000, RequestId: "doomed"})
	wantCode(t, err, connect.CodeFailedPrecondition)
	refused := func() *bankv1.WatchedEntry {
		for _, e := range w.entries {
			if e.GetRefusalCode() != "" {
				return e
			}
		}
		return nil
	}
	w.await("the refusal", func() bool { return refused() != nil })
	e := refused()
	if e.GetBranch() != 3 || e.GetReceipt() != nil || e.GetRefusalCode() != "failed_precondition" || e.GetEntry().GetRequestId() != "doomed" ||
		e.GetEntry().GetWithdrawal().GetAmount() != 1000 || err.Error() != "failed_precondition: "+e.GetRefusal() {
		t.Errorf("%v\ncustomer: %v", e, err)
	}
}

func TestAWatcherSeesABranchGoAndComeBack(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 300)
	w := b.watch(1, &bankv1.WatchRequest{})
	w.await("all to agree", func() bool { return w.text == "3 branches agree: 300" })
	b.stop(3)
	w.awaitHealth(3, unreachable)
	w.await("the headline", func() bool {
		return !w.agree && strings.HasPrefix(w.text, "branch 3 is unreachable") && strings.HasSuffix(w.text, "100 of escrow locked there")
	})
	b.restart(3)
	w.await("all to agree", func() bool { return w.text == "3 branches agree: 300" && w.reports[3].GetEpoch() == 2 })
}

// Branches that are cut off from each other are told apart from those that only
// miss them: here 1 sees both 2 and 3, and 2 and 3 don't see each other.
func TestAWatcherSeesWhoIsCutOff(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 300)
	w := b.watch(1, &bankv1.WatchRequest{})
	b.cut(2, 3)
	w.awaitHealth(2, cutOff)
	w.awaitHealth(3, cutOff)
	if w.reports[1].GetHealth() != agrees || len(w.reports[2].GetUnreachablePeers()) != 1 {
		t.Errorf("%v", w.reports)
	}
	b.heal(2, 3)
	w.await("all to agree", func() bool { return w.text == "3 branches agree: 300" })
}

// A watcher is told how far each branch is from each other one.
func TestAWatcherSeesRoundTrips(t *testing.T) {
	b := runBank(t, 3, 300)
	w := b.watch(1, &bankv1.WatchRequest{})
	w.await("all round trips", func() bool { return len(w.trips) == 6 })
	for link, us := range w.trips {
		if us <= 0 || link[0] == link[1] {
			t.Errorf("from branch %d to branch %d it takes %d µs", link[0], link[1], us)
		}
	}
}

// A branch alone reports itself, with its own writes only.
func TestOneBranchIsWatched(t *testing.T) {
	b := runBank(t, 2, 100)
	b.deposit(1, 1)
	b.deposit(2, 1)
	w := b.watch(2, &bankv1.WatchRequest{Scope: onlyBranch})
	if m := w.first; !m.GetComplete() || m.GetHeadline() != nil || len(m.GetReports()) != 1 || len(w.entries) != 1 || w.entries[0].GetBranch() != 2 {
		t.Fatalf("%v", m)
	}
	if r := w.reports[2]; r.GetBalance() != 102 || r.GetAvailable() != 51 || len(r.GetApplied()) != 2 {
		t.Errorf("%v", r)
	}
	b.deposit(2, 1)
	w.await("the histogram", func() bool {
		for _, s := range w.samples {
			for _, bucket := range s.GetSpread() {
				if bucket.GetCount() > 0 && bucket.GetMostUs() > 0 {
					return true
				}
			}
		}
		return false
	})
	if got := w.applied[[2]uint32{2, 2}]; got != 2 {
		t.Errorf("own position is %d, want 2", got)
	}
}

// In a bank of one branch everything is everywhere at once.
func TestABankOfOneBranchIsWatched(t *testing.T) {
	b := runBank(t, 1, 100)
	w := b.watch(1, &bankv1.WatchRequest{})
	b.deposit(1, 1)
	w.await("the deposit", func() bool { return w.text == "1 branch agrees: 101" && w.entry(1, 1).GetSpreadUs() > 0 })
}

// A watch with a bad scope or account is refused.
func TestBadWatchesAreRefused(t *testing.T) {
	b := runBank(t, 1, 100)
	for _, req := range []*bankv1.WatchRequest{{Scope: 7}, {Account: strings.Repeat("a", 129)}, {Account: "a\nb"}} {
		stream, err := b.customers(1).Watch(b.ctx, req)
		if err == nil && !stream.Receive() {
			err = stream.Err()
			_ = stream.Close()
		}
		wantCode(t, err, connect.CodeInvalidArgument)
	}
}

// A branch that stops tells those who watch it, and does not wait for them;
// those who watch it from another branch see it go.
func TestAStopEndsTheWatches(t *testing.T) {
	b := runBank(t, 2, 100)
	whole := b.watch(1, &bankv1.WatchRequest{})
	alone := b.watch(1, &bankv1.WatchRequest{Scope: onlyBranch})
	other := b.watch(2, &bankv1.WatchRequest{})
	b.stop(1)
	for _, w := range []*watcher{whole, alone} {
		for range w.messages { // what was on its way
		}
		if connect.CodeOf(w.err) != connect.CodeUnavailable || !strings.Contains(w.err.Error(), "stopping") {
			t.Errorf("ended with %v", w.err)
		}
	}
	other.awaitHealth(1, unreachable)
}

// A watch ends with its watcher.
func TestWatchesEndWithTheirWatchers(t *testing.T) {
	b := runBank(t, 2, 100)
	for range 3 {
		w := b.watch(1, &bankv1.WatchRequest{})
		w.await("all to agree", func() bool { return w.text == "2 branches agree: 100" })
		w.stop()
	}
}

func TestGrpcurlWatches(t *testing.T) {
	grpcurl := tool(t, "grpcurl")
	b := runBank(t, 2, 100)
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	c := exec.CommandContext(ctx, grpcurl, "-plaintext", "-d", "{}", b.at(1).address, "bank.v1.BranchService/Watch")
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var first struct {
		Complete bool
		Reports  []any
	}
	if err := json.NewDecoder(out).Decode(&first); err != nil || !first.Complete || len(first.Reports) != 2 {
		t.Errorf("%v, %+v", err, first)
	}
	cancel()
	_ = c.Wait()
}

// A branch that FaultService cuts off is seen doing what it does: it pays out
// of its escrow, and what it lacks is counted.
func TestAWatcherSeesWhatABranchDoesThatIsCutOff(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBankWith(t, 3, 300, branchOptions{Faults: &notedFaults{}})
	w := b.watch(1, &bankv1.WatchRequest{})
	if !w.first.GetFaults() {
		t.Error("watchers are not told that faults are on")
	}
	mustApply(t, b.at(3).branch, fault.Cut)
	w.awaitHealth(3, cutOff)
	b.deposit(1, 7)
	b.mustWithdraw(3, &bankv1.WithdrawRequest{Amount: 60})
	w.await("both sides of the cut", func() bool {
		return w.reports[3].GetBalance() == 240 && w.reports[3].GetAvailable() == 40 && w.reports[3].GetBehind() == 1 &&
			strings.HasPrefix(w.text, "branch 3 is cut off") && strings.HasSuffix(w.text, "1 entry behind; 40 of escrow locked there")
	})
	b.healAll(3)
	w.await("all to agree", func() bool { return w.text == "3 branches agree: 247" })
}
