package service

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// silentHome answers no call.
type silentHome struct {
	bankv1connect.BranchServiceClient
}

func (silentHome) Deposit(ctx context.Context, _ *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (h silentHome) Call(ctx context.Context, _ ledger.BranchID) (context.Context, bankv1connect.BranchServiceClient) {
	return ctx, h
}

// A forwarded call that names no deadline ends all the same when its home says
// nothing.
func TestAForwardedCallEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{ID: 2, Addresses: map[uint32]string{1: "", 2: ""}, Homes: silentHome{}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		_, err := forward(ctx, &cfg, 1, &bankv1.DepositRequest{}, bankv1connect.BranchServiceClient.Deposit)
		if took := time.Since(began); took != api.CallTimeout {
			t.Errorf("took %v, want %v", took, api.CallTimeout)
		}
		if code := api.CodeOf(err); code != connect.CodeDeadlineExceeded {
			t.Errorf("got %v, want deadline_exceeded", err)
		}
	})
}
