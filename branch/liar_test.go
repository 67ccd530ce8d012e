package branch_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Longer is `go test ./branch -run Liar -timeout 20m -args -liar.for 10m`.
var (
	liarFor  = flag.Duration("liar.for", 0, "how long the liar lies at least; 0 for liarSteps messages")
	liarSeed = flag.Uint64("liar.seed", 1, "what decides what it says")
)

const (
	liarSteps = 1500
	// liarHeap bounds how much the heap of the branches may grow.
	liarHeap = 96 << 20
	// Who honest entries are of, and who those that the liar writes as a customer.
	honestCustomer, lyingCustomer = 7, 4242
)

// liar lies to a bank in every name, in every call and every frame.
type liar struct {
	*bank
	*hostile
	unary []protoreflect.MethodDescriptor
	// honest counts the deposits that were made meanwhile.
	honest int64
	codes  map[string]int
}

// Somebody who can reach the ports may say anything but whole forged batches. No branch
// panics, halts, or records anything untrue. Memory stays bounded. All branches go on
// serving, restart, verify, and agree.
func TestALiarOnTheWire(t *testing.T) {
	logged := &errorLog{}
	logger := slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelInfo}))
	b := newBank(t, 3, 300, branchOptions{PeerTimeout: patient / 10, Logger: logger, Trace: true})
	ctx, cancel := context.WithTimeout(context.Background(), *liarFor+4*time.Minute)
	defer cancel()
	b.ctx = ctx
	b.startAll()
	l := &liar{bank: b, hostile: newHostile(*liarSeed, 3), codes: map[string]int{}}
	for _, file := range []protoreflect.FileDescriptor{bankv1.File_bank_v1_peer_proto, bankv1.File_bank_v1_branch_proto} {
		methods := file.Services().Get(0).Methods()
		for i := range methods.Len() {
			if m := methods.Get(i); !m.IsStreamingClient() && !m.IsStreamingServer() {
				l.unary = append(l.unary, m)
			}
		}
	}
	l.deposits()
	before := heap()
	end := time.Now().Add(*liarFor)
	for step := 0; step < liarSteps || time.Now().Before(end); step++ {
		l.step()
		if step%50 == 49 {
			l.deposits()
		}
		if step == liarSteps/2 { // a branch that starts is lied to as well
			b.stop(2)
			b.start(2)
			for range 50 {
				l.step()
			}
			b.awaitReady(2)
		}
	}
	t.Logf("answers: %v", l.codes)
	if grown := int64(heap()) - int64(before); grown > liarHeap {
		t.Errorf("the branches hold %d bytes more than before, want %d at most", grown, liarHeap)
	}
	l.checkServing()
	l.checkRestarted()
	checkLog(t, logged.String())
}

// checkLog checks that nothing has panicked, and that each branch logs each kind of
// refusal once for each peer and start.
func checkLog(t *testing.T, logged string) {
	t.Helper()
	if strings.Contains(logged, "panic") {
		t.Error("something has panicked: see the log")
	}
	const starts, peers, kinds = 3, 2, 8
	if n := strings.Count(logged, "was refused"); n == 0 || n > 3*starts*peers*kinds {
		t.Errorf("%d lines of the log tell what was refused", n)
	}
	if n := strings.Count(logged, "level=ERROR"); n > 0 {
		t.Errorf("%d errors are logged:\n%s", n, logged)
	}
}

// heap returns how much of the heap is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// deposits makes a deposit of 1 at each branch.
func (l *liar) deposits() {
	l.t.Helper()
	for _, id := range l.ids {
		l.mustDeposit(id, &bankv1.DepositRequest{Account: "honest", Amount: 1, CustomerId: honestCustomer})
		l.honest++
	}
}

// checkServing checks that nobody has halted, or believes that a journal has
// forked, and that all come to see the same.
func (l *liar) checkServing() {
	l.t.Helper()
	l.awaitLinks()
	for _, id := range l.ids {
		s := l.status(id)
		if s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
			l.t.Errorf("branch %d is in state %v: %s", id, s.GetState(), s.GetStateReason())
		}
		for _, a := range s.GetAlarms() {
			if strings.Contains(a, "has forked:") || strings.Contains(a, "has forked, it") {
				l.t.Errorf("branch %d: %s", id, a)
			}
		}
		l.wantQuery(id, &bankv1.QueryRequest{Account: "honest", Consistency: bankv1.Consistency_CONSISTENCY_STRONG}, l.honest)
	}
}

// checkRestarted stops the bank, verifies its directories, and starts it again.
func (l *liar) checkRestarted() {
	l.t.Helper()
	l.deposits() // so that everybody has everything
	for _, id := range l.ids {
		l.stop(id)
	}
	var verified []*journal.Verified
	report := func(f journal.Finding) { l.t.Error(f) }
	for _, id := range l.ids {
		v, err := journal.Verify(l.dirOf(id), nil, report)
		if err != nil {
			l.t.Fatal(err)
		}
		verified = append(verified, v)
	}
	lags, err := journal.Compare(verified, report)
	if err != nil || len(lags) > 0 {
		l.t.Errorf("the directories lag behind each other: %v, %v", lags, err)
	}
	for _, v := range verified {
		if err := v.Close(); err != nil {
			l.t.Error(err)
		}
	}
	l.startAll()
	l.checkServing()
	for _, id := range l.ids {
		l.checkEntries(id)
	}
}

// checkEntries checks that all entries of a branch's journal were asked for by a
// customer, but for grants, which nobody can tell from honest ones.
func (l *liar) checkEntries(id uint32) {
	l.t.Helper()
	for token := ""; ; {
		page, err := l.customers(1).ListEntries(l.ctx, &bankv1.ListEntriesRequest{Branch: id, PageSize: 1000, PageToken: token})
		if err != nil {
			l.t.Fatal(err)
		}
		for _, e := range page.GetEntries() {
			customer := e.GetEntry().GetCustomerId()
			if e.GetEntry().GetGrant() == nil && customer != honestCustomer && customer != lyingCustomer {
				l.t.Errorf("nobody has asked for %v", e)
			}
			if clock := e.GetEntry().GetClock(); clock > 1<<32 {
				l.t.Errorf("entry %v has clock %d", e.GetReceipt(), clock)
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return
		}
	}
}

// step says one thing to one branch.
func (l *liar) step() {
	at := l.ids[l.IntN(len(l.ids))]
	switch n := l.IntN(10); {
	case n < 6:
		l.call(at, l.unary[l.IntN(len(l.unary))])
	case n < 9:
		l.link(uint32(1+l.IntN(2)), 3-uint32(l.IntN(2)))
	case l.chance(0.5):
		l.submit(at)
	default:
		l.watch(at)
	}
}

// call makes a unary call of any kind.
func (l *liar) call(at uint32, m protoreflect.MethodDescriptor) {
	l.t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		l.t.Fatal(err)
	}
	req := kind.New().Interface()
	l.begin(at, req)
	l.spoil(req)
	l.own(at, req)
	body, err := proto.Marshal(req)
	if err != nil {
		l.t.Fatal(err)
	}
	procedure := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	post, err := http.NewRequestWithContext(l.ctx, http.MethodPost, "http://"+l.at(at).address+procedure, bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	post.Header.Set("Content-Type", "application/proto")
	post.Header.Set("Connect-Protocol-Version", "1")
	post.Header.Set("Connect-Timeout-Ms", "250")
	res, err := l.http.Do(post)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	code := "ok"
	if res.StatusCode != http.StatusOK {
		var e struct{ Code string }
		_ = json.Unmarshal(answer, &e)
		code = e.Code
	}
	l.note(code, procedure, req, string(answer))
}

// note counts an answer: none may say that the branch does not know what to do.
func (l *liar) note(code, procedure string, req proto.Message, answer string) {
	l.t.Helper()
	l.codes[code]++
	if code == "internal" || code == "unknown" || code == "" {
		l.t.Errorf("%s answers %s %s to %v", procedure, code, answer, req)
	}
}

// begin fills in the fields of an honest call of this kind.
func (l *liar) begin(at uint32, m proto.Message) {
	other := at%3 + 1
	if l.chance(0.5) {
		other = other%3 + 1
	}
	switch m := m.(type) {
	case *bankv1.ClaimRequest:
		m.Branch, m.Account, m.Amount, m.Ticket = other, "shared", 1, &bankv1.Ticket{Clock: 1, Branch: other}
	case *bankv1.CollectRequest:
		m.Branch, m.Account, m.Collect, m.Look = other, "shared", l.Uint64(), 1
	case *bankv1.PropagateDepositRequest:
		m.Branch, m.Sequence, m.Account, m.Amount = other, 1, "shared", 1
	case *bankv1.PropagateWithdrawRequest:
		m.Branch, m.Sequence, m.Account, m.Amount = other, 1, "shared", 1
	case *bankv1.DepositRequest:
		m.Amount = 1
	case *bankv1.WithdrawRequest:
		m.Amount = 1
	case *bankv1.TransferRequest:
		m.FromAccount, m.ToAccount, m.Amount = "shared", "a", 1
	}
}

// own makes what may be recorded recognizable, and keeps a forged entry from being
// a whole one: it names a batch before it that there isn't. A request id that is
// used at two branches counts twice, as everybody is told, so each has its own.
func (l *liar) own(at uint32, m proto.Message) {
	hash := l.hash()
	switch m := m.(type) {
	case *bankv1.PropagateDepositRequest:
		m.PrevHash = hash[:]
	case *bankv1.PropagateWithdrawRequest:
		m.PrevHash = hash[:]
	case *bankv1.DepositRequest:
		m.RequestId = idAt(m.RequestId, at, m.HomeBranch)
		m.CustomerId, m.Account = lyingCustomer, notHonest(m.Account)
	case *bankv1.WithdrawRequest:
		m.RequestId = idAt(m.RequestId, at, m.HomeBranch)
		m.CustomerId, m.Account = lyingCustomer, notHonest(m.Account)
	case *bankv1.TransferRequest:
		m.RequestId = idAt(m.RequestId, at, m.HomeBranch)
		m.CustomerId, m.FromAccount, m.ToAccount = lyingCustomer, notHonest(m.FromAccount), notHonest(m.ToAccount)
	case *bankv1.SubmitRequest:
		m.RequestId, m.CustomerId = idAt(m.RequestId, at, m.HomeBranch), lyingCustomer
	}
}

// idAt returns a request id as long as another, for the branch that takes it.
func idAt(id string, at, home uint32) string {
	if id == "" {
		return ""
	}
	if home > 0 && home < 10 {
		at = home
	}
	_, last := utf8.DecodeLastRuneInString(id)
	return id[:len(id)-last] + strings.Repeat(fmt.Sprint(at), last)
}

func notHonest(account string) string {
	if account == "honest" {
		return "a"
	}
	return account
}

// submit sends some lists.
func (l *liar) submit(at uint32) {
	ctx, cancel := context.WithTimeout(l.ctx, 250*time.Millisecond)
	defer cancel()
	stream, err := l.customers(at).Submit(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	for range 1 + l.IntN(3) {
		m := &bankv1.SubmitRequest{Accounts: []string{"shared", "a"}, From: []uint32{1}, To: []uint32{2}, Amounts: []int64{1}}
		l.spoil(m)
		l.own(at, m)
		if stream.Send(m) != nil {
			break
		}
	}
	_ = stream.CloseRequest()
	l.drain(func() error { _, err := stream.Receive(); return err }, "Submit")
	_ = stream.CloseResponse()
}

// watch asks for a picture, and takes one message of it.
func (l *liar) watch(at uint32) {
	ctx, cancel := context.WithTimeout(l.ctx, 250*time.Millisecond)
	defer cancel()
	m := &bankv1.WatchRequest{}
	l.spoil(m)
	stream, err := l.customers(at).Watch(ctx, m)
	if err != nil {
		l.note(connect.CodeOf(err).String(), "Watch", m, err.Error())
		return
	}
	if !stream.Receive() && stream.Err() != nil {
		l.note(connect.CodeOf(stream.Err()).String(), "Watch", m, stream.Err().Error())
	}
	_ = stream.Close()
}

// drain reads what comes until the stream ends.
func (l *liar) drain(receive func() error, procedure string) {
	l.t.Helper()
	for {
		switch err := receive(); {
		case err == nil:
		case connect.CodeOf(err) == connect.CodeUnknown: // io.EOF: a clean end
			l.codes["end of "+procedure]++
			return
		case strings.Contains(err.Error(), "stream error"): // a newer link has taken its place
			l.codes["reset of "+procedure]++
			return
		default:
			l.note(connect.CodeOf(err).String(), procedure, nil, err.Error())
			return
		}
	}
}

// link opens a link in the name of a branch, says what it likes, and ends it.
func (l *liar) link(from, to uint32) {
	l.t.Helper()
	if from >= to {
		return
	}
	status := l.status(to)
	ctx, cancel := context.WithTimeout(l.ctx, 10*time.Second)
	defer cancel()
	stream, err := l.peers(to).Propagate(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	first := &bankv1.Frame{Hello: l.hello(from, to, status)}
	if l.chance(0.5) {
		l.spoil(first.GetHello())
	}
	frames := []*bankv1.Frame{first}
	for range l.IntN(4) {
		frames = append(frames, l.frame(status))
	}
	for _, f := range frames {
		if stream.Send(&bankv1.PropagateRequest{Frame: f}) != nil {
			break
		}
	}
	_ = stream.CloseRequest()
	l.drain(func() error { _, err := stream.Receive(); return err }, "Propagate")
	_ = stream.CloseResponse()
}

// hello returns the hello that the branch would send now, as far as its peer can tell.
func (l *liar) hello(from, to uint32, status *bankv1.GetStatusResponse) *bankv1.Hello {
	h := l.bank.hello()
	h.Branch, h.ToBranch = from, to
	id, err := hex.DecodeString(status.GetBankId())
	if err != nil {
		l.t.Fatal(err)
	}
	h.BankId, h.Founded = id, true
	for _, p := range status.GetApplied() {
		if p.GetSequence() > 0 {
			h.Applied = append(h.Applied, proto.CloneOf(p))
		}
	}
	return h
}

// frame returns any frame but a true hello.
func (l *liar) frame(status *bankv1.GetStatusResponse) *bankv1.Frame {
	f := &bankv1.Frame{}
	switch l.IntN(6) {
	case 0:
		f.Ack = &bankv1.Ack{AppliedSequence: l.extreme(), SyncedSequence: l.extreme(), Forked: l.chance(0.3)}
	case 1:
		f.Ack = &bankv1.Ack{Forked: true}
	case 2:
		for range l.IntN(5) {
			f.Wants = append(f.Wants, &bankv1.Want{Branch: l.id(), AfterSequence: l.extreme()})
		}
	case 3:
		f.Batches = append(f.Batches, l.batch(status))
	case 4:
		l.spoil(f)
	default:
		f.Sync = true
		f.Batches = slices.Repeat([]*bankv1.SealedBatch{l.batch(status)}, 1+l.IntN(20))
	}
	return f
}

// batch returns a batch that nobody has written. It follows no batch that exists, or
// names an impossible number.
func (l *liar) batch(status *bankv1.GetStatusResponse) *bankv1.SealedBatch {
	applied := status.GetApplied()[l.IntN(len(status.GetApplied()))]
	b := &ledger.Batch{Branch: ledger.BranchID(applied.GetBranch()), Epoch: 1 << 20, FirstSequence: applied.GetSequence() + 1, PrevHash: l.hash()}
	e := ledger.Entry{Clock: 1 << 31, Kind: ledger.Deposit, Account: "shared", Amount: ledger.Amount(max(1, int64(l.extreme())))}
	switch l.IntN(4) {
	case 0:
		copy(b.PrevHash[:], applied.GetHash())
		e.Clock = 1<<33 + l.extreme()%(1<<61)
	case 1:
		copy(b.PrevHash[:], applied.GetHash())
		b.Epoch = 1<<33 + l.extreme()%(1<<61)
	case 2:
		b.FirstSequence = max(1, l.extreme())
	default:
		b.After = []ledger.Position{{Branch: ledger.BranchID(applied.GetBranch()%3 + 1), Sequence: max(1, l.extreme())}}
	}
	e.Sequence = b.FirstSequence
	b.Entries = []ledger.Entry{e}
	s := ledger.NewSealed(b)
	if l.chance(0.05) {
		s.Hash[0] ^= 1
	}
	return &bankv1.SealedBatch{Batch: s.Bytes, Hash: s.Hash[:]}
}
