package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// readyClient is a branch that is ready, and is heard as long as there is time.
type readyClient struct {
	bankv1connect.BranchServiceClient
}

func (readyClient) GetStatus(ctx context.Context, _ *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, connect.NewError(connect.CodeDeadlineExceeded, err)
	}
	return &bankv1.GetStatusResponse{State: bankv1.BranchState_BRANCH_STATE_SERVING}, nil
}

// goneClient is a branch that refuses connections.
type goneClient struct {
	bankv1connect.BranchServiceClient
}

func (goneClient) GetStatus(context.Context, *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	return nil, errors.New("connection refused")
}

// A branch that is gone, or silent, is named within 2 seconds, with the end of the
// wait; which then ends.
func TestWhatIsWaitedForIsToldInTime(t *testing.T) {
	for _, tt := range []struct {
		name   string
		client bankv1connect.BranchServiceClient
		wait   time.Duration
		want   string
		took   time.Duration
	}{
		{"gone", goneClient{}, 10 * time.Second, "waiting until 00:00:10 UTC: branch 2 can't be reached: connection refused (--fail-fast doesn't wait)\n", 10 * time.Second},
		{"silent", silentClient{}, 10 * time.Second, "waiting until 00:00:10 UTC: branch 2 has not answered yet (--fail-fast doesn't wait)\n", 10 * time.Second},
		{"silent, no wait", silentClient{}, 0, "waiting until 00:00:03 UTC: branch 2 has not answered yet (--fail-fast doesn't wait)\n", statusTimeout},
		{"gone, no wait", goneClient{}, 0, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &survey{ids: []uint32{1, 2}, clients: []bankv1connect.BranchServiceClient{readyClient{}, tt.client}}
				var out bytes.Buffer
				a := &app{ui: &ui{out: &out, err: &out}}
				began, toldAfter := time.Now(), time.Duration(0)
				answers, ready := s.untilNoticed(t.Context(), tt.wait, func(answers []answer, until time.Time) {
					toldAfter = time.Since(began)
					a.ui.waiting(answers, until.UTC())
				})
				if ready || toldAfter > 2*time.Second || out.String() != tt.want {
					t.Errorf("ready %t; told after %v: %q, want %q", ready, toldAfter, out.String(), tt.want)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if !anyReached(answers) {
					t.Errorf("no branch was reached: %+v", answers)
				}
				if err := givenUp(answers)(2, "query"); err == nil || !strings.HasPrefix(err.Error(), "branch 2 can't be reached: ") {
					t.Errorf("branch 2 is given up with %v", err)
				}
				if err := givenUp(answers)(1, "deposit"); err != nil {
					t.Errorf("branch 1 is given up with %v", err)
				}
			})
		})
	}
}

// A branch that recovers answers queries, and is not sent writes.
func TestWhatIsGivenUp(t *testing.T) {
	recovering := answer{branch: 1, status: &bankv1.GetStatusResponse{State: bankv1.BranchState_BRANCH_STATE_RECOVERING, StateReason: "it waits for branch 2"}}
	lost := givenUp([]answer{recovering})
	if err := lost(1, "query"); err != nil {
		t.Errorf("a query fails with %v", err)
	}
	if err := lost(1, "deposit"); err == nil || err.Error() != "branch 1 takes no writes: it waits for branch 2" {
		t.Errorf("a deposit fails with %v", err)
	}
}

// The branch that is gone is named, and not each that does not reach it.
func TestWhatIsGoneIsNamedOnce(t *testing.T) {
	answers := []answer{{branch: 3, err: errors.New("connection refused")}}
	for id := range uint32(2) {
		answers = append(answers, answer{branch: id + 1, status: &bankv1.GetStatusResponse{
			State: bankv1.BranchState_BRANCH_STATE_SERVING,
			Peers: []*bankv1.PeerStatus{{Branch: 2 - id, Reachable: true}, {Branch: 3}},
		}})
	}
	if got, want := unreadyLines(answers), []string{"branch 3 can't be reached: connection refused"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	answers[0] = answer{branch: 3, status: &bankv1.GetStatusResponse{State: bankv1.BranchState_BRANCH_STATE_SERVING}}
	if got, want := unreadyLines(answers), []string{"branch 1 does not reach branch 3", "branch 2 does not reach branch 3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
