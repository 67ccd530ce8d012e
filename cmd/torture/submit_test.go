package main

import (
	"slices"
	"testing"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// TestListColumns checks that a list is asked for as it is read from a journal.
func TestListColumns(t *testing.T) {
	for _, ops := range [][]operation{
		{{deposit, "", "", 1}},
		{{deposit, "rent", "", 1}, {deposit, "", "", 2}},
		{{withdraw, "", "", 1}, {withdraw, "", "", 2}},
		{{transfer, "till", "", 3}, {transfer, "", "till", 1}, {withdraw, "rent", "", 5}, {deposit, "rent", "", 6}},
	} {
		w := &write{Kind: allOrNone, Home: 2, List: ops}
		req := w.request(&attempt{Asked: 3}, "")
		names := req.GetAccounts()
		if names == nil {
			names = []string{""}
		}
		k, got := listOf(&bankv1.Bulk{Accounts: names, From: req.GetFrom(), To: req.GetTo(), Amounts: req.GetAmounts(), AllOrNone: req.GetAllOrNone()})
		if k != allOrNone || !slices.Equal(got.Operations, ops) || req.GetHomeBranch() != 2 {
			t.Errorf("%v became %v, which is %s of %v", ops, req, k, got.Operations)
		}
	}
}

// TestListAnswers checks what a customer knows after an answer.
func TestListAnswers(t *testing.T) {
	at := &bankv1.Receipt{Branch: 1, Sequence: 9}
	for name, c := range map[string]struct {
		kind  kind
		res   *bankv1.SubmitResponse
		want  outcome
		wrong bool
	}{
		"all":                   {eachAlone, &bankv1.SubmitResponse{Receipt: at}, success, false},
		"in part":               {eachAlone, &bankv1.SubmitResponse{Receipt: at, Insufficient: []uint32{1}}, success, false},
		"nothing, insufficient": {eachAlone, &bankv1.SubmitResponse{Insufficient: []uint32{0, 1}}, refused, false},
		"nothing, unavailable":  {eachAlone, &bankv1.SubmitResponse{Insufficient: []uint32{0}, Unavailable: []uint32{1}}, nothing, false},
		"recorded":              {allOrNone, &bankv1.SubmitResponse{Receipt: at, ErrorCode: "deadline_exceeded"}, recorded, false},
		"late":                  {allOrNone, &bankv1.SubmitResponse{ErrorCode: "deadline_exceeded"}, unknown, false},
		"refused":               {allOrNone, &bankv1.SubmitResponse{ErrorCode: "failed_precondition"}, refused, false},
		"unavailable":           {allOrNone, &bankv1.SubmitResponse{ErrorCode: "unavailable"}, nothing, false},
		"home out of reach":     {allOrNone, &bankv1.SubmitResponse{ErrorCode: "unavailable", Error: "it is not known whether"}, unknown, false},
		"busy":                  {allOrNone, &bankv1.SubmitResponse{ErrorCode: "resource_exhausted"}, nothing, false},

		"all or none in part":     {allOrNone, &bankv1.SubmitResponse{Receipt: at, Unavailable: []uint32{1}}, unknown, true},
		"no receipt":              {eachAlone, &bankv1.SubmitResponse{Insufficient: []uint32{1}}, unknown, true},
		"receipt of nothing":      {eachAlone, &bankv1.SubmitResponse{Receipt: at, Insufficient: []uint32{0, 1}}, unknown, true},
		"no such operation":       {eachAlone, &bankv1.SubmitResponse{Receipt: at, Insufficient: []uint32{2}}, unknown, true},
		"refused twice":           {eachAlone, &bankv1.SubmitResponse{Receipt: at, Insufficient: []uint32{1}, Unavailable: []uint32{1}}, unknown, true},
		"refused out of order":    {eachAlone, &bankv1.SubmitResponse{Unavailable: []uint32{1, 0}}, unknown, true},
		"refused whole":           {eachAlone, &bankv1.SubmitResponse{ErrorCode: "failed_precondition"}, unknown, true},
		"id in use":               {allOrNone, &bankv1.SubmitResponse{ErrorCode: "already_exists"}, unknown, true},
		"something that is wrong": {allOrNone, &bankv1.SubmitResponse{ErrorCode: "internal"}, unknown, true},
	} {
		w := &write{Kind: c.kind, List: []operation{{withdraw, "", "", 5}, {withdraw, "rent", "", 6}}}
		if v := judgeList(w, c.res); v.outcome != c.want || (v.wrong != nil) != c.wrong {
			t.Errorf("%s: got %+v, want %s, wrong %v", name, v, c.want, c.wrong)
		}
	}
}
