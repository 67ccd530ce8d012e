package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	bankv1 "passbook/gen/bank/v1"
	"passbook/gen/bank/v1/bankv1connect"
)

// heldClient is a branch that answers when it is released.
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
		var s survey
		for id := range uint32(asking + 10) {
			s.ids = append(s.ids, id+1)
			s.clients = append(s.clients, heldClient{asked: &asked, release: release})
		}
		answers := make(chan []answer, 1)
		go func() { answers <- s.ask(t.Context()) }()
		synctest.Wait()
		if got := asked.Load(); got != asking {
			t.Errorf("%d branches are asked, want %d", got, asking)
		}
		close(release)
		for _, a := range <-answers {
			if a.err != nil || a.status == nil {
				t.Errorf("branch %d: %v", a.branch, a.err)
			}
		}
	})
}

// largeBranch has a status over the bound.
type largeBranch struct {
	bankv1connect.UnimplementedBranchServiceHandler
}

// GetStatus answers with a reason as long as the bound.
func (largeBranch) GetStatus(context.Context, *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	return &bankv1.GetStatusResponse{StateReason: strings.Repeat("r", maxStatusBytes)}, nil
}

func TestAStatusOverTheSizeLimitFails(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(largeBranch{}))
	server := httptest.NewServer(mux)
	defer server.Close()
	n := &network{elsewhere: addresses{1: server.Listener.Addr().String()}}
	a := newSurvey(server.Client(), n, []uint32{1}).ask(t.Context())[0]
	if a.err == nil || !strings.Contains(a.err.Error(), "max 16777216") {
		t.Errorf("got %v, want an error that names the bound", a.err)
	}
}
