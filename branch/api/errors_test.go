package api_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// mapped are all errors that a call can end with, by their names.
var mapped = map[string]struct {
	err  error
	want connect.Code
}{
	"ledger.ErrAmount":            {ledger.ErrAmount, connect.CodeInvalidArgument},
	"ledger.ErrKind":              {ledger.ErrKind, connect.CodeInvalidArgument},
	"ledger.ErrClock":             {ledger.ErrClock, connect.CodeInvalidArgument},
	"ledger.ErrAccount":           {ledger.ErrAccount, connect.CodeInvalidArgument},
	"ledger.ErrCustomer":          {ledger.ErrCustomer, connect.CodeInvalidArgument},
	"ledger.ErrRequest":           {ledger.ErrRequest, connect.CodeInvalidArgument},
	"ledger.ErrSelf":              {ledger.ErrSelf, connect.CodeInvalidArgument},
	"ledger.ErrOperations":        {ledger.ErrOperations, connect.CodeInvalidArgument},
	"ledger.LimitError":           {&ledger.LimitError{Account: "a"}, connect.CodeInvalidArgument},
	"ledger.LeadError":            {&ledger.LeadError{Branch: 2, What: "clock"}, connect.CodeInvalidArgument},
	"ledger.EscrowError":          {&ledger.EscrowError{Account: "a"}, connect.CodeFailedPrecondition},
	"protocol.AccountsError":      {&protocol.AccountsError{Account: "a"}, connect.CodeResourceExhausted},
	"protocol.InsufficientError":  {&protocol.InsufficientError{Account: "a"}, connect.CodeFailedPrecondition},
	"protocol.UnavailableError":   {&protocol.UnavailableError{Reason: "x"}, connect.CodeUnavailable},
	"protocol.StrangerError":      {&protocol.StrangerError{Branch: 2, Problem: "x"}, connect.CodeFailedPrecondition},
	"protocol.SignatureError":     {&protocol.SignatureError{Problem: "x"}, connect.CodeInvalidArgument},
	"protocol.RequestError":       {&protocol.RequestError{RequestID: "r"}, connect.CodeAlreadyExists},
	"protocol.NotReplicatedError": {&protocol.NotReplicatedError{}, connect.CodeDeadlineExceeded},
	"protocol.ErrSessionAhead":    {protocol.ErrSessionAhead, connect.CodeInvalidArgument},
	"protocol.ErrUnknownBranch":   {protocol.ErrUnknownBranch, connect.CodeInvalidArgument},
	"protocol.ErrAlarmHolds":      {protocol.ErrAlarmHolds, connect.CodeFailedPrecondition},
	"protocol.ErrQueueFull":       {protocol.ErrQueueFull, connect.CodeResourceExhausted},
	"api.InputError":              {&api.InputError{Problem: "x"}, connect.CodeInvalidArgument},
	"api.ErrStopping":             {api.ErrStopping, connect.CodeUnavailable},
	"api.ErrStopped":              {api.ErrStopped, connect.CodeUnavailable},
	"context.DeadlineExceeded":    {context.DeadlineExceeded, connect.CodeDeadlineExceeded},
	"context.Canceled":            {context.Canceled, connect.CodeCanceled},
}

// errorLogger logs errors alone.
func errorLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelError}))
}

func TestEveryErrorHasItsCode(t *testing.T) {
	log := &strings.Builder{}
	for name, m := range mapped {
		for _, err := range []error{m.err, fmt.Errorf("in a frame: %w", m.err)} {
			got := api.ConnectError(t.Context(), errorLogger(log), "/p", err)
			if connect.CodeOf(got) != m.want {
				t.Errorf("%s is %v, want %v", name, connect.CodeOf(got), m.want)
			}
			if !strings.Contains(got.Error(), err.Error()) && name != "context.DeadlineExceeded" { // which says too little
				t.Errorf("%s loses its text: %v", name, got)
			}
		}
	}
	if log.String() != "" {
		t.Errorf("logged as well as returned:\n%s", log)
	}
}

// unmapped are errors that no call ends with: those of decoding batches, which
// reach a peer as an InputError, and Open otherwise; that of a name that Open is
// given; that of Serve after a kill; and what keeps a batch from being posted yet.
var unmapped = map[string]bool{
	"ledger.ErrBatchHash": true, "ledger.ErrBatchFormat": true, "ledger.ErrBatchSize": true, "ledger.ErrField": true, "ledger.ErrBankName": true, "api.ForwardedError": true, "ledger.MissingError": true,
}

// An error that is added to one of the packages must be added above.
func TestNoErrorIsForgotten(t *testing.T) {
	for pkg, dir := range map[string]string{"ledger": "../ledger", "replica": "../replica", "api": "."} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, name := range errorNames(t, file) {
				if name = pkg + "." + name; mapped[name].err == nil && !unmapped[name] {
					t.Errorf("%s says no code, or this test does not know it", name)
				}
			}
		}
	}
}

// errorNames returns the exported errors that a file declares.
func errorNames(t testing.TB, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	isError := regexp.MustCompile(`^Err[A-Z]|^[A-Z].*Error$`)
	var found []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		var names []*ast.Ident
		switch n := n.(type) {
		case *ast.TypeSpec:
			names = []*ast.Ident{n.Name}
		case *ast.ValueSpec:
			names = n.Names
		case *ast.FuncDecl:
			return false
		}
		for _, id := range names {
			if isError.MatchString(id.Name) {
				found = append(found, id.Name)
			}
		}
		return true
	})
	return found
}

func TestAnUnknownErrorIsInternalAndOnlyLogged(t *testing.T) {
	log := &strings.Builder{}
	err := api.ConnectError(t.Context(), errorLogger(log), "/bank.v1.BranchService/Deposit", errors.New("secret path /var/x"))
	if connect.CodeOf(err) != connect.CodeInternal || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "log") {
		t.Errorf("the customer gets %v", err)
	}
	for _, text := range []string{"secret path /var/x", "/bank.v1.BranchService/Deposit"} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("the log does not say %q: %s", text, log)
		}
	}
}

// What the library or another branch has made stays as it is.
func TestAConnectErrorStaysAsItIs(t *testing.T) {
	made := connect.NewError(connect.CodeDataLoss, errors.New("x"))
	got := api.ConnectError(t.Context(), errorLogger(io.Discard), "/p", fmt.Errorf("y: %w", made))
	if !errors.Is(got, made) || connect.CodeOf(got) != connect.CodeDataLoss {
		t.Errorf("got %v", got)
	}
}

// What a damaged disk holds is lost here, and may be had elsewhere; where it is, is
// for the log.
func TestDamageIsDataLossAndOnlyLogged(t *testing.T) {
	log := &strings.Builder{}
	err := api.ConnectError(t.Context(), errorLogger(log), "/bank.v1.BranchService/ListEntries", &journal.DamageError{Dir: "/var/x", Place: "file 000007.sst", Problem: "x"})
	if connect.CodeOf(err) != connect.CodeDataLoss || strings.Contains(err.Error(), "/var/x") || !strings.Contains(err.Error(), "ask another branch") {
		t.Errorf("the customer gets %v", err)
	}
	if !strings.Contains(log.String(), "000007.sst") {
		t.Errorf("the log does not name the place: %s", log)
	}
}
