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
	// AlarmOtherBank: a branch of another bank, or of another version, has said
	// hello last in a peer's name.
	AlarmOtherBank
	// AlarmRefused: a message was refused that no branch sends.
	AlarmRefused
)

// Alarm is something that needs an operator.
type Alarm struct {
	// ID names it, the same as long as there is the alarm.
	ID   string
	Kind AlarmKind
	Text string
	// Double, for AlarmRequestID, is what is on disk: it stays until it is
	// resolved. The other alarms say how the branch is since it was started.
	Double *ledger.Double
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

// NewAlarm is the alarm of a kind that a text tells of.
func NewAlarm(kind AlarmKind, text string) Alarm {
	return Alarm{ID: alarmID(kind, text), Kind: kind, Text: text}
}

// DoubleAlarmID is the id of the alarm about a request id.
func DoubleAlarmID(requestID string) string { return alarmID(AlarmRequestID, requestID) }

// AlarmOf is the alarm about a request id that several entries have.
func AlarmOf(d ledger.Double) Alarm {
	return Alarm{ID: DoubleAlarmID(d.RequestID), Kind: AlarmRequestID, Text: doubleText(&d), Double: &d}
}

// ErrAlarmHolds refuses to resolve an alarm that says how the branch is.
var ErrAlarmHolds = code.New(code.FailedPrecondition, "that alarm says how the branch is since it was started, and ends with a restart once what it tells of is mended: only alarms about request ids are resolved")

// doubleText says what is the matter with a request id.
func doubleText(d *ledger.Double) string {
	if d.RequestID == "" {
		return fmt.Sprintf("%d more entries than there is room to name have the request id of another: passbook verify names all that a branch has, once it has stopped", d.More)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "request id %q is recorded %d times", d.RequestID, uint64(len(d.Entries))+d.More)
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
