package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

func (a *app) dashboardCommand() *cobra.Command {
	var to target
	var quiet bool
	c := &cobra.Command{
		Use:   "dashboard",
		Short: "Print, and open, the address of a branch's dashboard",
		Long: `Dashboard prints the address of the page of a branch, and opens it in a browser.

Where the bank has certificates, the address has a code with which one browser
logs in, once and within two minutes, as whoever the certificate or the token
speaks for. The page asks whether to log in under that name, shows it from then
on, and offers what it may do. It is logged in for eight hours at most, and until
the certificate is revoked or the branch is restarted.`,
		Example: `  passbook dashboard --branch 1
  passbook dashboard --branch 1 --certs-dir passbook-certs --client ann`,
		GroupID: branchGroup,
		Args:    cobra.NoArgs,
	}
	to.targetFlags(c)
	c.Flags().BoolVar(&quiet, "no-open", false, "only print the address")
	return a.does(c, func(ctx context.Context, _ []string) error {
		address, err := to.dashboard(ctx)
		if err != nil {
			return err
		}
		if to.json {
			err = json.NewEncoder(a.console.Out).Encode(map[string]string{"address": address})
		} else {
			_, err = fmt.Fprintln(a.console.Out, address)
		}
		if err == nil && !quiet {
			openBrowser(ctx, address)
		}
		return err
	})
}

// dashboard returns the address of the page, with a code to log in where one has to.
func (t *target) dashboard(ctx context.Context) (string, error) {
	at, _, err := t.where()
	if err != nil {
		return "", err
	}
	page := t.prove.URL(at) + "/"
	err = t.call(ctx, "", func(ctx context.Context, client bankv1connect.BranchServiceClient) error {
		login, err := client.OpenDashboard(ctx, &bankv1.OpenDashboardRequest{})
		switch {
		case err == nil:
			page = t.prove.URL(at) + login.GetPath()
		case connect.CodeOf(err) == connect.CodeFailedPrecondition:
			return nil // nobody has to log in
		}
		return err
	})
	return page, err
}

// openBrowser opens an address in the user's browser, if there is a way to. The address is
// printed in any case.
func openBrowser(ctx context.Context, address string) {
	program := map[string]string{"darwin": "open", "linux": "xdg-open"}[runtime.GOOS]
	if program == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_ = exec.CommandContext(ctx, program, address).Run()
}
