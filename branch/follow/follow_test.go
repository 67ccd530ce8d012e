package follow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// lonely is a branch on which nothing happens, and whose peers can't be reached.
type lonely struct {
	tasks sync.WaitGroup
}

// Visit implements Source.
func (*lonely) Visit(ctx context.Context, _ func(*replica.Replica)) error {
	<-ctx.Done()
	return ctx.Err()
}

// FollowAt implements Source.
func (*lonely) FollowAt(context.Context, uint32, *bankv1.FollowRequestRequest, func(*bankv1.FollowRequestResponse)) error {
	return errors.New("connection refused")
}

// Spawn implements Source.
func (s *lonely) Spawn(task func()) bool {
	s.tasks.Go(task)
	return true
}

func newLonely() *Follower {
	return New(Config{Branch: 2, Branches: []uint32{1, 2, 3}}, &lonely{})
}

// follower is somebody who follows, in a goroutine.
type follower struct {
	cancel context.CancelFunc
	told   chan *bankv1.FollowRequestResponse
	err    chan error
}

func start(t *testing.T, f *Follower, req *bankv1.FollowRequestRequest, name string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &follower{cancel: cancel, told: make(chan *bankv1.FollowRequestResponse, 1000), err: make(chan error, 1)}
	go func() {
		w.err <- f.Follow(ctx, req, name, func(m *bankv1.FollowRequestResponse) error {
			w.told <- m
			return nil
		})
	}()
	return w
}

func here(id string) *bankv1.FollowRequestRequest {
	return &bankv1.FollowRequestRequest{RequestId: id, OnlyThisBranch: true}
}

// wantRefused checks that somebody may not follow, and is told so.
func wantRefused(t *testing.T, f *Follower, req *bankv1.FollowRequestRequest, name string, want error) {
	t.Helper()
	w := start(t, f, req, name)
	synctest.Wait()
	select {
	case err := <-w.err:
		if !errors.Is(err, want) || api.CodeOf(err) != connect.CodeResourceExhausted {
			t.Errorf("%v, want %v", err, want)
		}
	default:
		t.Errorf("it may follow, want %v", want)
		w.cancel()
	}
}

func TestFollowersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLonely()
		var all []*follower
		join := func(req *bankv1.FollowRequestRequest, name string) { all = append(all, start(t, f, req, name)) }
		bank := &bankv1.FollowRequestRequest{RequestId: "r"}
		for range maxOfOne {
			join(bank, "ann")
		}
		synctest.Wait()
		wantRefused(t, f, bank, "ann", errTooManyOfOne)
		for i := range MaxFollowers - maxOfOne {
			join(bank, fmt.Sprint("client ", i))
		}
		synctest.Wait()
		wantRefused(t, f, bank, "one more", errTooManyFollowers)
		for range MaxBranchFollowers {
			join(here("r"), "")
		}
		synctest.Wait()
		wantRefused(t, f, here("r"), "", errTooManyFollowers)
		all[0].cancel()
		synctest.Wait()
		join(bank, "ann")
		f.Stop()
		synctest.Wait()
		for i, w := range all {
			if err := <-w.err; i > 0 && !errors.Is(err, api.ErrStopping) {
				t.Errorf("follower %d: %v", i, err)
			}
		}
		if f.followers+f.branchFollowers+len(f.ofOne)+len(f.following()) != 0 {
			t.Errorf("left over: %+v", f)
		}
	})
}

func TestFollowedRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLonely()
		defer f.Stop()
		var all []*follower
		for i := range maxFollowed {
			all = append(all, start(t, f, here(fmt.Sprint(i)), ""))
		}
		synctest.Wait()
		wantRefused(t, f, here("one more"), "", errTooManyFollowed)
		all[7].cancel()
		synctest.Wait()
		start(t, f, here("one more"), "")
		synctest.Wait()
		if n := len(f.following()); n != maxFollowed {
			t.Errorf("%d requests are followed", n)
		}
	})
}

// Nobody follows for ever; and what nobody follows is forgotten.
func TestFollowingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLonely()
		began := time.Now()
		one, other := start(t, f, here("r"), ""), start(t, f, &bankv1.FollowRequestRequest{RequestId: "r"}, "")
		for _, w := range []*follower{one, other} {
			if err := <-w.err; err != nil || time.Since(began) != followTimeout {
				t.Errorf("it ends after %v with %v", time.Since(began), err)
			}
		}
		synctest.Wait()
		if lives := f.lives.Load(); lives != nil {
			t.Errorf("there are still %v", lives)
		}
	})
}

// A follower is told of the other branches once it is known that they don't follow, and
// does not wait for one that says nothing.
func TestTheFirstMessageComesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, source := range map[string]Source{"refused": &lonely{}, "silent": silent{&lonely{}}} {
			f := New(Config{Branch: 2, Branches: []uint32{1, 2, 3}}, source)
			began := time.Now()
			w := start(t, f, &bankv1.FollowRequestRequest{RequestId: "r"}, "")
			first := <-w.told
			if took := time.Since(began); took > firstTimeout || name == "refused" && took > 0 {
				t.Errorf("%s: the first message takes %v", name, took)
			}
			if b := first.GetBranches(); len(b) != 3 || b[0].GetFollows() || !b[1].GetFollows() || (b[0].GetReason() == "it can't be reached") != (name == "refused") {
				t.Errorf("%s: the first message says %v", name, b)
			}
			f.Stop()
			if err := <-w.err; !errors.Is(err, api.ErrStopping) {
				t.Errorf("%s: it ends with %v", name, err)
			}
		}
	})
}

// silent has peers that never answer.
type silent struct{ *lonely }

// FollowAt implements Source.
func (silent) FollowAt(ctx context.Context, _ uint32, _ *bankv1.FollowRequestRequest, _ func(*bankv1.FollowRequestResponse)) error {
	<-ctx.Done()
	return ctx.Err()
}

// What is not named, or has a name that hides something, is not followed.
func TestWhatCantBeFollowed(t *testing.T) {
	for _, id := range []string{"", "a\u202eb", string(make([]byte, 200))} {
		err := newLonely().Follow(t.Context(), here(id), "", nil)
		if api.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A request belongs to its customer: nobody sees the steps of another's under the same id.
func TestRequestsOfOthersAreNotSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLonely()
		defer f.Stop()
		w := start(t, f, &bankv1.FollowRequestRequest{RequestId: "r", Customer: "ann", OnlyThisBranch: true}, "ann")
		<-w.told
		for _, customer := range []string{"bob", "", "ann"} {
			e := &ledger.Entry{RequestID: "r", Customer: customer, Account: "a", Sequence: 1}
			f.Asked(e)
			f.Answered(e, errors.New("no"))
		}
		synctest.Wait()
		steps := 0
		for len(w.told) > 0 {
			steps += len((<-w.told).GetBranches()[0].GetSteps())
		}
		if steps != 2 {
			t.Errorf("%d steps, want the two of ann's request", steps)
		}
	})
}

// A request that is sent again and again has so many steps, and no more.
func TestTheStepsOfALifeAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLonely()
		defer f.Stop()
		w := start(t, f, here("r"), "")
		<-w.told
		e := &ledger.Entry{RequestID: "r", Account: "a", Sequence: 1}
		for range 100 {
			f.Asked(e)
			for peer := ledger.BranchID(1); peer <= 3; peer++ {
				f.Sending(protocol.Message{To: peer, Claim: &protocol.Claim{ID: uint64(peer), Account: "a"}})
				f.Sending(protocol.Message{To: peer, Claim: &protocol.Claim{ID: uint64(peer), Account: "of somebody else"}})
				f.Received(protocol.Message{From: peer, ClaimAnswer: &protocol.ClaimAnswer{ID: uint64(peer)}})
				f.Received(protocol.Message{From: 9, ClaimAnswer: &protocol.ClaimAnswer{ID: uint64(peer)}})
			}
			f.Forwarded(e, 3)
			f.Answered(e, nil)
		}
		l := f.following()[request{"", "r"}]
		if want := 3*maxRepeats + 2*3; len(l.steps) != want || len(l.claims) != 0 {
			t.Errorf("%d steps, want %d; %d questions wait for an answer", len(l.steps), want, len(l.claims))
		}
	})
}

// As long as nobody follows anything, what the branch tells needs no memory.
func TestWhatNobodyFollowsCostsNothing(t *testing.T) {
	f, none := newLonely(), (*Follower)(nil)
	e := &ledger.Entry{RequestID: "r"}
	commit := &ledger.Commit{Sync: true, Batches: []ledger.StoredBatch{{Sealed: ledger.NewSealed(&ledger.Batch{Branch: 1, Entries: []ledger.Entry{*e}})}}}
	frame := protocol.Message{Frame: &protocol.Frame{}}
	n := testing.AllocsPerRun(100, func() {
		for _, f := range []*Follower{f, none} {
			f.Asked(e)
			f.Forwarded(e, 1)
			f.Answered(e, nil)
			f.Committed(commit)
			f.Sending(frame)
			f.Received(frame)
			f.Observe(nil, commit)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
