package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/cmd/passbook/internal/credentials"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	"passbook.example/passbook/cmd/passbook/internal/host"
	"passbook.example/passbook/cmd/passbook/internal/survey"
	"passbook.example/passbook/customer"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// target is the one branch that a command talks to.
type target struct {
	network host.Network
	branch  uint32
	address string
	timeout time.Duration
	json    bool
	// prove is how the command proves who it is.
	prove credentials.Options
}

// targetFlags adds the flags that choose the branch, and how to show its reply.
func (t *target) targetFlags(c *cobra.Command) {
	flags.Place(c, &t.network)
	flags.Credentials(c, &t.prove)
	f := c.Flags()
	f.Uint32Var(&t.branch, "branch", 0, "the `id` of the branch to talk to")
	f.StringVar(&t.address, "address", "", "the `host:port` of the branch to talk to, instead of --branch")
	f.DurationVar(&t.timeout, "timeout", 15*time.Second, "how long the call may take")
	f.BoolVar(&t.json, "json", false, "print the branch's own reply as JSON")
	c.MarkFlagsOneRequired("branch", "address")
	c.MarkFlagsMutuallyExclusive("branch", "address")
}

// where returns the branch's address, and its name in messages.
func (t *target) where() (address, name string, err error) {
	if err := flags.Positive("timeout", t.timeout); err != nil {
		return "", "", err
	}
	if t.address != "" {
		if err := flags.CheckAddress(t.address); err != nil {
			return "", "", exit.Usagef("--address %w", err)
		}
		return t.address, t.address, nil
	}
	if t.branch == 0 {
		return "", "", exit.Usagef("--branch must be at least 1")
	}
	if err := t.network.Check(t.branch); err != nil {
		return "", "", err
	}
	address = t.network.Address(t.branch)
	return address, fmt.Sprintf("branch %d at %s", t.branch, address), nil
}

// call makes calls to the branch before the time-out. again are the flags that
// repeat a write, otherwise empty.
func (t *target) call(ctx context.Context, again string, f func(context.Context, bankv1connect.BranchServiceClient) error) error {
	address, name, err := t.where()
	if err != nil {
		return err
	}
	ctx, release := exit.Interruptible(ctx, exit.StopSignals...)
	defer release()
	limited, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	client, err := newClient(&t.prove)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	err = f(limited, bankv1connect.NewBranchServiceClient(client, t.prove.URL(address), connect.WithReadMaxBytes(survey.MaxStatusBytes)))
	failed := customer.ErrorOf(err)
	if failed == nil {
		return err
	}
	err = &callError{where: name, again: again, open: !t.prove.Secured(), err: failed}
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// newClient returns a client that proves who the command is.
func newClient(prove *credentials.Options) (*http.Client, error) {
	client := customer.NewHTTPClient()
	if err := prove.Check(); err != nil {
		return nil, exit.Usage(err)
	}
	return client, prove.Apply(client, certs.ClientConfig)
}

// amountArgument takes exactly one argument, an amount.
func amountArgument(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs one amount, got %d arguments", c.CommandPath(), len(args))
	}
	_, err := parseAmount(args[0])
	return err
}

// parseAmount reads an amount, in the smallest unit of the currency.
func parseAmount(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) && n > 0 {
		return 0, fmt.Errorf("the amount must be at most %d, got %s", n, text)
	}
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("the amount must be an integer greater than 0, in the smallest unit of the currency, got %q", text)
	}
	return n, nil
}

// newRequestID returns a request id that no other request has.
func newRequestID() string { return rand.Text() }
