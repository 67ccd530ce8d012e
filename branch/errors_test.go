package branch_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
)

// mapped are all errors that a call can end with, by their names.
var mapped = map[string]struct {
	err  error
	want connect.Code
}{
	"ledger.ErrAmount":           {ledger.ErrAmount, connect.CodeInvalidArgument},
	"ledger.ErrKind":             {ledger.ErrKind, connect.CodeInvalidArgument},
	"ledger.ErrClock":            {ledger.ErrClock, connect.CodeInvalidArgument},
	"ledger.ErrAccount":          {ledger.ErrAccount, connect.CodeInvalidArgument},
	"ledger.ErrRequest":          {ledger.ErrRequest, connect.CodeInvalidArgument},
	"ledger.ErrSelf":             {ledger.ErrSelf, connect.CodeInvalidArgument},
	"ledger.ErrOperations":       {ledger.ErrOperations, connect.CodeInvalidArgument},
	"ledger.LimitError":          {&ledger.LimitError{Account: "a"}, connect.CodeInvalidArgument},
	"ledger.LeadError":           {&ledger.LeadError{Branch: 2, What: "clock"}, connect.CodeInvalidArgument},
	"ledger.EscrowError":         {&ledger.EscrowError{Account: "a"}, connect.CodeFailedPrecondition},
	"replica.AccountsError":      {&replica.AccountsError{Account: "a"}, connect.CodeResourceExhausted},
	"replica.InsufficientError":  {&replica.InsufficientError{Account: "a"}, connect.CodeFailedPrecondition},
	"replica.UnavailableError":   {&replica.UnavailableError{Reason: "x"}, connect.CodeUnavailable},
	"replica.StrangerError":      {&replica.StrangerError{Branch: 2, Problem: "x"}, connect.CodeFailedPrecondition},
	"replica.RequestError":       {&replica.RequestError{RequestID: "r"}, connect.CodeAlreadyExists},
	"replica.NotReplicatedError": {&replica.NotReplicatedError{}, connect.CodeDeadlineExceeded},
	"replica.ErrSessionAhead":    {replica.ErrSessionAhead, connect.CodeInvalidArgument},
	"replica.ErrUnknownBranch":   {replica.ErrUnknownBranch, connect.CodeInvalidArgument},
	"replica.ErrAlarmHolds":      {replica.ErrAlarmHolds, connect.CodeFailedPrecondition},
	"replica.ErrQueueFull":       {replica.ErrQueueFull, connect.CodeResourceExhausted},
	"branch.InputError":          {&branch.InputError{Problem: "x"}, connect.CodeInvalidArgument},
	"branch.GapError":            {&branch.GapError{Branch: 2, Want: 1, Got: 3}, connect.CodeOutOfRange},
	"branch.RangeError":          {&branch.RangeError{Problem: "x"}, connect.CodeOutOfRange},
	"branch.UnimplementedError":  {&branch.UnimplementedError{Problem: "x"}, connect.CodeUnimplemented},
	"branch.ForbiddenError":      {&branch.ForbiddenError{Problem: "x"}, connect.CodePermissionDenied},
	"branch.FaultError":          {&branch.FaultError{Problem: "x"}, connect.CodeFailedPrecondition},
	"branch.ErrStopping":         {branch.ErrStopping, connect.CodeUnavailable},
	"branch.ErrStopped":          {branch.ErrStopped, connect.CodeUnavailable},
	"branch.ErrForked":           {branch.ErrForked, connect.CodeFailedPrecondition},
	"context.DeadlineExceeded":   {context.DeadlineExceeded, connect.CodeDeadlineExceeded},
	"context.Canceled":           {context.Canceled, connect.CodeCanceled},
}

func TestEveryErrorHasItsCode(t *testing.T) {
	log := &errorLog{}
	for name, m := range mapped {
		for _, err := range []error{m.err, fmt.Errorf("in a frame: %w", m.err)} {
			got := branch.ConnectError(t.Context(), log.logger(), "/p", err)
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
// given; and that of Serve after a kill.
var unmapped = map[string]bool{
	"ledger.ErrBatchHash": true, "ledger.ErrBatchFormat": true, "ledger.ErrBatchSize": true, "ledger.ErrField": true, "ledger.ErrBankName": true,
	"branch.ErrKilled": true,
}

// An error that is added to one of the packages must be added above.
func TestNoErrorIsForgotten(t *testing.T) {
	for pkg, dir := range map[string]string{"ledger": "ledger", "replica": "replica", "branch": "."} {
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
					t.Errorf("%s has no code: add it to errors.go and to this test", name)
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
	log := &errorLog{}
	err := branch.ConnectError(t.Context(), log.logger(), "/bank.v1.BranchService/Deposit", errors.New("secret path /var/x"))
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
	got := branch.ConnectError(t.Context(), (&errorLog{}).logger(), "/p", fmt.Errorf("y: %w", made))
	if !errors.Is(got, made) || connect.CodeOf(got) != connect.CodeDataLoss {
		t.Errorf("got %v", got)
	}
}

// What a damaged disk holds is lost here, and may be had elsewhere; where it is, is
// for the log.
func TestDamageIsDataLossAndOnlyLogged(t *testing.T) {
	log := &errorLog{}
	err := branch.ConnectError(t.Context(), log.logger(), "/bank.v1.BranchService/ListEntries", &journal.DamageError{Dir: "/var/x", Place: "file 000007.sst", Problem: "x"})
	if connect.CodeOf(err) != connect.CodeDataLoss || strings.Contains(err.Error(), "/var/x") || !strings.Contains(err.Error(), "ask another branch") {
		t.Errorf("the customer gets %v", err)
	}
	if !strings.Contains(log.String(), "000007.sst") {
		t.Errorf("the log does not name the place: %s", log)
	}
}
