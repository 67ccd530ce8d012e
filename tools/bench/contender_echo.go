package main

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// The bare echo is the limit of a unary call: a Connect handler that does
// nothing, behind the path, messages, codecs and server settings of Deposit.

// echoService answers every deposit with the same reply.
type echoService struct {
	bankv1connect.UnimplementedBranchServiceHandler
	reply *bankv1.DepositResponse
}

// Deposit implements BranchServiceHandler. The reply is a new message each time, as
// a branch's is.
func (s echoService) Deposit(_ context.Context, _ *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	return &bankv1.DepositResponse{
		Balance: s.reply.GetBalance(), Receipt: &bankv1.Receipt{Branch: s.reply.GetReceipt().GetBranch(), Sequence: s.reply.GetReceipt().GetSequence()},
		Session: s.reply.GetSession(),
	}, nil
}

// echoMain is the process of an echo server: `bench echo ADDRESS …`.
func echoMain(args []string) error {
	f := flag.NewFlagSet("echo", flag.ContinueOnError)
	encoded := f.String("reply", "", "the DepositResponse to answer with, in base64")
	if err := f.Parse(args); err != nil {
		return err
	}
	reply, err := decodeReply(*encoded)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(echoService{reply: reply}, connect.WithCompressMinBytes(4<<10)))
	return serveBare(mux, f.Args())
}

// decodeReply decodes the flag --reply.
func decodeReply(encoded string) (*bankv1.DepositResponse, error) {
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("--reply: %w", err)
	}
	reply := new(bankv1.DepositResponse)
	if err := proto.Unmarshal(b, reply); err != nil {
		return nil, fmt.Errorf("--reply: %w", err)
	}
	return reply, nil
}

// encodeReply is the flag --reply.
func encodeReply(reply *bankv1.DepositResponse) (string, error) {
	b, err := proto.Marshal(reply)
	if err != nil {
		return "", fmt.Errorf("encode the reply: %w", err)
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// startEcho starts one echo process that listens on all of these ports.
func (b *bench) startEcho(ctx context.Context, name string, reply *bankv1.DepositResponse, ports ...int) (*process, []string, error) {
	encoded, err := encodeReply(reply)
	if err != nil {
		return nil, nil, err
	}
	args := []string{"echo", "--reply", encoded}
	var addresses []string
	for _, port := range ports {
		addresses = append(addresses, hostPort(port))
	}
	p, err := b.servers.start(command{name: name, path: b.self, args: append(args, addresses...)})
	if err != nil {
		return nil, nil, err
	}
	return p, addresses, awaitReply(ctx, name, []*process{p}, addresses, reply)
}

// awaitReply waits until each address answers a deposit with the reply.
func awaitReply(ctx context.Context, name string, processes []*process, addresses []string, reply *bankv1.DepositResponse) error {
	t := customerTransport(true)
	defer t.CloseIdleConnections()
	for _, address := range addresses {
		client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: t}, baseURL(address))
		if err := until(ctx, "wait for "+name+" at "+address, processes, func(ctx context.Context) error {
			got, err := client.Deposit(ctx, &bankv1.DepositRequest{Account: hotAccount, Amount: 1})
			if err == nil && got.GetSession() != reply.GetSession() {
				return fmt.Errorf("it answers with session %q, not %q", got.GetSession(), reply.GetSession())
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
