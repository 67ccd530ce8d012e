package console

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
)

// TellEvents makes a replay log the events of its customers, and with them each
// attempt to call a branch, if that is wanted. The branches of a process log
// theirs themselves.
func TellEvents(log *slog.Logger, o *customer.Options) {
	ctx := context.Background()
	if log.Enabled(ctx, api.LevelEvents) {
		o.Sends = func(id int64, e customer.Event) {
			log.LogAttrs(ctx, api.LevelEvents, fmt.Sprintf("Customer %d sends %s to branch %d", id, eventText(e), e.Branch), eventAttrs(id, e, "send")...)
		}
		o.Receives = func(id int64, e customer.Event, r customer.Received) {
			text, attrs := receivedText(r)
			log.LogAttrs(ctx, api.LevelEvents, fmt.Sprintf("Customer %d receives %s from branch %d: %s", id, eventText(e), e.Branch, text),
				append(eventAttrs(id, e, "receive"), attrs...)...)
		}
	}
	if log.Enabled(ctx, api.LevelCalls) {
		o.Attempted = func(a customer.Attempt) {
			code := "ok"
			attrs := []slog.Attr{
				slog.Int64("customer", a.Customer), slog.Int64("branch", a.Event.Branch), slog.String("address", a.Address),
				slog.String("interface", string(a.Event.Interface)), slog.Int("attempt", a.Number), slog.Duration("took", a.Took),
			}
			if a.Err != nil {
				code = a.Err.Code.String()
				attrs = append(attrs, slog.String("error", words.Reason(a.Err)))
			}
			log.LogAttrs(ctx, api.LevelCalls, "attempt", append(attrs, slog.String("code", code))...)
		}
	}
}

// eventText says what a customer asks for: "deposit 10", as the branches do.
func eventText(e customer.Event) string {
	switch e.Interface {
	case customer.Query:
		return "query" + ofAccount(e.Account)
	case customer.Transfer:
		return fmt.Sprintf("transfer %d (%s to %s)", e.Amount, accountName(e.Account), accountName(e.To))
	}
	return fmt.Sprintf("%s %d%s", e.Interface, e.Amount, ofAccount(e.Account))
}

// ofAccount names an account that isn't the shared one.
func ofAccount(name string) string {
	if name == "" || name == ledger.SharedAccount {
		return ""
	}
	return " (account " + accountName(name) + ")"
}

// accountName quotes a name with blanks.
func accountName(name string) string {
	switch {
	case name == "":
		return ledger.SharedAccount
	case strings.ContainsAny(name, ` "`):
		return fmt.Sprintf("%q", name)
	}
	return name
}

// receivedText says what a customer received, in the course's words.
func receivedText(r customer.Received) (string, []slog.Attr) {
	balance := slog.Int64("balance", r.Balance)
	switch {
	case r.Outcome == customer.Succeeded && r.Interface == customer.Query:
		return fmt.Sprintf("balance %d", r.Balance), []slog.Attr{balance}
	case r.Outcome == customer.Succeeded:
		return fmt.Sprintf("success, balance %d", r.Balance), []slog.Attr{slog.String("result", "success"), balance}
	case r.Outcome == customer.Refused:
		return "fail: insufficient funds", []slog.Attr{slog.String("result", "fail")}
	}
	return "fail: " + r.Err.Error(), []slog.Attr{slog.String("result", "fail"), slog.String("error", r.Err.Error())}
}

func eventAttrs(id int64, e customer.Event, event string) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("event", event), slog.String("interface", string(e.Interface)), slog.Int64("customer", id), slog.Int64("branch", e.Branch),
		slog.String("account", accountName(e.Account)),
	}
	if e.Interface != customer.Query {
		attrs = append(attrs, slog.Int64("money", e.Amount))
	}
	if e.Interface == customer.Transfer {
		attrs = append(attrs, slog.String("to_account", accountName(e.To)))
	}
	return attrs
}
