package customers

import (
	"slices"
	"testing"

	"passbook.example/passbook/cmd/torture/internal/check"
	"passbook.example/passbook/cmd/torture/internal/history"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// TestListColumns checks that a list is asked for as it is read from a journal.
func TestListColumns(t *testing.T) {
	for _, ops := range [][]history.Operation{
		{{Kind: history.Deposit, Account: "", To: "", Amount: 1}},
		{{Kind: history.Deposit, Account: "rent", To: "", Amount: 1}, {Kind: history.Deposit, Account: "", To: "", Amount: 2}},
		{{Kind: history.Withdraw, Account: "", To: "", Amount: 1}, {Kind: history.Withdraw, Account: "", To: "", Amount: 2}},
		{{Kind: history.Transfer, Account: "till", To: "", Amount: 3}, {Kind: history.Transfer, Account: "", To: "till", Amount: 1}, {Kind: history.Withdraw, Account: "rent", To: "", Amount: 5}, {Kind: history.Deposit, Account: "rent", To: "", Amount: 6}},
	} {
		w := &history.Write{Kind: history.AllOrNone, Home: 2, List: ops}
		req := request(w, &history.Attempt{Asked: 3}, "")
		names := req.GetAccounts()
		if names == nil {
			names = []string{""}
		}
		k, got := check.ListOf(&bankv1.Bulk{Accounts: names, From: req.GetFrom(), To: req.GetTo(), Amounts: req.GetAmounts(), AllOrNone: req.GetAllOrNone()})
		if k != history.AllOrNone || !slices.Equal(got.Operations, ops) || req.GetHomeBranch() != 2 {
			t.Errorf("%v became %v, which is %s of %v", ops, req, k, got.Operations)
		}
	}
}

// TestListAnswers checks what a customer knows after an answer.
func TestListAnswers(t *testing.T) {
	at := &bankv1.Receipt{Branch: 1, Sequence: 9}
	for name, c := range map[string]struct {
		kind  history.Kind
		res   *bankv1.SubmitResponse
		want  history.Outcome
		wrong bool
	}{
		"all":                   {history.EachAlone, &bankv1.SubmitResponse{Receipt: at}, history.Success, false},
		"in part":               {history.EachAlone, &bankv1.SubmitResponse{Receipt: at, Insufficient: []uint32{1}}, history.Success, false},
		"nothing, insufficient": {history.EachAlone, &bankv1.SubmitResponse{Insufficient: []uint32{0, 1}}, history.Refused, false},
		"nothing, unavailable":  {history.EachAlone, &bankv1.SubmitResponse{Insufficient: []uint32{0}, Unavailable: []uint32{1}}, history.Nothing, false},
		"recorded":              {history.AllOrNone, &bankv1.SubmitResponse{Receipt: at, ErrorCode: "deadline_exceeded"}, history.Recorded, false},
		"late":                  {history.AllOrNone, &bankv1.SubmitResponse{ErrorCode: "deadline_exceeded"}, history.Unknown, false},
		"refused":               {history.AllOrNone, &bankv1.SubmitResponse{ErrorCode: "failed_precondition"}, history.Refused, false},
		"unavailable":           {history.AllOrNone, &bankv1.SubmitResponse{ErrorCode: "unavailable"}, history.Nothing, false},
		"home out of reach":     {history.AllOrNone, &bankv1.SubmitResponse{ErrorCode: "unavailable", Error: "it is not known whether"}, history.Unknown, false},
		"busy":                  {history.AllOrNone, &bankv1.SubmitResponse{ErrorCode: "resource_exhausted"}, history.Nothing, false},

		"all or none in part":     {history.AllOrNone, &bankv1.SubmitResponse{Receipt: at, Unavailable: []uint32{1}}, history.Unknown, true},
		"no receipt":              {history.EachAlone, &bankv1.SubmitResponse{Insufficient: []uint32{1}}, history.Unknown, true},
		"receipt of nothing":      {history.EachAlone, &bankv1.SubmitResponse{Receipt: at, Insufficient: []uint32{0, 1}}, history.Unknown, true},
		"no such operation":       {history.EachAlone, &bankv1.SubmitResponse{Receipt: at, Insufficient: []uint32{2}}, history.Unknown, true},
		"refused twice":           {history.EachAlone, &bankv1.SubmitResponse{Receipt: at, Insufficient: []uint32{1}, Unavailable: []uint32{1}}, history.Unknown, true},
		"refused out of order":    {history.EachAlone, &bankv1.SubmitResponse{Unavailable: []uint32{1, 0}}, history.Unknown, true},
		"refused whole":           {history.EachAlone, &bankv1.SubmitResponse{ErrorCode: "failed_precondition"}, history.Unknown, true},
		"id in use":               {history.AllOrNone, &bankv1.SubmitResponse{ErrorCode: "already_exists"}, history.Unknown, true},
		"something that is wrong": {history.AllOrNone, &bankv1.SubmitResponse{ErrorCode: "internal"}, history.Unknown, true},
	} {
		w := &history.Write{Kind: c.kind, List: []history.Operation{{Kind: history.Withdraw, Account: "", To: "", Amount: 5}, {Kind: history.Withdraw, Account: "rent", To: "", Amount: 6}}}
		if v := judgeList(w, c.res); v.outcome != c.want || (v.wrong != nil) != c.wrong {
			t.Errorf("%s: got %+v, want %s, wrong %v", name, v, c.want, c.wrong)
		}
	}
}
