package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

func (a *app) queryCommand() *cobra.Command {
	var (
		t       target
		request bankv1.QueryRequest
		strong  bool
	)
	c := &cobra.Command{
		Use:   "query",
		Short: "Show the balance of an account",
		Long: `Query shows the balance of an account as one branch sees it; with --strong,
the balance over all branches at one moment during the call.`,
		Example: "  passbook query --branch 7\n  passbook query --branch 7 --account savings --strong --json",
		GroupID: branchGroup,
		Args:    noArgument,
	}
	t.targetFlags(c)
	f := c.Flags()
	flags.Name(c, &request.Account, "account", accountUsage)
	flags.Token(c, &request.Session, "session", sessionUsage)
	f.Int64Var(&request.CustomerId, "customer", 0, "the `id` of the customer who asks")
	f.BoolVar(&strong, "strong", false, "ask all branches, not only this one's view")
	return a.does(c, func(ctx context.Context, _ []string) error {
		request.Consistency = bankv1.Consistency_CONSISTENCY_LOCAL
		if strong {
			request.Consistency = bankv1.Consistency_CONSISTENCY_STRONG
		}
		return t.call(ctx, "", func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
			reply, err := client.Query(ctx, &request)
			switch {
			case err != nil:
				return err
			case t.json:
				return a.console.JSON(reply)
			}
			return a.console.Balance(request.GetAccount(), reply)
		})
	})
}

func (a *app) statusCommand() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the state of a branch and its peers, and the balance of every account",
		Long: `Status shows the state of a branch, the balance of every account there with the
part that the branch can pay without asking another, and how the branch sees its
peers: whether it reaches them, how long a message and its answer take, and how much
of its journal they have confirmed.`,
		Example: "  passbook status --branch 7\n  passbook status --address 10.0.0.2:50052 --json",
		GroupID: branchGroup,
		Args:    noArgument,
	}
	t.targetFlags(c)
	return a.does(c, func(ctx context.Context, _ []string) error {
		return t.call(ctx, "", func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
			reply, err := client.GetStatus(ctx, &bankv1.GetStatusRequest{})
			switch {
			case err != nil:
				return err
			case t.json:
				return a.console.JSON(reply)
			}
			return a.console.Status(reply)
		})
	})
}

func (a *app) statementCommand() *cobra.Command {
	var (
		t           target
		request     bankv1.ListEntriesRequest
		newestFirst bool
		all         bool
	)
	c := &cobra.Command{
		Use:   "statement",
		Short: "List the entries of an account, or a branch's journal",
		Long: `Statement lists the entries of an account with its running balance, in the
order in which the branch applied them; with --journal, all entries that one
branch has written. It shows one page, and the token of the next, or --all.`,
		Example: "  passbook statement --branch 7 --newest-first --page-size 20\n  passbook statement --branch 7 --journal 3 --all",
		GroupID: branchGroup,
		Args:    noArgument,
	}
	t.targetFlags(c)
	f := c.Flags()
	flags.Name(c, &request.Account, "account", accountUsage)
	f.Uint32Var(&request.Branch, "journal", 0, "the `id` of the branch whose journal to list, instead of an account")
	f.BoolVar(&newestFirst, "newest-first", false, "list the newest entry first")
	f.Int32Var(&request.PageSize, "page-size", 0, "the most entries of a page, up to 1000 (default 100)")
	flags.Token(c, &request.PageToken, "page-token", "the `token` that the page before ended with")
	f.BoolVar(&all, "all", false, "list all pages")
	c.MarkFlagsMutuallyExclusive("account", "journal")
	return a.does(c, func(ctx context.Context, _ []string) error {
		if request.GetPageSize() < 0 || request.GetPageSize() > 1000 {
			return exit.Usagef("--page-size must be 1 to 1000, got %d", request.GetPageSize())
		}
		if newestFirst {
			request.Order = bankv1.Order_ORDER_NEWEST_FIRST
		}
		return t.call(ctx, "", func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
			return a.listEntries(ctx, client, &request, all, t.json)
		})
	})
}

// statementAccount returns the account whose statement is asked for, or nothing for
// a journal.
func statementAccount(request *bankv1.ListEntriesRequest) string {
	switch {
	case request.GetBranch() != 0:
		return ""
	case request.GetAccount() == "":
		return "shared"
	}
	return request.GetAccount()
}

// listEntries lists a page, or all pages from there on.
func (a *app) listEntries(ctx context.Context, client bankv1connect.BranchServiceClient, request *bankv1.ListEntriesRequest, all, json bool) error {
	for first := true; ; first = false {
		reply, err := client.ListEntries(ctx, request)
		if err != nil {
			return err
		}
		if json {
			err = a.console.JSON(reply)
		} else {
			err = a.console.Entries(reply, statementAccount(request), first)
		}
		next := reply.GetNextPageToken()
		switch {
		case err != nil || next == "":
			return err
		case !all && json:
			return nil // the token is in the reply
		case !all:
			a.console.NextPage(next)
			return nil
		case next == request.GetPageToken():
			return errors.New("the branch's pages go round in a circle")
		}
		request.PageToken = next
	}
}
