package branch_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/journal"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// sharedLog is a log that several branches write.
type sharedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *sharedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *sharedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// All branches of a bank agree on its id before they write, and keep it.
func TestABankHasOneIDForEver(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 300)
	id := b.status(1).GetBankId()
	for range 2 {
		for _, at := range b.ids {
			if s := b.status(at); s.GetBankId() != id || len(id) != 32 || s.GetBankName() != branch.DefaultBank {
				t.Errorf("branch %d belongs to bank %q with id %q, want %q and %q", at, s.GetBankName(), s.GetBankId(), branch.DefaultBank, id)
			}
		}
		b.stopAll()
		b.startAll()
	}
	b.stop(3)
	b.wipe(3)
	b.restart(3)
	if got := b.status(3).GetBankId(); got != id {
		t.Errorf("with a new disk branch 3 belongs to the bank with id %s, want %s", got, id)
	}
}

// One branch is started on the directory of another bank with the same branches
// and the same opening balance. Both sides of each link name both banks, once; the
// branch takes no writes, and the others go on.
func TestADirectoryOfAnotherBankIsRefusedByBothSides(t *testing.T) {
	t.Parallel() // it waits most of the time
	log := &sharedLog{}
	other := runBank(t, 3, 300)
	other.deposit(1, 1000)
	theirs := other.status(1).GetBankId()
	other.stopAll()

	b := runBankWith(t, 3, 300, branchOptions{PeerTimeout: patient / 10, Logger: slog.New(slog.NewTextHandler(log, nil))})
	ours := b.status(1).GetBankId()
	b.deposit(1, 10)
	b.stop(1)
	b.moveAway(1)
	if err := os.CopyFS(b.dirOf(1), os.DirFS(other.dirOf(1))); err != nil {
		t.Fatal(err)
	}
	b.start(1)
	both := func(s *bankv1.GetStatusResponse) bool {
		for _, a := range s.GetAlarms() {
			if strings.Contains(a, ours) && strings.Contains(a, theirs) {
				return true
			}
		}
		return false
	}
	for _, id := range b.ids {
		b.awaitStatus(id, "an alarm that names both banks", both)
	}
	_, err := b.customers(1).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1})
	wantCode(t, err, connect.CodeUnavailable)
	if s := b.status(1); s.GetState() != bankv1.BranchState_BRANCH_STATE_RECOVERING || !strings.Contains(s.GetStateReason(), "another bank") {
		t.Errorf("branch 1 is in state %v because of %q", s.GetState(), s.GetStateReason())
	}
	for _, id := range []uint32{2, 3} {
		res := b.mustDeposit(id, &bankv1.DepositRequest{Amount: 1})
		if got := fmt.Sprint(res.GetUnreachableBranches()); got != "[1]" {
			t.Errorf("unreachable branches %v, want [1]", got)
		}
		if s := b.status(id); s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
			t.Errorf("branch %d is in state %v because of %q", id, s.GetState(), s.GetStateReason())
		}
	}
	// The links are dialed again and again, and each refusal is logged once a
	// side: by branch 1 for both, and by each of the others.
	if n := strings.Count(log.String(), "link is refused"); n != 4 {
		t.Errorf("%d refusals are logged, want 4: %s", n, log)
	}

	b.stop(1)
	b.wipe(1)
	b.moveBack(1)
	b.restart(1)
	for _, id := range b.ids {
		b.wantStrongBalance(id, 312)
		if alarms := b.status(id).GetAlarms(); len(alarms) > 0 {
			t.Errorf("alarms at branch %d: %v", id, alarms)
		}
	}
}

// moveAway puts the directory of a branch that does not run aside, and moveBack
// puts it in place again.
func (b *bank) moveAway(id uint32) {
	b.t.Helper()
	if err := os.Rename(b.dirOf(id), b.dirOf(id)+".away"); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bank) moveBack(id uint32) {
	b.t.Helper()
	if err := os.Rename(b.dirOf(id)+".away", b.dirOf(id)); err != nil {
		b.t.Fatal(err)
	}
}

// A branch that is told which bank its empty directory belongs to never founds another:
// its branches take the id, whoever of them is told.
func TestAnIDThatIsGivenIsTheBanks(t *testing.T) {
	const id = "00112233445566778899aabbccddeeff"
	b := newBank(t, 3, 300, branchOptions{})
	b.options.BankID = id
	b.start(2)
	b.options.BankID = ""
	b.start(1)
	b.start(3)
	for _, at := range b.ids {
		b.awaitReady(at)
		if got := b.status(at).GetBankId(); got != id {
			t.Errorf("branch %d belongs to the bank with id %s, want %s", at, got, id)
		}
	}
	b.deposit(3, 1)
	b.stopAll()
	b.options.BankID = id
	b.startAll()
	b.stopAll()

	// A directory of another bank is refused at the start, and so is a bad id.
	for name, options := range map[string]branchOptions{
		"another id": {BankID: strings.Repeat("ab", 16)}, "another name": {Bank: "Sparkasse"},
	} {
		b.options = options
		_, err := branch.Open(b.options.config(b.configOf(1), nil))
		var identity *journal.IdentityError
		if !errors.As(err, &identity) || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: %v, want an IdentityError that names both banks", name, err)
		}
	}
	for _, bad := range []branchOptions{{BankID: "12"}, {BankID: strings.Repeat("0", 32)}, {Bank: "a\nb"}, {Bank: strings.Repeat("x", 129)}} {
		c := bad.config(b.configOf(1), nil)
		c.Dir = filepath.Join(t.TempDir(), "new")
		if _, err := branch.Open(c); err == nil {
			t.Errorf("a branch of bank %q with id %q is opened", bad.Bank, bad.BankID)
		}
		if _, err := os.Stat(c.Dir); err == nil {
			t.Errorf("a refused start has made a directory")
		}
	}
}
