package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"connectrpc.com/connect"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/survey"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// leastKeep is how much of a hash names a batch at least.
const leastKeep = 8

// decision is what an operator says about a fork.
type decision struct {
	keep string // the hash of the batch that counts, or how it begins
	note string
}

// side returns the whole hash of the batch that counts.
func (d *decision) side(f *bankv1.Fork) (string, error) {
	var found []string
	for _, s := range f.GetSides() {
		if len(d.keep) >= leastKeep && strings.HasPrefix(s.GetHash(), strings.ToLower(d.keep)) {
			found = append(found, s.GetHash())
		}
	}
	if len(found) != 1 {
		var all []string
		for _, s := range f.GetSides() {
			all = append(all, s.GetHash())
		}
		return "", exit.Usagef("--keep names one of the two batches by at least %d digits of its hash: %s; got %q", leastKeep, strings.Join(all, " or "), d.keep)
	}
	return found[0], nil
}

// forkOf returns the fork that an alarm is about; nil if it is about something else. Unless
// it must be a fork, a branch that does not tell has its say about the alarm itself.
func forkOf(ctx context.Context, client bankv1connect.BranchServiceClient, alarm string, must bool) (*bankv1.Fork, error) {
	reply, err := client.GetFork(ctx, &bankv1.GetForkRequest{Id: alarm})
	switch c := connect.CodeOf(err); {
	case err == nil:
		return reply.GetFork(), nil
	case c == connect.CodeOutOfRange, !must && (c == connect.CodePermissionDenied || c == connect.CodeUnimplemented):
		return nil, nil
	}
	return nil, err
}

// errUndecided ends the command that shows a fork.
var errUndecided = fmt.Errorf("nothing is decided yet: say --keep")

// showFork asks all branches about a fork, and shows what they say.
func (a *app) showFork(ctx context.Context, t *target, client bankv1connect.BranchServiceClient, alarm string, fork *bankv1.Fork) error {
	status, err := client.GetStatus(ctx, &bankv1.GetStatusRequest{})
	if err != nil {
		return err
	}
	ids := []uint32{status.GetBranch()}
	for _, p := range status.GetPeers() {
		ids = append(ids, p.GetBranch())
	}
	sights, err := a.askAboutFork(ctx, t, alarm, ids, fork)
	if err != nil {
		return err
	}
	if t.json {
		for _, s := range sights {
			if s.Reply == nil {
				continue
			}
			if err := a.console.JSON(s.Reply); err != nil {
				return err
			}
		}
	} else if err := a.console.Fork(alarm, fork, sights); err != nil {
		return err
	}
	if fork.GetKept() != "" {
		return nil
	}
	return errUndecided
}

// askAboutFork asks each branch: first the one that is called, and the others through it.
func (a *app) askAboutFork(ctx context.Context, t *target, alarm string, ids []uint32, fork *bankv1.Fork) ([]console.ForkSight, error) {
	address, _, err := t.where()
	if err != nil {
		return nil, err
	}
	client, err := newClient(&t.prove)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	sights := make([]console.ForkSight, len(ids))
	var asking sync.WaitGroup
	for k, id := range ids {
		base := t.prove.URL(address)
		if k > 0 {
			base = fmt.Sprintf("%s/branch/%d", base, id)
		}
		asking.Go(func() {
			at := bankv1connect.NewBranchServiceClient(client, base, connect.WithReadMaxBytes(survey.MaxStatusBytes))
			reply, err := at.GetFork(ctx, &bankv1.GetForkRequest{Id: alarm, Branch: fork.GetBranch(), FirstSequence: fork.GetFirstSequence()})
			sights[k] = console.ForkSight{Branch: id, Reply: reply, Err: err}
		})
	}
	asking.Wait()
	return sights, nil
}
