package service

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// told returns the texts of what a story of branch 2 tells.
func told(t *testing.T, tell func(*Story)) []string {
	t.Helper()
	var out bytes.Buffer
	tell(NewStory(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: api.LevelEvents})), 2))
	var lines []string
	for line := range strings.Lines(out.String()) {
		_, text, _ := strings.Cut(line, "msg=")
		text, _, _ = strings.Cut(text, " event=")
		lines = append(lines, strings.Trim(text, `"`))
	}
	return lines
}

func TestAStoryTellsEachEvent(t *testing.T) {
	deposit := ledger.Entry{Sequence: 1, Clock: 1, Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 10, CustomerID: 7}
	withdrawal := ledger.Entry{Sequence: 1, Clock: 1, Kind: ledger.Withdrawal, Account: "rent", Amount: 5}
	grant := ledger.Entry{Sequence: 2, Clock: 2, Kind: ledger.Grant, Account: ledger.SharedAccount, Amount: 5, ToBranch: 3}
	bulk := ledger.Entry{Kind: ledger.Bulk, CustomerID: 7, Operations: &ledger.Operations{Amounts: []ledger.Amount{1, 2}}}
	own := ledger.NewSealed(&ledger.Batch{Branch: 2, FirstSequence: 1, Entries: []ledger.Entry{deposit, grant}})
	other := ledger.NewSealed(&ledger.Batch{Branch: 1, FirstSequence: 1, Entries: []ledger.Entry{withdrawal}})
	got := told(t, func(s *Story) {
		s.asked(&deposit)
		s.answered(&deposit, &protocol.Reply{Balance: 410}, nil)
		s.answered(&deposit, &protocol.Reply{Forward: 3}, nil)
		s.asked(&withdrawal)
		s.answered(&withdrawal, &protocol.Reply{}, &protocol.InsufficientError{Account: "rent", Balance: 1, Amount: 5})
		s.answered(&withdrawal, &protocol.Reply{}, api.ErrStopping)
		s.askedQuery(&bankv1.QueryRequest{Account: "rent money", CustomerId: 7})
		s.answeredQuery(&bankv1.QueryRequest{}, &bankv1.QueryResponse{Balance: 9}, nil)
		s.asked(&bulk)
		s.answeredList(&bankv1.SubmitRequest{Amounts: []int64{1, 2}, CustomerId: 7}, &bankv1.SubmitResponse{Insufficient: []uint32{1}}, nil)
		s.Sent(1, &protocol.Frame{Outlines: []*ledger.Outline{&own.Outline, &other.Outline, {Span: ledger.Span{Branch: 1}}}})
		s.Applied(&ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: own}, {Sealed: other}}})
	})
	want := []string{
		"Branch 2 receives deposit 10 from customer 7",
		"Branch 2 answers deposit 10 of customer 7: success, balance 410",
		"Branch 2 passes deposit 10 of customer 7 on to branch 3",
		"Branch 2 receives withdraw 5 (account rent) from a customer",
		"Branch 2 answers withdraw 5 (account rent) of a customer: fail: " + slashed((&protocol.InsufficientError{Account: "rent", Balance: 1, Amount: 5}).Error()),
		"Branch 2 answers withdraw 5 (account rent) of a customer: unavailable: " + api.ErrStopping.Error(),
		`Branch 2 receives query (account \"rent money\") from customer 7`,
		"Branch 2 answers query of a customer: balance 9",
		"Branch 2 receives bulk of 2 operations from customer 7",
		"Branch 2 answers bulk of 2 operations of customer 7: success, 1 insufficient, 0 unavailable",
		"Branch 2 sends propagate_deposit 10 to branch 1",
		"Branch 2 sends propagate_grant 5 for branch 3 to branch 1",
		"Branch 2 sends propagate_withdraw 5 (account rent) of branch 1 to branch 1",
		"Branch 2 receives propagate_withdraw 5 (account rent) from branch 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// slashed is how the text handler writes quotes.
func slashed(text string) string { return strings.ReplaceAll(text, `"`, `\"`) }

func TestEntriesToldOfABatchAreBounded(t *testing.T) {
	entries := make([]ledger.Entry, 1000)
	for i := range entries {
		entries[i] = ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1}
	}
	batch := ledger.NewSealed(&ledger.Batch{Branch: 1, FirstSequence: 1, Entries: entries})
	got := told(t, func(s *Story) { s.Applied(&ledger.Commit{Batches: []ledger.StoredBatch{{Sealed: batch}}}) })
	if want := fmt.Sprintf("Branch 2 receives propagate_batch with %d more entries from branch 1", 1000-maxToldEntries); len(got) != maxToldEntries+1 || got[maxToldEntries] != want {
		t.Errorf("%d lines, the last %q; want %d, and %q", len(got), got[len(got)-1], maxToldEntries+1, want)
	}
}

// Where nobody listens there is no story, and telling it costs nothing.
func TestAStoryThatNobodyHearsCostsNothing(t *testing.T) {
	s := NewStory(slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)), 2)
	if s != nil {
		t.Fatal("there is a story")
	}
	entry, reply, frame, commit := &ledger.Entry{}, &protocol.Reply{}, &protocol.Frame{}, &ledger.Commit{}
	if n := testing.AllocsPerRun(100, func() {
		s.asked(entry)
		s.answered(entry, reply, nil)
		s.Sent(1, frame)
		s.Applied(commit)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
