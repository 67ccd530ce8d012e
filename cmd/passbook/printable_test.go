package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// evil clears the screen, forges a line, turns the direction of writing, and hides.
const evil = "x\x1b[2J\x1b]0;title\a\u009b31m\r\nAll 9 branches agree: \u202e\u2066\u200b\ufeff\x7f\U000e0041y"

// evilBranch says evil things wherever it may say something.
type evilBranch struct {
	bankv1connect.UnimplementedBranchServiceHandler
}

func (evilBranch) GetStatus(context.Context, *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	return &bankv1.GetStatusResponse{
		Branch: 1, Address: evil, State: bankv1.BranchState_BRANCH_STATE_RECOVERING, StateReason: evil, BankName: evil, BankId: evil, Alarms: []string{evil},
		Accounts: []*bankv1.AccountStatus{{Account: evil}}, Peers: []*bankv1.PeerStatus{{Branch: 2, Address: evil}},
	}, nil
}

func (evilBranch) ListAlarms(context.Context, *bankv1.ListAlarmsRequest) (*bankv1.ListAlarmsResponse, error) {
	return &bankv1.ListAlarmsResponse{Branch: 1, Alarms: []*bankv1.Alarm{{Id: evil, Text: evil, RequestId: evil}}}, nil
}

func (evilBranch) ListEntries(context.Context, *bankv1.ListEntriesRequest) (*bankv1.ListEntriesResponse, error) {
	entry := func(e *bankv1.Entry) *bankv1.ListedEntry {
		e.RequestId = evil
		return &bankv1.ListedEntry{Entry: e, Receipt: &bankv1.Receipt{Branch: 1, Sequence: 1}}
	}
	return &bankv1.ListEntriesResponse{NextPageToken: evil, Entries: []*bankv1.ListedEntry{
		entry(&bankv1.Entry{Fact: &bankv1.Entry_Deposit{Deposit: &bankv1.Deposit{Account: evil, Amount: 1}}}),
		entry(&bankv1.Entry{Fact: &bankv1.Entry_Transfer{Transfer: &bankv1.Transfer{FromAccount: evil, ToAccount: evil, Amount: 1}}}),
	}}, nil
}

func (evilBranch) Query(context.Context, *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	return &bankv1.QueryResponse{Session: evil}, nil
}

func (evilBranch) Deposit(context.Context, *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	err := connect.NewError(connect.CodeFailedPrecondition, errors.New(evil))
	if detail, detailErr := connect.NewErrorDetail(&bankv1.InsufficientFunds{Account: evil}); detailErr == nil {
		err.AddDetail(detail)
	}
	return nil, err
}

func (evilBranch) Withdraw(context.Context, *bankv1.WithdrawRequest) (*bankv1.WithdrawResponse, error) {
	return nil, connect.NewError(connect.CodeInternal, errors.New(evil))
}

// TestNothingRawIsShown lets a branch, files and directories say what a terminal
// would obey: it shows up nowhere as it is.
func TestNothingRawIsShown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(evilBranch{}))
	server := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error)
	go func() { served <- server.Serve(l) }() // until it is closed
	defer func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()

	dir := t.TempDir()
	address, base := "--address="+l.Addr().String(), fmt.Sprintf("--base-port=%d", l.Addr().(*net.TCPAddr).Port-1)
	name := filepath.Join(dir, "in\x1b[2J\u202e.json")
	writeFile(t, name, `[{"id": 1, "type": "customer", "k\u001b\u202ey": 1, "events": [{"interface": "withdraw", "money": 5}, {"interface": "deposit", "money": 5}]}, {"id": 1, "type": "branch", "balance": 1}]`)
	broken := filepath.Join(dir, "broken.json")
	writeFile(t, broken, "[{\"id\": \"\x7f\u202e\", \"type\": \"\u009b\"}]")
	free := "--base-port=" + strconv.Itoa(freePorts(t))
	for _, args := range [][]string{
		{"status", address}, {"status", address, "--json"},
		{"statement", address}, {"statement", address, "--json"},
		{"query", address, "--json"},
		{"alarms", address}, {"alarms", address, "--json"}, {"alarms", "resolve", evil, address},
		{"deposit", "1", address}, {"withdraw", "1", address, "--json"},
		{"replay", name, base, "--wait", "0s", "-o", filepath.Join(dir, "out.json")},
		{"replay", name, base, "--wait", "0s", "-o", "-"},
		{"replay", name, base, "--wait", "0s", "-vv", "-o", filepath.Join(dir, "vv.json")},
		{"replay", name, base, "--wait", "0s", "--log-format", "json", "-o", filepath.Join(dir, "json.json")},
		{"run", name + evil[:5], free}, {"run", broken, free}, {"run", name, free, "-o", filepath.Join(dir, "no\x1b[2J", "out")},
		{"serve", broken, free, "--data", filepath.Join(dir, "data\x1b[2J")},
		{"serve", name, free, "--data", name},
		{"verify", filepath.Join(dir, "no\x1b[2J\u202e")}, {"verify", dir, "--json"},
		{"ev\x1b[2J\u202eil"}, {"query", "--ev\x1b[2J\u202eil"}, {"query", "--listen", "ev\x1b[2J\u202eil", "--branch", "1"},
		{"deposit", "ev\x1b[2J\u202eil", address}, {"query", "--account", evil, address},
	} {
		cmd := exec.Command("passbook", args...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if len(out) == 0 {
			t.Errorf("passbook %+q says nothing", args)
		}
		for _, line := range strings.Split(string(out), "\n") {
			if raw := strings.IndexFunc(line, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }); raw >= 0 || !utf8.ValidString(line) {
				t.Errorf("passbook %+q shows %+q", args, line)
			}
			if strings.HasPrefix(line, "All 9 branches") {
				t.Errorf("passbook %+q was made to say %q", args, line)
			}
		}
	}
}
