package admit

// Every kind of calls has a share of its own, so that a caller who uses up one takes
// nothing of the others. A share bounds the requests in hand: being read, carried
// out, or answered. Those whose message has not come yet, the silent ones, are its
// idle ones.
const (
	// maxRequests bounds those of customers that take one message and return one.
	maxRequests, maxSilentRequests = 16384, 4096
	// maxPeerRequests bounds those of peers that are not links.
	maxPeerRequests, maxSilentPeerRequests = 4096, 1024
	// maxSilentWatchRequests bounds those to watch that have not said what yet.
	maxSilentWatchRequests = 1024
	// maxHealthRequests bounds those that ask how a branch does.
	maxHealthRequests, maxSilentHealthRequests = 1024, 256
	// maxReflections bounds the streams of reflection.
	maxReflections, maxSilentReflections = 256, 64
	// maxPageRequests bounds those for what is no call: the page, mostly.
	maxPageRequests, maxSilentPageRequests = 1024, 256
)

// shares are those of a branch's requests. Links are bounded by Openings, and streams
// of lists by their handler.
type shares struct {
	// customers and peers have those that take one message and return one.
	customers, peers *Share
	// watches, health and reflections have those of Watch, of health checks and of
	// reflection.
	watches, health, reflections *Share
	// page has all others.
	page *Share
}

func newShares(maxWatches int) shares {
	// Of all but reflection a request is one message, which must have come in time.
	ofRequests := func(most, mostSilent int) *Share {
		return &Share{most: most, mostIdle: mostSilent, patience: RequestTimeout}
	}
	return shares{
		customers:   ofRequests(maxRequests, maxSilentRequests),
		peers:       ofRequests(maxPeerRequests, maxSilentPeerRequests),
		watches:     ofRequests(maxWatches, maxSilentWatchRequests),
		health:      ofRequests(maxHealthRequests, maxSilentHealthRequests),
		reflections: NewShare(maxReflections, maxSilentReflections),
		page:        ofRequests(maxPageRequests, maxSilentPageRequests),
	}
}
