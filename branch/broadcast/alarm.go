package broadcast

import (
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Alarms are what needs an operator, and the messages that were refused.
type Alarms struct {
	*Core           // what all parts know
	own   *OwnBatch // entries of this branch
	// raised are the alarms about this run of the branch.
	raised []protocol.Alarm
	// doubles are the request ids that several entries have.
	doubles doubles
	// refused counts the messages refused, by the index of the peer.
	refused []refusals
	// refusalAlarms counts the alarms about refused messages.
	refusalAlarms int
}

func newAlarms(c *Core, own *OwnBatch) Alarms {
	return Alarms{Core: c, own: own, doubles: doubles{kept: slices.Clone(c.Config.Doubles)}, refused: make([]refusals, c.N)}
}

// raise raises an alarm, unless there is one with the same text.
func (al *Alarms) raise(kind protocol.AlarmKind, text string) {
	if len(al.raised) < maxAlarms && !slices.ContainsFunc(al.raised, func(a protocol.Alarm) bool { return a.Text == text }) {
		al.raised = append(al.raised, protocol.NewAlarm(kind, text))
	}
}

// AllAlarms returns the alarms, those that are on disk first.
func (j *Journals) AllAlarms() []protocol.Alarm {
	var all []protocol.Alarm
	for i := range j.Alarms.doubles.kept {
		d := j.Alarms.doubles.kept[i]
		d.Entries = slices.Clone(d.Entries)
		all = append(all, protocol.AlarmOf(d))
	}
	for _, f := range j.intake.forks.openForks() {
		all = append(all, protocol.AlarmOfFork(*f, j.Config.ID))
	}
	all = append(all, j.Alarms.raised...)
	for _, text := range j.founding.strangers {
		if text != "" {
			all = append(all, protocol.NewAlarm(protocol.AlarmOtherBank, text))
		}
	}
	return all
}

// alarmTexts returns the texts of the alarms, as many as a status may have.
func (j *Journals) alarmTexts() []string {
	all := j.AllAlarms()
	var texts []string
	for i, a := range all {
		if len(all) > maxAlarms && i == maxAlarms-1 {
			return append(texts, fmt.Sprintf("and %d more alarms, which ListAlarms lists", len(all)-i))
		}
		texts = append(texts, a.Text)
	}
	return texts
}

// ResolveAlarm forgets an alarm about a request id. A fork is resolved by ResolveFork.
func (j *Journals) ResolveAlarm(id string) (bool, error) {
	if j.Alarms.doubles.resolve(id) {
		j.commit.Sync = true
		return true, nil
	}
	if f, _ := j.Fork(id); f != nil {
		return false, protocol.ErrForkHolds
	}
	if slices.ContainsFunc(j.AllAlarms(), func(a protocol.Alarm) bool { return a.ID == id }) {
		return false, protocol.ErrAlarmHolds
	}
	return false, nil
}

// doubles are the request ids that several entries have.
type doubles struct {
	// kept are those that the operator has not resolved.
	kept []ledger.Double
	// changed are those that the next commit has to write.
	changed []ledger.RequestKey
}

func (d *doubles) find(key ledger.RequestKey) *ledger.Double {
	for i := range d.kept {
		if d.kept[i].Key() == key {
			return &d.kept[i]
		}
	}
	return nil
}

// resolve forgets the request id that an alarm is about, and reports whether there
// was one.
func (d *doubles) resolve(alarm string) bool {
	for i := range d.kept {
		if about := d.kept[i].Key(); protocol.DoubleAlarmID(about) == alarm {
			d.kept = slices.Delete(d.kept, i, i+1)
			d.change(about)
			return true
		}
	}
	return false
}

func (d *doubles) change(key ledger.RequestKey) {
	if !slices.Contains(d.changed, key) {
		d.changed = append(d.changed, key)
	}
}

// changes returns the request ids that the commit has to write.
func (d *doubles) changes() []ledger.Double {
	var out []ledger.Double
	for _, key := range d.changed {
		if found := d.find(key); found != nil {
			c := *found
			c.Entries = slices.Clone(c.Entries)
			out = append(out, c)
		} else {
			customer, id := key.Split()
			out = append(out, ledger.Double{Customer: customer, RequestID: id, Resolved: true})
		}
	}
	d.changed = nil
	return out
}

// foundTwice raises the alarm that an entry has the request id of another: the
// customer was served twice. It goes to disk with the commit that applies the
// entry.
func (al *Alarms) foundTwice(at ledger.Position, e *ledger.Entry) {
	key := e.RequestKey()
	d := al.doubles.find(key)
	if d == nil && len(al.doubles.kept) >= maxDoubles {
		al.doubles.countUntold()
		return
	}
	if d == nil {
		first, ok := al.own.Recorded(key)
		if !ok {
			return // the disk failed, and the branch stops
		}
		al.doubles.kept = append(al.doubles.kept, ledger.Double{Customer: e.Customer, RequestID: e.RequestID, Entries: []ledger.DoubleEntry{ledger.NewDoubleEntry(first.At, &first.Entry)}})
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
	al.doubles.change(key)
}

// countUntold counts a request id for which there is no room, in one item for all
// such ids.
func (d *doubles) countUntold() {
	u := d.find("")
	if u == nil {
		d.kept = append(d.kept, ledger.Double{})
		u = &d.kept[len(d.kept)-1]
	}
	u.More++
	d.change("")
}
