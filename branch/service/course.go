package service

import (
	"context"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/gen/bank"
	"passbook.example/passbook/gen/bank/bankconnect"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Course serves the course's contract, bank.Bank, with the handlers of
// bank.v1.BranchService.
type Course struct {
	// customers does what is asked.
	customers *Customers
}

// NewCourse returns the handler of the course's calls.
func NewCourse(c *Customers) Course { return Course{customers: c} }

const (
	courseSuccess = "success"
	courseFail    = "fail"
)

// MsgDelivery implements BankHandler.
func (c Course) MsgDelivery(ctx context.Context, req *bank.TransactionRequest) (*bank.TransactionResponse, error) {
	customer := int64(req.GetCustomerId())
	amount := int64(req.GetAmount())
	switch req.GetOperation() {
	case "deposit":
		_, err := c.customers.Deposit(ctx, &bankv1.DepositRequest{Amount: amount, CustomerId: customer})
		return courseAnswer(err)
	case "withdraw":
		_, err := c.customers.Withdraw(ctx, &bankv1.WithdrawRequest{Amount: amount, CustomerId: customer})
		return courseAnswer(err)
	case "query":
		res, err := c.customers.Query(ctx, &bankv1.QueryRequest{CustomerId: customer})
		if err != nil {
			return nil, err
		}
		if res.GetBalance() != int64(int32(res.GetBalance())) {
			return nil, code.New(code.OutOfRange, "the balance does not fit the 32 bits of this contract; ask bank.v1.BranchService/Query")
		}
		return &bank.TransactionResponse{Status: courseSuccess, Balance: int32(res.GetBalance())}, nil
	case "propagate_deposit", "propagate_withdraw", "propogate_deposit", "propogate_withdraw":
		return nil, code.New(code.Unimplemented, req.GetOperation()+" carries neither origin nor sequence, so a repeated one would count twice; use bank.v1.PeerService/Propagate, PropagateDeposit or PropagateWithdraw")
	}
	return nil, api.Fieldf("operation", "%.50q is none of deposit, withdraw, query", req.GetOperation())
}

// courseAnswer says success, or fail for a withdrawal without funds.
func courseAnswer(err error) (*bank.TransactionResponse, error) {
	code := api.CodeOf(err)
	switch {
	case err == nil:
		return &bank.TransactionResponse{Status: courseSuccess}, nil
	case code == connect.CodeFailedPrecondition:
		return &bank.TransactionResponse{Status: courseFail}, nil
	}
	return nil, err
}

var _ bankconnect.BankHandler = Course{}
