package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxToldEntries bounds the entries of one batch that a story tells one by one.
const maxToldEntries = 32

// Story logs each event of a branch in a line, in the words that the programs of the
// course print. A nil Story tells nothing, and costs nothing.
type Story struct {
	// logger gets a line for each event, at the level of events.
	logger *slog.Logger
	// branch is the branch that tells.
	branch ledger.BranchID
}

// NewStory returns the story of a branch, or nil if the logger drops it.
func NewStory(logger *slog.Logger, branch ledger.BranchID) *Story {
	if !logger.Enabled(context.Background(), api.LevelEvents) {
		return nil
	}
	return &Story{logger: logger, branch: branch}
}

func (s *Story) tell(text string, attrs ...slog.Attr) {
	s.logger.LogAttrs(context.Background(), api.LevelEvents, fmt.Sprintf("Branch %d %s", s.branch, text), attrs...)
}

// asked tells of a customer's write.
func (s *Story) asked(e *ledger.Entry) {
	if s == nil {
		return
	}
	s.tell("receives "+entryText(e)+" from "+customerText(e.CustomerID), entryAttrs(e, "receive")...)
}

// answered tells what became of a customer's write.
func (s *Story) answered(e *ledger.Entry, reply *protocol.Reply, err error) {
	if s == nil {
		return
	}
	result, text := resultText(err), ""
	attrs := append(entryAttrs(e, "answer"), slog.String("result", result))
	switch {
	case err != nil:
		text = ": " + err.Error()
		attrs = append(attrs, slog.String("error", err.Error()))
	case reply.Forward != 0:
		s.tell(fmt.Sprintf("passes %s of %s on to branch %d", entryText(e), customerText(e.CustomerID), reply.Forward), entryAttrs(e, "pass")...)
		return
	case e.Kind != ledger.Bulk:
		text = fmt.Sprintf(", balance %d", reply.Balance)
		attrs = append(attrs, slog.Int64("balance", int64(reply.Balance)))
	}
	s.tell("answers "+entryText(e)+" of "+customerText(e.CustomerID)+": "+result+text, attrs...)
}

// askedQuery tells of a customer's query.
func (s *Story) askedQuery(req *bankv1.QueryRequest) {
	if s == nil {
		return
	}
	s.tell("receives "+queryText(req)+" from "+customerText(req.GetCustomerId()), queryAttrs(req, "receive")...)
}

// answeredQuery tells what a customer's query was answered.
func (s *Story) answeredQuery(req *bankv1.QueryRequest, res *bankv1.QueryResponse, err error) {
	if s == nil {
		return
	}
	text, attr := fmt.Sprintf("balance %d", res.GetBalance()), slog.Int64("balance", res.GetBalance())
	if err != nil {
		text, attr = resultText(err)+": "+err.Error(), slog.String("error", err.Error())
	}
	s.tell("answers "+queryText(req)+" of "+customerText(req.GetCustomerId())+": "+text, append(queryAttrs(req, "answer"), attr)...)
}

// answeredList tells what became of a list.
func (s *Story) answeredList(req *bankv1.SubmitRequest, res *bankv1.SubmitResponse, err error) {
	if s == nil {
		return
	}
	text := resultText(err)
	attrs := []slog.Attr{
		slog.String("event", "answer"), slog.String("interface", interfaceOf(ledger.Bulk)), slog.Int64("customer", req.GetCustomerId()),
		slog.String("result", text), slog.Int("insufficient", len(res.GetInsufficient())), slog.Int("unavailable", len(res.GetUnavailable())),
	}
	if err != nil {
		text += ": " + err.Error()
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.tell(fmt.Sprintf("answers bulk of %d operations of %s: %s, %d insufficient, %d unavailable",
		len(req.GetAmounts()), customerText(req.GetCustomerId()), text, len(res.GetInsufficient()), len(res.GetUnavailable())), attrs...)
}

// Sent tells of the batches in a frame for a peer.
func (s *Story) Sent(to ledger.BranchID, f *protocol.Frame) {
	if s == nil {
		return
	}
	for _, b := range f.Outlines {
		opened, err := ledger.OpenSealed(b.Bytes, b.Hash)
		if err != nil {
			continue // its receiver refuses it
		}
		origin := ""
		if b.Span.Branch != s.branch {
			origin = fmt.Sprintf(" of branch %d", b.Span.Branch)
		}
		s.tellEntries(opened.Batch, "send", func(what string) string {
			return fmt.Sprintf("sends propagate_%s%s to branch %d", what, origin, to)
		}, slog.Uint64("to_branch", uint64(to)))
	}
}

// Applied tells of the batches of peers in a commit.
func (s *Story) Applied(commit *ledger.Commit) {
	if s == nil {
		return
	}
	for _, b := range commit.Batches {
		if b.Batch == nil || b.Span.Branch == s.branch {
			continue
		}
		s.tellEntries(b.Batch, "receive", func(what string) string {
			return fmt.Sprintf("receives propagate_%s from branch %d", what, b.Span.Branch)
		}, slog.Uint64("from_branch", uint64(b.Span.Branch)))
	}
}

// tellEntries tells of the first entries of a batch.
func (s *Story) tellEntries(b *ledger.Batch, event string, text func(what string) string, attr slog.Attr) {
	for i := range b.Entries {
		if i == maxToldEntries {
			s.tell(text(fmt.Sprintf("batch with %d more entries", len(b.Entries)-i)), slog.String("event", event), attr)
			return
		}
		attrs := entryAttrs(&b.Entries[i], event)
		attrs[1] = slog.String("interface", "propagate_"+interfaceOf(b.Entries[i].Kind))
		s.tell(text(entryText(&b.Entries[i])), append(attrs, attr)...)
	}
}

// interfaceOf returns the course's word for a kind of entry.
func interfaceOf(k ledger.Kind) string {
	if k == ledger.Withdrawal {
		return "withdraw"
	}
	return k.String()
}

// entryText says what an entry does: "deposit 10", "transfer 5 (shared to rent)".
func entryText(e *ledger.Entry) string {
	switch e.Kind {
	case ledger.Bulk:
		return fmt.Sprintf("bulk of %d operations", len(e.Operations.Amounts))
	case ledger.Transfer:
		return fmt.Sprintf("transfer %d (%s to %s)", e.Amount, nameText(e.Account), nameText(e.ToAccount))
	case ledger.Grant:
		return fmt.Sprintf("grant %d%s for branch %d", e.Amount, accountText(e.Account), e.ToBranch)
	}
	return fmt.Sprintf("%s %d%s", interfaceOf(e.Kind), e.Amount, accountText(e.Account))
}

func queryText(req *bankv1.QueryRequest) string {
	return "query" + accountText(api.AccountName(req.GetAccount()))
}

// accountText names an account that isn't the shared one.
func accountText(name string) string {
	if name == ledger.SharedAccount {
		return ""
	}
	return " (account " + nameText(name) + ")"
}

// nameText quotes a name that a reader might take for something else.
func nameText(name string) string {
	plain := func(r rune) bool { return unicode.IsPrint(r) && r != ' ' && r != '"' }
	if name != "" && strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return name
	}
	return strconv.QuoteToGraphic(name)
}

func customerText(id int64) string {
	if id == 0 {
		return "a customer"
	}
	return fmt.Sprintf("customer %d", id)
}

// resultText returns the course's word for how a call ended, or the code of an
// error that the course has no word for.
func resultText(err error) string {
	var insufficient *protocol.InsufficientError
	switch {
	case err == nil:
		return courseSuccess
	case errors.As(err, &insufficient):
		return courseFail
	}
	code := api.CodeOf(err)
	return code.String()
}

func entryAttrs(e *ledger.Entry, event string) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("event", event), slog.String("interface", interfaceOf(e.Kind)), slog.Int64("customer", e.CustomerID),
	}
	if e.Kind != ledger.Bulk {
		attrs = append(attrs, slog.String("account", e.Account), slog.Int64("money", int64(e.Amount)))
	}
	if e.Kind == ledger.Transfer {
		attrs = append(attrs, slog.String("to_account", e.ToAccount))
	}
	return attrs
}

func queryAttrs(req *bankv1.QueryRequest, event string) []slog.Attr {
	return []slog.Attr{
		slog.String("event", event), slog.String("interface", "query"), slog.Int64("customer", req.GetCustomerId()),
		slog.String("account", api.AccountName(req.GetAccount())),
	}
}
