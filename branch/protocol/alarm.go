package protocol

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
)

// AlarmKind is what an alarm is about.
type AlarmKind uint8

// The kinds of alarms.
const (
	// AlarmRequestID: several entries have one request id.
	AlarmRequestID AlarmKind = iota + 1
	// AlarmFork: a journal has forked.
	AlarmFork
	// AlarmStopped: a journal is applied no further.
	AlarmStopped
	// AlarmOtherBank: the last hello in a peer's name came from a branch of another
	// bank or version.
	AlarmOtherBank
	// AlarmRefused: a message was refused that no honest branch sends.
	AlarmRefused
)

// Alarm is something that needs an operator.
type Alarm struct {
	// ID names the alarm, and stays the same as long as the alarm does.
	ID   string
	Kind AlarmKind
	Text string
	// Double is set for AlarmRequestID: such an alarm is on disk until it is
	// resolved. The alarms of other kinds, but for AlarmFork, are about this run of the
	// branch.
	Double *ledger.Double
	// Fork is set for AlarmFork, which is on disk, too.
	Fork *ledger.Fork
}

// alarmIDBytes is how much of a hash is an id: 8 letters and digits.
const alarmIDBytes = 5

var alarmCoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// alarmID names an alarm by what it is about.
func alarmID(kind AlarmKind, about string) string {
	sum := sha256.Sum256(append([]byte{byte(kind)}, about...))
	return alarmCoding.EncodeToString(sum[:alarmIDBytes])
}

// IsAlarmID reports whether a text may be the id of an alarm.
func IsAlarmID(text string) bool {
	b, err := alarmCoding.DecodeString(text)
	return err == nil && len(b) == alarmIDBytes
}

// NewAlarm returns an alarm of a kind, with its text.
func NewAlarm(kind AlarmKind, text string) Alarm {
	return Alarm{ID: alarmID(kind, text), Kind: kind, Text: text}
}

// DoubleAlarmID returns the id of the alarm about the request id of a request.
func DoubleAlarmID(key ledger.RequestKey) string { return alarmID(AlarmRequestID, string(key)) }

// AlarmOf returns the alarm about a request id that several entries have.
func AlarmOf(d ledger.Double) Alarm {
	return Alarm{ID: DoubleAlarmID(d.Key()), Kind: AlarmRequestID, Text: doubleText(&d), Double: &d}
}

// ErrAlarmHolds refuses to resolve an alarm that is about the run of the branch.
var ErrAlarmHolds = code.New(code.FailedPrecondition, "only alarms about request ids and forks can be resolved: this one ends with a restart of the branch, once its cause is mended")

// ErrForkHolds refuses to resolve a fork without a decision.
var ErrForkHolds = code.New(code.FailedPrecondition, "this alarm is about a fork: say which of the two batches counts")

// ErrNoSide refuses to resolve a fork in favour of a batch that is not in it.
var ErrNoSide = code.Field("keep", "it is the hash of neither of the two batches; ListAlarms names them")

// doubleText says what is wrong with a request id.
func doubleText(d *ledger.Double) string {
	if d.RequestID == "" {
		return fmt.Sprintf("%d more entries have the request id of another, and there is no room to name them: stop the branch, and passbook verify names all that it has", d.More)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s is recorded %d times", d.Key(), uint64(len(d.Entries))+d.More)
	for i := range d.Entries {
		e := &d.Entries[i]
		fmt.Fprintf(&s, ", by branch %d as entry %d (%s)", e.At.Branch, e.At.Sequence, entryText(e))
	}
	if d.More > 0 {
		fmt.Fprintf(&s, ", and %d more", d.More)
	}
	s.WriteString(": each counts, so look whether the customer meant that; then resolve the alarm")
	return s.String()
}

func entryText(e *ledger.DoubleEntry) string {
	switch e.Kind {
	case ledger.Deposit:
		return fmt.Sprintf("a deposit of %d to %q", e.Amount, e.Account)
	case ledger.Withdrawal:
		return fmt.Sprintf("a withdrawal of %d from %q", e.Amount, e.Account)
	case ledger.Transfer:
		return fmt.Sprintf("a transfer of %d from %q to %q", e.Amount, e.Account, e.ToAccount)
	case ledger.Bulk:
		return fmt.Sprintf("a list of %d operations", e.Operations)
	}
	return "a grant" // which has no request id
}

// ForkAlarmID returns the id of the alarm about a fork. It is the same at every branch.
func ForkAlarmID(k ledger.ForkKey) string {
	about := fmt.Appendf(nil, "%d %d ", k.Branch, k.First)
	about = append(append(about, k.Hashes[0][:]...), k.Hashes[1][:]...)
	return alarmID(AlarmFork, string(about))
}

// AlarmOfFork returns the alarm about a fork, at a branch.
func AlarmOfFork(f ledger.Fork, at ledger.BranchID) Alarm {
	text := fmt.Sprintf("the journal of branch %d has forked: %s", f.Key().Branch, ForkText(&f))
	if f.Key().Branch == at {
		text = "this branch's journal has forked, it takes no more writes: " + ForkText(&f)
	}
	return Alarm{ID: ForkAlarmID(f.Key()), Kind: AlarmFork, Text: text, Fork: &f}
}

// ForkText shows both batches of a fork, and the decision.
func ForkText(f *ledger.Fork) string {
	here, other := f.Sides[0], f.Sides[1]
	text := fmt.Sprintf("from its entry %d on it is another one at branch %d (batch %x, up to entry %d) than here (batch %x, up to entry %d)",
		here.Span.First, f.ShownBy, other.Hash[:8], other.Span.Last, here.Hash[:8], here.Span.Last)
	if f.Decided() {
		text += fmt.Sprintf("; it is decided that batch %x counts: start this branch again", f.Kept[:8])
	}
	return text
}
