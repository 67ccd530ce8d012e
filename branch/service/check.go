package service

import (
	"context"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// checkHome checks the home of a request id.
func (c *Config) checkHome(home uint32, requestID string) error {
	_, ok := c.Addresses[home]
	switch {
	case home != 0 && requestID == "":
		return api.Fieldf("home_branch", "it goes with a request_id, and there is none")
	case home != 0 && !ok:
		return api.Fieldf("home_branch", "this bank has no branch %d", home)
	case home == 0 && requestID != "" && c.RequireHomeBranch:
		return api.Fieldf("home_branch", "this bank wants each request id to come with the branch that it belongs to: name the branch that you call first, in that call and in every retry")
	}
	return nil
}

// checkEntry checks what a deposit, a withdrawal or a transfer says of itself.
func checkEntry(e *ledger.Entry) error {
	if e.Amount <= 0 {
		return api.Fieldf("amount", "must be greater than 0, is %d (amounts are integers in the smallest unit)", e.Amount)
	}
	payer := "account"
	if e.Kind == ledger.Transfer {
		payer = "from_account"
	}
	if err := api.CheckName(payer, e.Account); err != nil {
		return err
	}
	if err := api.CheckName("request_id", e.RequestID); err != nil {
		return err
	}
	if e.Kind != ledger.Transfer {
		return nil
	}
	if err := api.CheckName("to_account", e.ToAccount); err != nil {
		return err
	}
	if e.Account == e.ToAccount {
		return api.Fieldf("to_account", "a transfer needs two different accounts, both are %q", e.Account)
	}
	return nil
}

// level returns the replica's level for what a write asks for.
func (c *Config) level(a bankv1.Acknowledge) (protocol.Level, error) {
	if a == bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED {
		a = c.Acknowledge
	}
	switch a {
	case bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE:
		return protocol.Reachable, nil
	case bankv1.Acknowledge_ACKNOWLEDGE_LOCAL:
		return protocol.Local, nil
	case bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY:
		return protocol.Majority, nil
	case bankv1.Acknowledge_ACKNOWLEDGE_ALL:
		return protocol.All, nil
	case bankv1.Acknowledge_ACKNOWLEDGE_NEAREST:
		return protocol.Nearest, nil
	}
	return 0, api.Fieldf("acknowledge", "%d is not a level", a)
}

// deadline is when the replica gives up, a little before the caller does, so
// that its answer arrives. No caller waits for longer than api.CallTimeout.
func (c *Config) deadline(ctx context.Context) protocol.Millis {
	left := api.CallTimeout
	if at, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(at))
	}
	return c.Engine.Now() + protocol.Millis((left - left/10).Milliseconds())
}
