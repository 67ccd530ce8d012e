package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"connectrpc.com/connect"

	bankv1 "passbook/gen/bank/v1"
	"passbook/gen/bank/v1/bankv1connect"
)

// lists submits lists of deposits by BranchService.Submit.
type lists struct{}

func (lists) calls(ctx context.Context, addresses []string, callers, list int, account func(operation uint64) string) ([]call, error) {
	var operations atomic.Uint64
	calls := make([]call, callers)
	for i := range calls {
		// Each stream on a connection of its own: they are few, and large.
		client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: customerTransport(true)}, baseURL(addresses[i%len(addresses)]), connect.WithGRPC())
		stream, err := client.Submit(context.WithoutCancel(ctx))
		if err != nil {
			return nil, fmt.Errorf("open a stream of lists to %s: %w", addresses[i%len(addresses)], err)
		}
		ids := newRequestIDs()
		calls[i] = func(context.Context) (int, error) {
			req := depositList(list, operations.Add(uint64(list)), account)
			req.RequestId = ids.next()
			return submitOne(stream, req)
		}
	}
	return calls, nil
}

type listStream = connect.BidiStreamForClientSimple[bankv1.SubmitRequest, bankv1.SubmitResponse]

// submitOne sends a list and waits until it is done, at all branches.
func submitOne(stream *listStream, req *bankv1.SubmitRequest) (int, error) {
	if err := stream.Send(req); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	res, err := stream.Receive()
	switch {
	case err != nil:
		return 0, err
	case res.GetErrorCode() != "":
		return 0, fmt.Errorf("list %s: %s: %s", req.GetRequestId(), res.GetErrorCode(), res.GetError())
	case len(res.GetUnreachableBranches())+len(res.GetInsufficient())+len(res.GetUnavailable()) > 0:
		return 0, fmt.Errorf("list %s: not done everywhere: %v", req.GetRequestId(), res)
	}
	return len(req.GetAmounts()), nil
}

// depositList is a list of so many deposits, of which last is the last one, to
// accounts, or to the hot one.
func depositList(list int, last uint64, account func(operation uint64) string) *bankv1.SubmitRequest {
	req := &bankv1.SubmitRequest{To: make([]uint32, list), Amounts: make([]int64, list)}
	places := map[string]uint32{}
	for i := range list {
		name := hotAccount
		if account != nil {
			name = account(last - uint64(i))
		}
		if places[name] == 0 {
			req.Accounts = append(req.Accounts, name)
			places[name] = uint32(len(req.Accounts))
		}
		req.To[i], req.Amounts[i] = places[name], 1+int64(i)
	}
	return req
}
