package journal

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// Lag says that one directory has less of a journal than another.
type Lag struct {
	// Dir is the one that has less, Ahead one that has the most.
	Dir, Ahead string
	// Branch is the writer of the journal.
	Branch ledger.BranchID
	// At is where the journal ends in Dir; Missing is how many entries more
	// there are in Ahead.
	At, Missing uint64
}

// Compare compares directories of one bank: of two copies of a journal, one must be
// the beginning of the other, and a request id belongs to one entry. It reports where
// that is not so, and returns which directories are behind, which is no fault. It
// leaves out directories in which Verify has found something.
func Compare(dirs []*Verified, report func(Finding)) ([]Lag, error) {
	var sound []*Verified
	for _, v := range dirs {
		if v.Findings == 0 {
			sound = append(sound, v)
		}
	}
	if len(sound) < 2 {
		return nil, nil
	}
	c := comparison{report: report, dirs: sound[:1]}
	for _, v := range sound[1:] {
		if c.sameBank(v) {
			c.dirs = append(c.dirs, v)
		}
	}
	var lags []Lag
	for i := range c.dirs[0].Journals {
		more, err := c.journal(i)
		if err != nil {
			return nil, err
		}
		lags = append(lags, more...)
	}
	return lags, c.requests()
}

type comparison struct {
	report func(Finding) // gets each finding
	// dirs are of one bank.
	dirs []*Verified
}

func (c *comparison) found(v *Verified, place, format string, args ...any) {
	v.Findings++
	c.report(Finding{Dir: v.Dir, Place: place, Problem: fmt.Sprintf(format, args...)})
}

func (c *comparison) sameBank(v *Verified) bool {
	want, got := c.dirs[0].Identity, v.Identity
	if !got.sameBank(want) {
		c.found(v, keyName(identityKey), "it belongs to %v, %s to %v", got, c.dirs[0].Dir, c.dirs[0].Identity)
		return false
	}
	return true
}

// journal compares all copies of one journal with the longest. A hash stands
// for all that leads up to it, so only a different hash calls for a search for the
// fork.
func (c *comparison) journal(i int) ([]Lag, error) {
	longest := c.dirs[0]
	for _, v := range c.dirs {
		if v.Journals[i].Sequence > longest.Journals[i].Sequence {
			longest = v
		}
	}
	var lags []Lag
	for _, v := range c.dirs {
		at := v.Journals[i]
		hash, _, err := v.j.HashAt(at.Branch, at.Sequence)
		if err != nil {
			return nil, err
		}
		other, ok, err := longest.j.HashAt(at.Branch, at.Sequence)
		if err != nil {
			return nil, err
		}
		if at.Sequence > 0 && (!ok || hash != other) {
			if err := c.fork(at.Branch, v, longest); err != nil {
				return nil, err
			}
			continue
		}
		if missing := longest.Journals[i].Sequence - at.Sequence; missing > 0 {
			lags = append(lags, Lag{Dir: v.Dir, Ahead: longest.Dir, Branch: at.Branch, At: at.Sequence, Missing: missing})
		}
	}
	return lags, nil
}

// fork reports the first batch of a journal that differs between two directories.
func (c *comparison) fork(b ledger.BranchID, v, other *Verified) (err error) {
	var iters [2]*pebble.Iterator
	for i, dir := range []*Verified{v, other} {
		iter, err := dir.j.batches(b, 0, 1<<64-1)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, iter.Close()) }()
		iters[i] = iter
	}
	for mine, theirs := iters[0].First(), iters[1].First(); mine && theirs; mine, theirs = iters[0].Next(), iters[1].Next() {
		left, sealed, err := current(iters[0])
		if err != nil {
			return err
		}
		right, _, err := current(iters[1])
		if err != nil {
			return err
		}
		if left.hash != right.hash {
			c.found(v, fmt.Sprintf("journal of branch %d", b), "it has forked: at sequence %d it has another batch than %s", sealed.Batch.FirstSequence, other.Dir)
			return nil
		}
	}
	return errors.Join(iters[0].Error(), iters[1].Error())
}

// requests searches for request ids that two directories have in different places.
// Verify has compared the entries that both have, so this reads only entries that the
// other one lacks.
func (c *comparison) requests() error {
	for _, v := range c.dirs {
		for _, other := range c.dirs {
			if v == other {
				continue
			}
			for i, at := range v.Journals {
				if err := c.requestsAfter(v, other, at.Branch, other.Journals[i].Sequence); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *comparison) requestsAfter(v, other *Verified, b ledger.BranchID, after uint64) error {
	return v.j.scan(b, after, func(key []byte, stored storedBatch) (bool, error) {
		s, err := stored.open(key)
		if err != nil {
			return false, err
		}
		for i := range s.Batch.Entries {
			e := &s.Batch.Entries[i]
			request := e.RequestKey()
			if request == "" {
				continue
			}
			rec, ok, err := other.j.Request(request)
			if err != nil {
				return false, err
			}
			here := ledger.Position{Branch: b, Sequence: e.Sequence}
			if ok && rec.At != here {
				c.found(v, request.String(), "%s has it, and %s in %s", entryName(here), entryName(rec.At), other.Dir)
			}
		}
		return true, nil
	})
}
