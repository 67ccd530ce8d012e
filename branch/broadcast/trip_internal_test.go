package broadcast

import (
	"testing"

	"passbook.example/passbook/branch/protocol"
)

// A peer is far if all of its round trips take long, and not if some do.
func TestFarPeers(t *testing.T) {
	const short, long = farTrip / 10, 10 * farTrip
	type sample struct {
		at   protocol.Millis
		took protocol.Micros
	}
	for name, test := range map[string]struct {
		samples []sample
		far     bool
	}{
		"nothing is known":            {},
		"near":                        {samples: []sample{{0, short}, {1000, short}}},
		"far":                         {samples: []sample{{0, long}, {1000, long}}, far: true},
		"near and busy":               {samples: []sample{{0, long}, {1000, short}, {2000, long}}},
		"busy for two spans":          {samples: []sample{{0, short}, {tripSpan, long}, {2*tripSpan - 1, long}}},
		"it has moved away":           {samples: []sample{{0, short}, {tripSpan, long}, {2 * tripSpan, long}}, far: true},
		"it has come nearer":          {samples: []sample{{0, long}, {1, short}}},
		"quicker than can be told":    {samples: []sample{{0, 0}}},
		"as long as makes it far":     {samples: []sample{{0, farTrip}}, far: true},
		"not quite long enough":       {samples: []sample{{0, farTrip - 1}}},
		"near, long ago, and far now": {samples: []sample{{0, short}, {100 * tripSpan, long}, {101 * tripSpan, long}}, far: true},
	} {
		t.Run(name, func(t *testing.T) {
			var p trip
			for _, s := range test.samples {
				p.add(s.at, s.took)
			}
			if p.isFar() != test.far {
				t.Errorf("it is far: %v, want %v, after %+v", p.isFar(), test.far, test.samples)
			}
		})
	}
}

// A peer may take a few of its round trips, but one that answers late on purpose not for
// ever.
func TestTimeoutsFollowRoundTrips(t *testing.T) {
	const timeout protocol.Millis = 1000
	for _, test := range []struct {
		trip protocol.Micros
		want protocol.Millis
	}{
		{0, timeout},
		{200_000, timeout},
		{1_200_000, 3600},
		{3_600_000_000, tripsAllowed * mostTrip * timeout},
	} {
		c := Core{Config: protocol.Config{PeerTimeout: timeout}}
		if got := c.Timeout(&Peer{trip: trip{usual: test.trip}}); got != test.want {
			t.Errorf("a round trip of %d µs: %d ms, want %d", test.trip, got, test.want)
		}
	}
}

// The usual round trip follows those that come slowly, but for one that is much quicker:
// then the earlier ones have waited for something.
func TestTheUsualRoundTrip(t *testing.T) {
	for name, test := range map[string]struct {
		took []protocol.Micros
		want protocol.Micros
	}{
		"one":                   {[]protocol.Micros{800}, 800},
		"one in eight":          {[]protocol.Micros{800, 1600}, 900},
		"a little quicker":      {[]protocol.Micros{800, 400}, 750},
		"it was busy before":    {[]protocol.Micros{200_000, 150_000, 400}, 400},
		"and is now and then":   {[]protocol.Micros{400, 200_400, 400}, 400},
		"it has become farther": {[]protocol.Micros{400, 8_400, 8_400}, 400 + 1000 + 875},
	} {
		t.Run(name, func(t *testing.T) {
			var p trip
			for _, took := range test.took {
				p.add(0, took)
			}
			if p.usual != test.want {
				t.Errorf("it takes %d µs, want %d", p.usual, test.want)
			}
		})
	}
}
