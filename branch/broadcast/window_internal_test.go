package broadcast

import (
	"testing"

	"passbook.example/passbook/branch/protocol"
)

// A window grows while it is too small and acks come in a round trip, and shrinks when they
// take longer: something waits before them.
func TestAWindowFollowsTheAcks(t *testing.T) {
	const trip protocol.Millis = 100
	quick, late, between := trip+quickAck-1, trip+slowAck+1, trip+(quickAck+slowAck)/2
	for name, test := range map[string]struct {
		size   int
		filled bool
		took   protocol.Millis
		since  protocol.Millis
		want   int
	}{
		"filled, and acks are quick":      {filled: true, took: quick, since: trip, want: leastWindowBytes * 3 / 2},
		"not filled":                      {took: quick, since: trip, want: 0},
		"acks take a little longer":       {size: 4 << 20, filled: true, took: between, since: trip, want: 4 << 20},
		"acks are late":                   {size: 4 << 20, filled: true, took: late, since: trip, want: 3 << 20},
		"acks are late, and it is small":  {filled: true, took: late, since: trip, want: leastWindowBytes},
		"it was changed a moment ago":     {size: 4 << 20, filled: true, took: late, since: trip - 1, want: 4 << 20},
		"it is as large as it may become": {size: mostWindowBytes, filled: true, took: quick, since: trip, want: mostWindowBytes},
	} {
		t.Run(name, func(t *testing.T) {
			w := window{size: test.size, filled: test.filled, changedAt: 1000}
			w.fit(1000+test.since, test.took, trip)
			if w.size != test.want {
				t.Errorf("its size is %d, want %d", w.size, test.want)
			}
		})
	}
}

// A window is open until its bytes are on their way, and then again when some are acked.
func TestAWindowOpensWithAcks(t *testing.T) {
	w := window{next: 1, size: 3 << 20}
	for last := uint64(1); w.isOpen(); last++ {
		w.send(protocol.Millis(last), last, 1<<20)
	}
	if w.inflightBytes != 3<<20 || w.next != 4 {
		t.Fatalf("%d bytes are on their way, %d is next", w.inflightBytes, w.next)
	}
	if took := w.ack(50, 2); took != 48 || !w.isOpen() || w.inflightBytes != 1<<20 {
		t.Errorf("it took %d, it is open: %v, %d bytes are on their way", took, w.isOpen(), w.inflightBytes)
	}
	w.probing, w.size = true, mostWindowBytes
	if w.isOpen() {
		t.Error("a peer that is late is sent more than one batch")
	}
}
