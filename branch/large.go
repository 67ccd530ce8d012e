package branch

import (
	"context"
	"runtime"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// maxLargeReplies bounds those in hand that may be large: a listing, a status. One
// address has three quarters at most, as of all else. More wait for as long as a
// call may take.
const maxLargeReplies = 64

// largeReplies has a place for each large reply in hand. A listing has one besides
// while it is made, that is read and encoded: they are as many as there are
// processors, since all that wait for a processor make who deposits wait for one.
type largeReplies struct{ places, making chan struct{} }

func newLargeReplies() largeReplies {
	return largeReplies{places: make(chan struct{}, maxLargeReplies), making: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// isLarge reports whether the reply of a procedure may be large.
func isLarge(procedure string) bool {
	return procedure == bankv1connect.BranchServiceListEntriesProcedure || procedure == bankv1connect.BranchServiceGetStatusProcedure
}

// enter waits for the places that a request takes, first for those that are left
// to its address. It reports false when it waited in vain.
func (l *largeReplies) enter(in *intake) bool {
	ctx, cancel := context.WithTimeout(in.req.Context(), api.CallTimeout)
	defer cancel()
	wanted := []chan struct{}{in.conn.largePlaces(), l.places, nil}
	if in.req.URL.Path == bankv1connect.BranchServiceListEntriesProcedure { // made here
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

// made gives back the place of a reply that is made: who takes it slowly holds up
// nobody whose reply is not made yet.
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

// largePlaces has the places of the large replies of the address that a connection
// comes from. It is nil where that has no bound.
func (k *connection) largePlaces() chan struct{} {
	if k == nil {
		return nil
	}
	return k.from.large
}
