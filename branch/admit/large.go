package admit

import (
	"context"
	"runtime"

	"passbook.example/passbook/branch/api"
)

// maxLargeReplies bounds those in hand that may be large: a listing, a status. One
// address has three quarters at most, as of all else. More wait for as long as a
// call may take.
const maxLargeReplies = 64

// largeReplies has a place for each large reply in hand. A listing has one besides
// while it is made, which means read and encoded. There are as many of those as
// processors: every listing that waits for a processor makes deposits wait for one.
type largeReplies struct {
	// places has an element for each that is in hand, making for each listing that
	// is being made.
	places, making chan struct{}
}

func newLargeReplies() largeReplies {
	return largeReplies{places: make(chan struct{}, maxLargeReplies), making: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// enter waits for the places that a request takes, first for those that are left
// to its address. It reports false when it waited in vain.
func (l *largeReplies) enter(in *intake) bool {
	ctx, cancel := context.WithTimeout(in.req.Context(), api.CallTimeout)
	defer cancel()
	wanted := []chan struct{}{in.conn.largePlaces(), l.places, nil}
	if in.procedure.listing {
		wanted[2] = l.making
	}
	for i, places := range wanted {
		if places == nil {
			continue
		}
		select {
		case places <- struct{}{}:
			in.taken[i] = places
		case <-ctx.Done():
			in.leaveLarge()
			return false
		}
	}
	return true
}

// made gives back the place of a reply that is made: a caller who takes it slowly
// holds up nobody whose reply is not made yet.
func (in *intake) made() { in.giveBack(2) }

// leaveLarge gives back all places among the large replies.
func (in *intake) leaveLarge() {
	for i := range in.taken {
		in.giveBack(i)
	}
}

func (in *intake) giveBack(i int) {
	if in.taken[i] != nil {
		<-in.taken[i]
		in.taken[i] = nil
	}
}

// largePlaces returns the places of the large replies of the address that a
// connection comes from. It returns nil where that has no bound.
func (k *Connection) largePlaces() chan struct{} {
	if k == nil {
		return nil
	}
	return k.from.large
}
