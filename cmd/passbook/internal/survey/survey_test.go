package survey

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// heldClient is a branch that answers once release is closed.
type heldClient struct {
	bankv1connect.BranchServiceClient
	asked   *atomic.Int64
	release chan struct{}
}

// GetStatus waits.
func (c heldClient) GetStatus(context.Context, *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	c.asked.Add(1)
	<-c.release
	return &bankv1.GetStatusResponse{}, nil
}

func TestBranchesAskedAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		release := make(chan struct{})
		var s Survey
		for id := range uint32(asking + 10) {
			s.ids = append(s.ids, id+1)
			s.clients = append(s.clients, heldClient{asked: &asked, release: release})
		}
		answers := make(chan []Answer, 1)
		go func() { answers <- s.Ask(t.Context()) }()
		synctest.Wait()
		if got := asked.Load(); got != asking {
			t.Errorf("%d branches are asked, want %d", got, asking)
		}
		close(release)
		for _, a := range <-answers {
			if a.Err != nil || a.Status == nil {
				t.Errorf("branch %d: %v", a.Branch, a.Err)
			}
		}
	})
}

// notedClient is a branch that records when it is asked.
type notedClient struct {
	bankv1connect.BranchServiceClient
	asked *[]time.Time
}

// GetStatus answers at once.
func (c notedClient) GetStatus(context.Context, *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	*c.asked = append(*c.asked, time.Now())
	return &bankv1.GetStatusResponse{}, nil
}

// The pauses of a survey double from the shortest to the longest, and the last
// one ends when the wait is over.
func TestThePausesOfASurveyAreBounded(t *testing.T) {
	const wait = 2 * time.Second
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		s := Survey{ids: []uint32{1}, clients: []bankv1connect.BranchServiceClient{notedClient{asked: &asked}}}
		began := time.Now()
		if _, ok := s.Until(t.Context(), wait, func([]Answer) bool { return false }); ok {
			t.Error("the survey is content")
		}
		var want []time.Duration
		for at, pause := time.Duration(0), 5*time.Millisecond; at < wait; pause = min(2*pause, 200*time.Millisecond) {
			want = append(want, at)
			at += pause
		}
		want = append(want, wait)
		var got []time.Duration
		for _, at := range asked {
			got = append(got, at.Sub(began))
		}
		if !slices.Equal(got, want) {
			t.Errorf("asked after %v, want %v", got, want)
		}
	})
}

// Ask gives up a branch that does not answer in time.
func TestABranchThatIsAskedMustAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		s := Survey{ids: []uint32{1}, clients: []bankv1connect.BranchServiceClient{silentClient{}}}
		began := time.Now()
		if a := s.Ask(ctx)[0]; !errors.Is(a.Err, context.DeadlineExceeded) {
			t.Errorf("got %v", a.Err)
		}
		if took := time.Since(began); took != statusTimeout {
			t.Errorf("took %v, want %v", took, statusTimeout)
		}
	})
}

// silentClient is a branch that does not answer.
type silentClient struct {
	bankv1connect.BranchServiceClient
}

// GetStatus waits until the caller gives up.
func (silentClient) GetStatus(ctx context.Context, _ *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// largeBranch has a status over the bound.
type largeBranch struct {
	bankv1connect.UnimplementedBranchServiceHandler
}

// GetStatus answers with a reason as long as the bound.
func (largeBranch) GetStatus(context.Context, *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	return &bankv1.GetStatusResponse{StateReason: strings.Repeat("r", MaxStatusBytes)}, nil
}

func TestAStatusOverTheSizeLimitFails(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(largeBranch{}))
	server := httptest.NewServer(mux)
	defer server.Close()
	// Not through Ask, which may give up before a slow machine has sent so much.
	_, err := New(server.Client(), func(uint32) string { return server.URL }, []uint32{1}).clients[0].GetStatus(t.Context(), &bankv1.GetStatusRequest{})
	if err == nil || !strings.Contains(err.Error(), "max 16777216") {
		t.Errorf("got %v, want an error that names the bound", err)
	}
}
