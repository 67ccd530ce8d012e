package survey

import (
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

// readyClient is a branch that is ready, and answers as long as there is time.
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

// A branch that is gone or silent is named within 2 seconds, with the end of the
// wait. The wait ends then.
func TestWhatIsWaitedForIsToldInTime(t *testing.T) {
	for _, tt := range []struct {
		name   string
		client bankv1connect.BranchServiceClient
		wait   time.Duration
		want   string
		took   time.Duration
	}{
		{"gone", goneClient{}, 10 * time.Second, "waiting until 00:00:10 UTC: branch 2 can't be reached: connection refused (--fail-fast doesn't wait)", 10 * time.Second},
		{"silent", silentClient{}, 10 * time.Second, "waiting until 00:00:10 UTC: branch 2 has not answered yet (--fail-fast doesn't wait)", 10 * time.Second},
		{"silent, no wait", silentClient{}, 0, "waiting until 00:00:03 UTC: branch 2 has not answered yet (--fail-fast doesn't wait)", statusTimeout},
		{"gone, no wait", goneClient{}, 0, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Survey{ids: []uint32{1, 2}, clients: []bankv1connect.BranchServiceClient{readyClient{}, tt.client}}
				told := ""
				began, toldAfter := time.Now(), time.Duration(0)
				answers, ready := s.UntilNoticed(t.Context(), tt.wait, func(answers []Answer, until time.Time) {
					toldAfter = time.Since(began)
					told = WaitingLine(answers, until.UTC())
				})
				if ready || toldAfter > 2*time.Second || told != tt.want {
					t.Errorf("ready %t; told after %v: %q, want %q", ready, toldAfter, told, tt.want)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if !AnyReached(answers) {
					t.Errorf("no branch was reached: %+v", answers)
				}
				if err := GivenUp(answers)(2, "query"); err == nil || !strings.HasPrefix(err.Error(), "branch 2 can't be reached: ") {
					t.Errorf("branch 2 is given up with %v", err)
				}
				if err := GivenUp(answers)(1, "deposit"); err != nil {
					t.Errorf("branch 1 is given up with %v", err)
				}
			})
		})
	}
}

// A branch that recovers answers queries, and is not sent writes.
func TestWhatIsGivenUp(t *testing.T) {
	recovering := Answer{Branch: 1, Status: &bankv1.GetStatusResponse{State: bankv1.BranchState_BRANCH_STATE_RECOVERING, StateReason: "it waits for branch 2"}}
	lost := GivenUp([]Answer{recovering})
	if err := lost(1, "query"); err != nil {
		t.Errorf("a query fails with %v", err)
	}
	if err := lost(1, "deposit"); err == nil || err.Error() != "branch 1 takes no writes: it waits for branch 2" {
		t.Errorf("a deposit fails with %v", err)
	}
}

// Only the branch that is gone is named, and not those that don't reach it.
func TestWhatIsGoneIsNamedOnce(t *testing.T) {
	answers := []Answer{{Branch: 3, Err: errors.New("connection refused")}}
	for id := range uint32(2) {
		answers = append(answers, Answer{Branch: id + 1, Status: &bankv1.GetStatusResponse{
			State: bankv1.BranchState_BRANCH_STATE_SERVING,
			Peers: []*bankv1.PeerStatus{{Branch: 2 - id, Reachable: true}, {Branch: 3}},
		}})
	}
	if got, want := UnreadyLines(answers), []string{"branch 3 can't be reached: connection refused"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	answers[0] = Answer{Branch: 3, Status: &bankv1.GetStatusResponse{State: bankv1.BranchState_BRANCH_STATE_SERVING}}
	if got, want := UnreadyLines(answers), []string{"branch 1 does not reach branch 3", "branch 2 does not reach branch 3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
