package replica

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
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

// alarms are what needs an operator, and the messages that were refused.
type alarms struct {
	*core           // what all parts know
	own   *ownBatch // entries of this branch
	// raised are the alarms that say how the branch is since it was started.
	raised []Alarm
	// doubles are the request ids that several entries have.
	doubles doubles
	// refused counts the messages refused, by the index of the peer.
	refused []refusals
	// refusalAlarms counts the alarms about them.
	refusalAlarms int
}

func newAlarms(c *core, own *ownBatch) alarms {
	return alarms{core: c, own: own, doubles: doubles{kept: slices.Clone(c.cfg.Doubles)}, refused: make([]refusals, c.n)}
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

// raise tells the operator; each text is kept once.
func (al *alarms) raise(kind AlarmKind, text string) {
	if len(al.raised) < maxAlarms && !slices.ContainsFunc(al.raised, func(a Alarm) bool { return a.Text == text }) {
		al.raised = append(al.raised, Alarm{ID: alarmID(kind, text), Kind: kind, Text: text})
	}
}

// Alarms returns what needs an operator: what is on disk first.
func (r *Replica) Alarms() []Alarm {
	var all []Alarm
	for i := range r.alarms.doubles.kept {
		d := r.alarms.doubles.kept[i]
		d.Entries = slices.Clone(d.Entries)
		all = append(all, AlarmOf(d))
	}
	all = append(all, r.alarms.raised...)
	for _, text := range r.founding.strangers {
		if text != "" {
			all = append(all, Alarm{ID: alarmID(AlarmOtherBank, text), Kind: AlarmOtherBank, Text: text})
		}
	}
	return all
}

// AlarmOf is the alarm about a request id that several entries have.
func AlarmOf(d ledger.Double) Alarm {
	return Alarm{ID: alarmID(AlarmRequestID, d.RequestID), Kind: AlarmRequestID, Text: doubleText(&d), Double: &d}
}

// alarmTexts are the alarms in words, as many as a status tells.
func (r *Replica) alarmTexts() []string {
	all := r.Alarms()
	var texts []string
	for i, a := range all {
		if len(all) > maxAlarms && i == maxAlarms-1 {
			return append(texts, fmt.Sprintf("and %d more alarms, which ListAlarms lists", len(all)-i))
		}
		texts = append(texts, a.Text)
	}
	return texts
}

// ErrAlarmHolds refuses to resolve an alarm that says how the branch is.
var ErrAlarmHolds = code.New(code.FailedPrecondition, "that alarm says how the branch is since it was started, and ends with a restart once what it tells of is mended: only alarms about request ids are resolved")

// ResolveAlarm forgets an alarm, with the next commit, and reports whether there
// was such a one. It returns [ErrAlarmHolds] for one that is not resolved by
// saying so.
func (r *Replica) ResolveAlarm(id string) (bool, error) {
	if r.alarms.doubles.resolve(id) {
		r.commit.Sync = true
		return true, nil
	}
	if slices.ContainsFunc(r.Alarms(), func(a Alarm) bool { return a.ID == id }) {
		return false, ErrAlarmHolds
	}
	return false, nil
}

// doubles are the request ids that several entries have.
type doubles struct {
	// kept are those that the operator has not resolved.
	kept []ledger.Double
	// changed are those that the next commit has to write.
	changed []string
}

func (d *doubles) find(id string) *ledger.Double {
	for i := range d.kept {
		if d.kept[i].RequestID == id {
			return &d.kept[i]
		}
	}
	return nil
}

// resolve forgets the request id that an alarm is about, and reports whether there
// was one.
func (d *doubles) resolve(alarm string) bool {
	for i := range d.kept {
		if about := d.kept[i].RequestID; alarmID(AlarmRequestID, about) == alarm {
			d.kept = slices.Delete(d.kept, i, i+1)
			d.change(about)
			return true
		}
	}
	return false
}

func (d *doubles) change(id string) {
	if !slices.Contains(d.changed, id) {
		d.changed = append(d.changed, id)
	}
}

// changes returns what the commit has to write.
func (d *doubles) changes() []ledger.Double {
	var out []ledger.Double
	for _, id := range d.changed {
		if found := d.find(id); found != nil {
			c := *found
			c.Entries = slices.Clone(c.Entries)
			out = append(out, c)
		} else {
			out = append(out, ledger.Double{RequestID: id, Resolved: true})
		}
	}
	d.changed = nil
	return out
}

// foundTwice raises the alarm that an entry has the request id of another: the
// customer was served twice. It goes to disk with the commit that applies the
// entry.
func (al *alarms) foundTwice(at ledger.Position, e *ledger.Entry) {
	d := al.doubles.find(e.RequestID)
	if d == nil && len(al.doubles.kept) >= maxDoubles {
		al.doubles.countUntold()
		return
	}
	if d == nil {
		first, ok := al.own.recorded(e.RequestID)
		if !ok {
			return // the disk failed, and the branch stops
		}
		al.doubles.kept = append(al.doubles.kept, ledger.Double{RequestID: e.RequestID, Entries: []ledger.DoubleEntry{ledger.NewDoubleEntry(first.At, &first.Entry)}})
		d = &al.doubles.kept[len(al.doubles.kept)-1]
	}
	switch {
	case d.Has(at):
		return
	case len(d.Entries) < ledger.MaxDoubleEntries:
		d.Entries = append(d.Entries, ledger.NewDoubleEntry(at, e))
	default:
		d.More++
	}
	al.doubles.change(e.RequestID)
}

// countUntold counts a request id for which there is no room, in a place for all of
// them.
func (d *doubles) countUntold() {
	u := d.find("")
	if u == nil {
		d.kept = append(d.kept, ledger.Double{})
		u = &d.kept[len(d.kept)-1]
	}
	u.More++
	d.change("")
}

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

// LeadLie says which rule a batch breaks that is too far ahead.
func LeadLie(err *ledger.LeadError) Lie {
	if err.What == "epoch" {
		return BadEpoch
	}
	return BadClock
}
