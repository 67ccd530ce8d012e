package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/cmd/passbook/internal/console"
	"passbook.example/passbook/cmd/passbook/internal/survey"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// status returns what a branch that has applied n entries says.
func status(n uint64, balance int64, alarms ...string) *bankv1.GetStatusResponse {
	return &bankv1.GetStatusResponse{
		Applied:  []*bankv1.Position{{Branch: 1, Sequence: n}},
		Accounts: []*bankv1.AccountStatus{{Account: "shared", Balance: balance}},
		Alarms:   alarms,
	}
}

func TestSummaryTellsWhetherBranchesAgree(t *testing.T) {
	lost := survey.Answer{Branch: 3, Err: connect.NewError(connect.CodeUnavailable, errors.New("connection refused"))}
	for _, tt := range []struct {
		name    string
		answers []survey.Answer
		agree   bool
		want    []string
	}{
		{"agree", []survey.Answer{{Branch: 1, Status: status(5, 40)}, {Branch: 2, Status: status(5, 40)}}, true,
			[]string{"All 2 branches agree: shared account 40 after 5 entries."}},
		{"behind", []survey.Answer{{Branch: 1, Status: status(4, 30)}, {Branch: 2, Status: status(5, 40)}, {Branch: 3, Status: status(5, 40)}}, false,
			[]string{"The branches do not agree:", "branches 2 and 3: shared account 40 after 5 entries", "branch 1: shared account 30 after 4 entries"}},
		{"same entries, other balance", []survey.Answer{{Branch: 1, Status: status(5, 30)}, {Branch: 2, Status: status(5, 40)}}, false,
			[]string{"The branches do not agree:"}},
		{"lost", []survey.Answer{{Branch: 1, Status: status(5, 40)}, lost}, false,
			[]string{"1 of 2 branches agree: shared account 40", "branch 3 can't be reached: connection refused"}},
		{"all lost", []survey.Answer{lost}, false, []string{"No branch can be reached any more."}},
		{"alarm", []survey.Answer{{Branch: 1, Status: status(5, 40, "journal 2 has forked")}}, false,
			[]string{"alarm at branch 1: journal 2 has forked"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text bytes.Buffer
			found := survey.Compare(tt.answers)
			report := &customer.Report{Events: 1, Succeeded: 1}
			(&console.Console{Out: &text, Err: &text}).Summary(report, found, len(tt.answers), []string{"output.json"})
			for _, want := range tt.want {
				if !strings.Contains(text.String(), want) {
					t.Errorf("the summary lacks %q:\n%s", want, text.String())
				}
			}
			if err := verdict(report, found); (err == nil) != tt.agree {
				t.Errorf("verdict %v, want agreement %t", err, tt.agree)
			}
		})
	}
}

func TestVerdictCountsEventsWithoutAnswer(t *testing.T) {
	agreed := survey.Compare([]survey.Answer{{Branch: 1, Status: status(5, 40)}})
	if err := verdict(&customer.Report{Events: 2, Succeeded: 1, Refused: 1}, agreed); err != nil {
		t.Errorf("a refusal is an answer, got %v", err)
	}
	if err := verdict(&customer.Report{Events: 2, Succeeded: 1, Failed: 1}, agreed); err == nil {
		t.Error("no error though an event failed")
	}
}
