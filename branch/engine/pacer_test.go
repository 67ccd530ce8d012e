package engine

import (
	"testing"
	"time"
)

// began is when the batches of these tests are committed.
var began = time.Unix(1000, 0)

// moment is one time that a pacer is asked, after a batch that was committed when
// the test began.
type moment struct {
	after       time.Duration
	queued      int
	propagating bool
	// want is whether the writes linger, and until how long after the batch if
	// nothing else happens.
	want  bool
	until time.Duration
}

func TestWritesLinger(t *testing.T) {
	const took = maxLinger / 20
	tests := map[string]struct {
		// crowd is how many writes the batch has; alone tells that no peer can be
		// reached.
		crowd   int
		alone   bool
		moments []moment
	}{
		"while the batch before them is on its way": {crowd: 1, moments: []moment{
			{after: took, queued: 0, propagating: true, want: true, until: maxLinger},
			{after: 2 * took, queued: 5, propagating: true, want: true, until: maxLinger},
			{after: maxLinger - 1, queued: 5, propagating: true, want: true, until: maxLinger},
			{after: maxLinger, queued: 5, propagating: true},
		}},
		"for those who were just answered": {crowd: 2, moments: []moment{
			{after: took, queued: 1, want: true, until: took + crowdPatience*took},
			{after: 2 * took, queued: 2, want: true, until: took + crowdPatience*took},
			{after: 3 * took, queued: 3},
		}},
		"until time runs out": {crowd: 2, moments: []moment{
			{after: took, queued: 1, want: true, until: took + crowdPatience*took},
			{after: took + crowdPatience*took - 1, queued: 2, want: true, until: took + crowdPatience*took},
			{after: took + crowdPatience*took, queued: 2},
		}},
		"never for long": {crowd: 2, moments: []moment{
			{after: maxLinger / 2, queued: 1, want: true, until: maxLinger},
			{after: maxLinger, queued: 1},
		}},
		"again when the batch propagates again": {crowd: 2, moments: []moment{ // a peer has come back
			{after: took, queued: 1, want: true, until: took + crowdPatience*took},
			{after: 2 * took, queued: 1, propagating: true, want: true, until: maxLinger},
			{after: 3 * took, queued: 2, want: true, until: 3*took + crowdPatience*3*took},
		}},
		"not where there are none": {crowd: 1, moments: []moment{{after: took, queued: 0}}},
		"not of a single customer": {crowd: 1, moments: []moment{{after: took, queued: 0}, {after: 2 * took, queued: 1}}},
		"not after a grant":        {crowd: 0, moments: []moment{{after: took, queued: 1}}},
		"not when there are many": {crowd: 1, moments: []moment{
			{after: took, queued: maxLingering - 1, propagating: true, want: true, until: maxLinger},
			{after: took, queued: maxLingering, propagating: true},
		}},
		"not without peers": {crowd: 5, alone: true, moments: []moment{{after: took, queued: 1}}},
		"not after a pause": {crowd: 5, moments: []moment{{after: time.Minute, queued: 1}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPacer()
			p.sent(began, test.crowd, !test.alone)
			for _, m := range test.moments {
				if got := p.linger(began.Add(m.after), m.queued, m.propagating); got != m.want {
					t.Errorf("after %v %d writes linger: %v, want %v", m.after, m.queued, got, m.want)
				} else if until := p.until().Sub(began); got && until != m.until {
					t.Errorf("after %v %d writes linger until %v, want %v", m.after, m.queued, until, m.until)
				}
			}
		})
	}
}

func TestTheFirstWriteOfABranchDoesNotLinger(t *testing.T) {
	if p := newPacer(); p.linger(began, 1, false) || p.linger(began, 1, true) {
		t.Error("it waits, and for nothing")
	}
}

// How many customers come again is learned from those that came.
func TestThePacerLearnsHowManyCome(t *testing.T) {
	const took = maxLinger / 20
	// A round is a batch that arrives, and how many writes are there then and when
	// they go; late is whether time ran out.
	type round struct {
		come int
		late bool
	}
	full := func(come, times int) (rounds []round) {
		for range times {
			rounds = append(rounds, round{come: come})
		}
		return rounds
	}
	tests := map[string]struct {
		returning int
		rounds    []round
		want      int
	}{
		"nobody yet":              {returning: 7, want: 7},
		"fewer, and time ran out": {returning: 100, rounds: []round{{come: 3, late: true}}, want: 3},
		"as many":                 {returning: 4, rounds: full(4, crowdTrials-1), want: 4},
		"as many, and again":      {returning: 4, rounds: full(4, crowdTrials), want: 6},
		"as many, with one miss":  {returning: 4, rounds: append(full(4, crowdTrials-1), round{come: 2, late: true}, round{come: 2}), want: 2},
		"more":                    {returning: 4, rounds: full(9, 1), want: 9},
		"more than may linger":    {returning: 4, rounds: full(maxDrained, 1), want: maxLingering},
		"as many as may linger":   {returning: maxLingering, rounds: full(maxLingering, 2*crowdTrials), want: maxLingering},
		"none":                    {returning: 4, rounds: []round{{come: 0, late: true}}, want: 4},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPacer()
			p.returning = test.returning
			at := began
			for _, r := range test.rounds {
				p.sent(at, maxLingering, true)
				at = at.Add(took)
				p.linger(at, min(r.come, 1), false) // it has arrived
				if r.late {
					at = p.until()
				}
				if p.linger(at, r.come, false) {
					t.Fatalf("%d writes linger for %d", r.come, p.fullAt)
				}
				p.released(at, r.come)
			}
			if p.returning != test.want {
				t.Errorf("expects %d, want %d", p.returning, test.want)
			}
		})
	}
}
