package feed

import (
	"slices"
	"time"

	"passbook.example/passbook/branch/protocol"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// What a picture tells of round trips. A branch measures them over and over, and no
// two take equally long. If each of them were told, a branch would report all the time
// although nothing has happened. So a reporter shows another one only if it differs
// notably from the one that is shown.

const (
	// notableShare is by which part of itself a round trip must have changed: one in
	// so many.
	notableShare = 10
	// notableTrip is by how much it must have changed, in microseconds: two branches on
	// one machine are never equally far for long.
	notableTrip = 100
	// maxReportedTrip bounds a round trip, in microseconds, since a branch may report
	// what it likes.
	maxReportedTrip = int64(time.Minute / time.Microsecond)
)

// isNotable reports whether a round trip has changed by enough to be told. The first
// one always has.
func isNotable(shown, us int64) bool {
	change := max(us-shown, shown-us)
	return shown == 0 && us > 0 || change >= max(shown/notableShare, notableTrip)
}

// showTrips takes what a branch has measured itself.
func (p *picture) showTrips(at *pictured, peers []protocol.PeerStatus) {
	for _, peer := range peers {
		j, ok := slices.BinarySearch(p.branches, uint32(peer.Branch))
		if ok && isNotable(at.trips[j], int64(peer.Trip)) {
			p.measure(at, j, int64(peer.Trip))
		}
	}
}

// hearTrips takes what a branch reports, complete or only the changes. Peers that the
// bank doesn't have are left out, and so is the branch itself.
func (p *picture) hearTrips(at *pictured, reported []*bankv1.RoundTrip, complete bool) {
	if !complete && len(reported) == 0 {
		return
	}
	fresh := slices.Clone(at.trips)
	if complete {
		clear(fresh)
	}
	for _, t := range reported {
		if j, ok := slices.BinarySearch(p.branches, t.GetBranch()); ok && t.GetBranch() != at.report.branch {
			fresh[j] = min(max(t.GetTookUs(), 0), maxReportedTrip)
		}
	}
	for j, us := range fresh {
		p.measure(at, j, us)
	}
}

// measure puts a round trip into a branch's report.
func (p *picture) measure(at *pictured, peer int, us int64) {
	if at.trips[peer] != us {
		at.trips[peer] = us
		at.measured[peer], at.changed = p.version, p.version
	}
}

// tripsToProto encodes the round trips that have changed since a version. A watcher
// who has seen nothing is told those that are known.
func (p *picture) tripsToProto(at *pictured, version uint64) []*bankv1.RoundTrip {
	var out []*bankv1.RoundTrip
	for j, us := range at.trips {
		if at.measured[j] > version && (us > 0 || version > 0) {
			out = append(out, &bankv1.RoundTrip{Branch: p.branches[j], TookUs: us})
		}
	}
	return out
}
