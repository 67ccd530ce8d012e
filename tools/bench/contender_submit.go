package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// lists are callers that submit lists of deposits by BranchService.Submit.
type lists struct {
	addresses []string
	// streams is how many callers there are, each with a stream of its own, at
	// the addresses in turn.
	streams int
	// size is how many deposits a list has: with 1, each is an entry.
	size int
	// ahead is how many lists a caller sends before it waits for the answers
	// to them.
	ahead int
	// account means the same as in deposits.
	account func(operation uint64) string
	// acknowledge is the level; unspecified for the bank's default.
	acknowledge bankv1.Acknowledge
}

// calls opens the streams and returns the callers. Each call sends ahead lists.
func (l lists) calls(ctx context.Context) ([]call, error) {
	var operations atomic.Uint64
	calls := make([]call, l.streams)
	for i := range calls {
		// Each stream on a connection of its own: they are few, and large.
		at := l.addresses[i%len(l.addresses)]
		client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: customerTransport(true)}, baseURL(at), connect.WithGRPC())
		stream, err := client.Submit(context.WithoutCancel(ctx))
		if err != nil {
			return nil, fmt.Errorf("open a stream of lists to %s: %w", at, err)
		}
		ids := newRequestIDs()
		calls[i] = func(context.Context) (int, error) {
			last := operations.Add(uint64(l.size * l.ahead))
			for k := range l.ahead {
				req := depositList(l.size, last-uint64(k*l.size), l.account)
				req.RequestId, req.Acknowledge = ids.next(), l.acknowledge
				if err := stream.Send(req); err != nil && !errors.Is(err, io.EOF) {
					return 0, err
				}
			}
			for range l.ahead {
				if err := l.answer(stream); err != nil {
					return 0, err
				}
			}
			return l.size * l.ahead, nil
		}
	}
	return calls, nil
}

type listStream = connect.BidiStreamForClientSimple[bankv1.SubmitRequest, bankv1.SubmitResponse]

// answer waits until the next list is done, at all branches unless less was
// asked for.
func (l lists) answer(stream *listStream) error {
	res, err := stream.Receive()
	switch {
	case err != nil:
		return err
	case res.GetErrorCode() != "":
		return fmt.Errorf("list %s: %s: %s", res.GetRequestId(), res.GetErrorCode(), res.GetError())
	case len(res.GetInsufficient())+len(res.GetUnavailable()) > 0,
		len(res.GetUnreachableBranches()) > 0 && l.acknowledge != bankv1.Acknowledge_ACKNOWLEDGE_LOCAL:
		return fmt.Errorf("list %s: not done everywhere: %v", res.GetRequestId(), res)
	}
	return nil
}

// depositList returns a list of a number of deposits, of which last is the last
// one, to accounts, or to the hot one.
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
