package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/simulation"
)

// oneStep is an engine whose next step records a deposit and a grant, and has
// something to let out of every kind.
type oneStep struct {
	engine *Engine
	// onSync, when set, is called in place of each sync of the journal.
	onSync func() error
	// What the step lets out: a customer's reply, the answer to a peer's claim,
	// a frame with the entries, and what a visitor waits for.
	reply  chan protocol.Reply
	answer chan protocol.Message
	frames chan protocol.Message
	visit  chan struct{}
	// order is what the outlet and the observer were told.
	order []string
}

func newOneStep(t *testing.T) *oneStep {
	t.Helper()
	const opening = 100
	branches := []ledger.BranchID{1, 2}
	s := &oneStep{reply: make(chan protocol.Reply, 1), answer: make(chan protocol.Message, 1), frames: make(chan protocol.Message, 8), visit: make(chan struct{})}
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if s.onSync != nil && op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, ".log") {
			return s.onSync()
		}
		return nil
	}))
	j, state, err := journal.Open("data", journal.Identity{Branch: 1, Branches: branches, Opening: opening, Bank: ledger.Bank{Name: "bank"}}, journal.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // errs when a sync has failed
	r, err := replica.New(protocol.Config{ID: 1, Opening: opening, Ledger: state.Ledger, Epoch: state.Epoch, Bank: state.Bank, Proposal: simulation.Proposal(1, 0), Storage: j, PeerTimeout: 60_000})
	if err != nil {
		t.Fatal(err)
	}
	s.engine = New(Config{Replica: r, Journal: j, Started: time.Now(), Outlet: s, Observer: s})
	s.engine.Post(func(r *replica.Replica) {
		r.LinkUp(2)
		r.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Hello: helloOf2()}})
	})
	if err := s.engine.Step(); err != nil || r.State() != protocol.Serving {
		t.Fatalf("state %v, %v", r.State(), err)
	}
	<-s.frames // the hello
	s.order = nil
	s.engine.Post(func(r *replica.Replica) {
		s.engine.calls.waiting[1], s.engine.calls.peers[2] = s.reply, s.answer
		r.Submit(protocol.Operation{ID: 1, Entry: ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 10}, Acknowledge: protocol.Local, Deadline: 60_000})
		r.Receive(protocol.Message{From: 2, To: 1, Claim: &protocol.Claim{ID: 2, Account: ledger.SharedAccount, Amount: 10, Ticket: protocol.Ticket{Clock: 1, Branch: 2}}})
		s.engine.calls.visited = append(s.engine.calls.visited, s.visit)
	})
	return s
}

// Committed, Send, Refused and StateChanged implement Outlet, Observe Observer.
func (s *oneStep) Committed(*ledger.Commit) { s.order = append(s.order, "committed") }
func (s *oneStep) Send(m protocol.Message) {
	s.order = append(s.order, "sent")
	s.frames <- m
}
func (s *oneStep) Refused(protocol.Refusal)                 {}
func (s *oneStep) StateChanged(protocol.State)              {}
func (s *oneStep) Observe(*replica.Replica, *ledger.Commit) { s.order = append(s.order, "observed") }

// helloOf2 is the hello of branch 2 in a bank that is founded.
func helloOf2() *protocol.Hello {
	return &protocol.Hello{
		Version: protocol.Version, Branch: 2, To: 1, Epoch: 1, Bank: protocol.BankHash([]ledger.BranchID{1, 2}, 100),
		Identity: ledger.Bank{Name: "bank", ID: ledger.BankID{1}, Founded: true},
	}
}

// out counts what was let out: replies, answers, frames and visits that ended.
func (s *oneStep) out() [4]int {
	visits := 0
	select {
	case <-s.visit:
		visits++
	default:
	}
	return [...]int{len(s.reply), len(s.answer), len(s.frames), visits}
}

func TestNothingIsLetOutBeforeTheJournalIsSynced(t *testing.T) {
	s := newOneStep(t)
	syncs := 0
	s.onSync = func() error {
		syncs++
		if out := s.out(); out != [4]int{} {
			t.Errorf("before the sync the step has let out %v", out)
		}
		return nil
	}
	if err := s.engine.Step(); err != nil {
		t.Fatal(err)
	}
	s.onSync = nil
	if out := s.out(); syncs == 0 || out != [...]int{1, 1, 1, 1} {
		t.Fatalf("after %d syncs the step has let out %v, want one of each", syncs, out)
	}
	if reply, answer := <-s.reply, <-s.answer; reply.Err != nil || answer.ClaimAnswer.Granted < 10 {
		t.Errorf("got %+v and %+v", reply, answer.ClaimAnswer)
	}
}

// What is told of a commit comes before what leaves, and the observer sees a step
// when all has left.
func TestAStepIsToldInOrder(t *testing.T) {
	s := newOneStep(t)
	if err := s.engine.Step(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"committed", "sent", "observed"}; !slices.Equal(s.order, want) {
		t.Errorf("told %v, want %v", s.order, want)
	}
}

func TestACommitThatFailsLetsNothingOut(t *testing.T) {
	s := newOneStep(t)
	broken := errors.New("the disk is broken")
	s.onSync = func() error { return broken }
	if err := s.engine.Step(); !errors.Is(err, broken) {
		t.Errorf("got %v, want that %v", err, broken)
	}
	if out := s.out(); out != [4]int{} {
		t.Errorf("the step has let out %v", out)
	}
}

// pen signs commits, or fails to: before they are written, or beside if that is set.
type pen struct {
	sign   func(c *ledger.Commit) error
	beside func() (*ledger.Signature, error)
}

// Sign implements Signer.
func (p pen) Sign(c *ledger.Commit) error { return p.sign(c) }

// SignBeside implements Signer.
func (p pen) SignBeside(*ledger.Commit) func() (*ledger.Signature, error) { return p.beside }

// What a branch sends is signed, and is on disk as it is sent.
func TestWhatIsLetOutIsSigned(t *testing.T) {
	s := newOneStep(t)
	signed := 0
	s.engine.cfg.Signer = pen{sign: func(c *ledger.Commit) error {
		if out := s.out(); out != [4]int{} {
			t.Errorf("before it signs the step has let out %v", out)
		}
		for i := range c.Batches {
			if b := &c.Batches[i]; b.Made {
				signed++
				b.Signature = &ledger.Signature{Certificate: ledger.Fingerprint{7}, Value: [64]byte{9}}
			}
		}
		return nil
	}}
	if err := s.engine.Step(); err != nil {
		t.Fatal(err)
	}
	sent := (<-s.frames).Frame.Outlines
	stored, err := s.engine.cfg.Journal.(*journal.Journal).Batches(1, 0, 1<<20)
	if err != nil || signed != 1 || len(sent) != 1 || len(stored) != 1 {
		t.Fatalf("%d batches are signed, %d sent, %d stored, %v, want one", signed, len(sent), len(stored), err)
	}
	if want := (ledger.Signature{Certificate: ledger.Fingerprint{7}, Value: [64]byte{9}}); *sent[0].Signature != want || *stored[0].Signature != want {
		t.Errorf("sent with %v, stored with %v", sent[0].Signature, stored[0].Signature)
	}
}

func TestASignatureThatFailsLetsNothingOut(t *testing.T) {
	s := newOneStep(t)
	lost := errors.New("the key is gone")
	s.engine.cfg.Signer = pen{sign: func(*ledger.Commit) error { return lost }}
	if err := s.engine.Step(); !errors.Is(err, lost) {
		t.Errorf("got %v, want that %v", err, lost)
	}
	if stored, err := s.engine.cfg.Journal.(*journal.Journal).Batches(1, 0, 1<<20); err != nil || len(stored) > 0 {
		t.Errorf("%d batches are on disk, %v", len(stored), err)
	}
	if out := s.out(); out != [4]int{} {
		t.Errorf("the step has let out %v", out)
	}
}

// A batch that is signed while the journal writes it leaves with its signature, and the
// journal gets that, too. Nothing leaves before both are done.
func TestWhatIsSignedBesideTheJournal(t *testing.T) {
	s := newOneStep(t)
	want := ledger.Signature{Certificate: ledger.Fingerprint{7}, Value: [64]byte{9}}
	var order []string
	s.onSync = func() error {
		order = append(order, "synced")
		return nil
	}
	s.engine.cfg.Signer = pen{beside: func() (*ledger.Signature, error) {
		order = append(order, "signed")
		if out := s.out(); out != [4]int{} {
			t.Errorf("before it is signed the step has let out %v", out)
		}
		return &want, nil
	}}
	if err := s.engine.Step(); err != nil {
		t.Fatal(err)
	}
	// The journal syncs what it has begun to write, and the signature with what comes next.
	if want := []string{"signed", "synced"}; !slices.Equal(order, want) {
		t.Errorf("it was %q, want %q", order, want)
	}
	sent := (<-s.frames).Frame.Outlines
	stored, err := s.engine.cfg.Journal.(*journal.Journal).Batches(1, 0, 1<<20)
	if err != nil || len(sent) != 1 || len(stored) != 1 {
		t.Fatalf("%d batches are sent, %d stored, %v, want one", len(sent), len(stored), err)
	}
	if *sent[0].Signature != want || *stored[0].Signature != want {
		t.Errorf("sent with %v, stored with %v", sent[0].Signature, stored[0].Signature)
	}
}

func TestASignatureBesideTheJournalThatFailsLetsNothingOut(t *testing.T) {
	s := newOneStep(t)
	lost := errors.New("the key is gone")
	s.engine.cfg.Signer = pen{beside: func() (*ledger.Signature, error) { return nil, lost }}
	if err := s.engine.Step(); !errors.Is(err, lost) {
		t.Errorf("got %v, want that %v", err, lost)
	}
	if out := s.out(); out != [4]int{} {
		t.Errorf("the step has let out %v", out)
	}
}
