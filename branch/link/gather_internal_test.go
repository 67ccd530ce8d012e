package link

import (
	"reflect"
	"slices"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

func outlineOf(bytes int) *ledger.Outline { return &ledger.Outline{Bytes: make([]byte, bytes)} }

func TestFramesGoTogether(t *testing.T) {
	one, two, large := outlineOf(1), outlineOf(2), outlineOf(maxGathered-2)
	wants := []ledger.Position{{Branch: 3, Sequence: 4}}
	manySummons := &protocol.Contest{}
	for contestBytes(manySummons) < maxGathered/3 {
		manySummons.Summons = append(manySummons.Summons, "account")
	}
	tests := map[string]struct {
		frames []*protocol.Frame
		want   *protocol.Frame
		n      int
	}{
		"an ack and a batch": {
			[]*protocol.Frame{{Ack: &protocol.Ack{Applied: 3, Synced: 2}}, {Outlines: []*ledger.Outline{one}}},
			&protocol.Frame{Ack: &protocol.Ack{Applied: 3, Synced: 2}, Outlines: []*ledger.Outline{one}}, 2,
		},
		"batches in their order, and the later ack": {
			[]*protocol.Frame{{Outlines: []*ledger.Outline{one}, Ack: &protocol.Ack{Applied: 3}}, {Outlines: []*ledger.Outline{two}, Ack: &protocol.Ack{Applied: 5, Synced: 5}}},
			&protocol.Frame{Outlines: []*ledger.Outline{one, two}, Ack: &protocol.Ack{Applied: 5, Synced: 5}}, 2,
		},
		"a fork that was told": {
			[]*protocol.Frame{{Ack: &protocol.Ack{Applied: 3, Forked: true}}, {Ack: &protocol.Ack{Applied: 3}}},
			&protocol.Frame{Ack: &protocol.Ack{Applied: 3, Forked: true}}, 2,
		},
		"a wish for a sync": {
			[]*protocol.Frame{{Sync: true}, {Outlines: []*ledger.Outline{one}}, {Wants: wants}},
			&protocol.Frame{Sync: true, Outlines: []*ledger.Outline{one}, Wants: wants}, 3,
		},
		"a hello alone": {
			[]*protocol.Frame{{Hello: &protocol.Hello{}}, {Outlines: []*ledger.Outline{one}}},
			&protocol.Frame{Hello: &protocol.Hello{}}, 1,
		},
		"what is before a hello": {
			[]*protocol.Frame{{Outlines: []*ledger.Outline{one}}, {Hello: &protocol.Hello{}}},
			&protocol.Frame{Outlines: []*ledger.Outline{one}}, 1,
		},
		"wants, which the next would replace": {
			[]*protocol.Frame{{Wants: wants}, {Outlines: []*ledger.Outline{one}}, {Wants: wants}},
			&protocol.Frame{Wants: wants, Outlines: []*ledger.Outline{one}}, 2,
		},
		"what is said of contested accounts": {
			[]*protocol.Frame{{Contest: &protocol.Contest{Summons: []string{"a"}}}, {Contest: &protocol.Contest{Summons: []string{"b"}, Ends: []protocol.ContestEnd{{Account: "c"}}}}},
			&protocol.Frame{Contest: &protocol.Contest{Summons: []string{"a", "b"}, Ends: []protocol.ContestEnd{{Account: "c"}}}}, 2,
		},
		"as much of that as fits": {
			[]*protocol.Frame{{Contest: manySummons}, {Contest: manySummons}, {Contest: manySummons}},
			&protocol.Frame{Contest: &protocol.Contest{Summons: slices.Concat(manySummons.Summons, manySummons.Summons)}}, 2,
		},
		"as many bytes as fit": {
			[]*protocol.Frame{{Outlines: []*ledger.Outline{one}}, {Outlines: []*ledger.Outline{large}}, {Outlines: []*ledger.Outline{two}}},
			&protocol.Frame{Outlines: []*ledger.Outline{one, large}}, 2,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var frames []outgoing
			for _, f := range tt.frames {
				frames = append(frames, outgoing{frame: f})
			}
			got, n := gather(frames)
			if n != tt.n || !reflect.DeepEqual(got.frame, tt.want) {
				t.Errorf("%d frames as %+v, want %d as %+v", n, got.frame, tt.n, tt.want)
			}
		})
	}
}
