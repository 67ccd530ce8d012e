package feed

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/protocol"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// tripsOf returns the round trips of the one report in a message, by peer; nil when
// there is no report.
func tripsOf(t *testing.T, m *bankv1.WatchResponse) map[uint32]int64 {
	t.Helper()
	if len(m.GetReports()) == 0 {
		return nil
	}
	if len(m.GetReports()) != 1 {
		t.Fatalf("%d reports", len(m.GetReports()))
	}
	out := map[uint32]int64{}
	for _, trip := range m.GetReports()[0].GetRoundTrips() {
		out[trip.GetBranch()] = trip.GetTookUs()
	}
	return out
}

// A branch reports the round trips that it knows, and later those that have changed by
// much. One that only wobbles makes no report at all.
func TestRoundTripsAreReportedWhenTheyHaveChanged(t *testing.T) {
	r := newReporter(stillFeed(t), "a")
	var has seen
	report := func(two, three protocol.Micros) map[uint32]int64 {
		r.picture.version++
		peers := []protocol.PeerStatus{{Branch: 2, Exchanging: true, Trip: two}, {Branch: 3, Exchanging: true, Trip: three}}
		r.showReport(&glance{status: protocol.Status{Peers: peers}, escrow: make([]int64, 3)})
		m := r.picture.since(has, time.Now())
		has = seen{version: r.picture.version}
		return tripsOf(t, m)
	}
	for _, step := range []struct {
		what       string
		two, three protocol.Micros
		want       map[uint32]int64
	}{
		{"only one is known", 40_000, 0, map[uint32]int64{2: 40_000}},
		{"nothing has changed", 40_000, 0, nil},
		{"both are known", 40_000, 30, map[uint32]int64{3: 30}},
		{"both wobble", 43_999, 129, nil},
		{"and back", 36_001, 1, nil},
		{"the far one has changed", 44_000, 129, map[uint32]int64{2: 44_000}},
		{"the near one has changed", 44_000, 130, map[uint32]int64{3: 130}},
		{"both are nearer", 39_600, 30, map[uint32]int64{2: 39_600, 3: 30}},
	} {
		if diff := cmp.Diff(step.want, report(step.two, step.three)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
	if diff := cmp.Diff(map[uint32]int64{2: 39_600, 3: 30}, tripsOf(t, r.picture.since(seen{}, time.Now()))); diff != "" {
		t.Errorf("to somebody who has seen nothing (-want +got):\n%s", diff)
	}
}

// heardTrips is what branch 2 of three reports of round trips.
func heardTrips(complete bool, trips ...*bankv1.RoundTrip) *bankv1.WatchResponse {
	m := heard(2, complete)
	m.Reports[0].RoundTrips = trips
	return m
}

// A survey passes on the round trips that it hears. A branch that has started again
// knows none of those from before.
func TestASurveyPassesOnRoundTrips(t *testing.T) {
	v := newSurvey(stillFeed(t), "a", nil)
	defer v.cancel()
	has := seen{version: v.picture.version}
	hear := func(m *bankv1.WatchResponse) map[uint32]int64 {
		v.hear(2, m)
		news := v.picture.since(has, time.Now())
		has = seen{version: v.picture.version}
		return tripsOf(t, news)
	}
	for _, step := range []struct {
		what string
		m    *bankv1.WatchResponse
		want map[uint32]int64
	}{
		{"both", heardTrips(true, &bankv1.RoundTrip{Branch: 1, TookUs: 7}, &bankv1.RoundTrip{Branch: 3, TookUs: 9}), map[uint32]int64{1: 7, 3: 9}},
		{"one has changed", heardTrips(false, &bankv1.RoundTrip{Branch: 3, TookUs: 5}), map[uint32]int64{3: 5}},
		{"none has changed", heardTrips(false), nil},
		{"started again", heardTrips(true, &bankv1.RoundTrip{Branch: 3, TookUs: 5}), map[uint32]int64{1: 0}},
	} {
		if diff := cmp.Diff(step.want, hear(step.m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
	whole := v.picture.since(seen{}, time.Now()).GetReports()[1]
	if trips := whole.GetRoundTrips(); len(trips) != 1 || trips[0].GetBranch() != 3 || trips[0].GetTookUs() != 5 {
		t.Errorf("to somebody who has seen nothing: %v", trips)
	}
}

// A branch may report any round trips: those to branches that there are count, one
// each, and none takes less than nothing or longer than a minute.
func TestRoundTripsThatLieAreBounded(t *testing.T) {
	v := newSurvey(stillFeed(t), "a", nil)
	defer v.cancel()
	var trips []*bankv1.RoundTrip
	for i := range uint32(100_000) {
		trips = append(trips, &bankv1.RoundTrip{Branch: i % 5, TookUs: math.MaxInt64}, &bankv1.RoundTrip{Branch: math.MaxUint32 - i, TookUs: 1})
	}
	trips = append(trips, &bankv1.RoundTrip{Branch: 3, TookUs: math.MinInt64}, nil)
	v.hear(2, heardTrips(true, trips...))
	if diff := cmp.Diff([]int64{maxReportedTrip, 0, 0}, v.picture.reports[v.place(2)].trips); diff != "" {
		t.Errorf("round trips of branch 2 (-want +got):\n%s", diff)
	}
}
