package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/words"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// JSON writes a reply as the API's JSON, zeros included: indented for a person,
// on one line for a program.
func (c *Console) JSON(m proto.Message) error {
	data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err
	}
	// protojson puts blanks in at random, so as not to be compared by bytes.
	var b bytes.Buffer
	if c.outTerminal {
		err = json.Indent(&b, data, "", "  ")
	} else {
		err = json.Compact(&b, data)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Out, b.String())
	return err
}

// WriteReply has the methods that the replies to writes have in common.
type WriteReply interface {
	proto.Message
	GetBalance() int64
	GetReceipt() *bankv1.Receipt
	GetUnreachableBranches() []uint32
	GetReplay() bool
}

// Written reports a write that is done.
func (c *Console) Written(done string, amount int64, r WriteReply) error {
	line := fmt.Sprintf("%s %d: balance %d, receipt %s", done, amount, r.GetBalance(), receiptText(r.GetReceipt()))
	if r.GetReplay() {
		line += " (recorded earlier, under the same request id)"
	}
	if lost := r.GetUnreachableBranches(); len(lost) > 0 {
		line += fmt.Sprintf("; %s can't be reached and will catch up", words.Branches(lost))
	}
	_, err := fmt.Fprintln(c.Out, line)
	return err
}

// Balance prints the answer to a query.
func (c *Console) Balance(account string, r *bankv1.QueryResponse) error {
	if account == "" {
		account = "shared"
	}
	t := table{header: []string{"ACCOUNT", ">BALANCE", ">AVAILABLE HERE"}}
	t.add(account, r.GetBalance(), r.GetAvailable())
	return t.write(c.Out, c.outTerminal, true)
}

// Status prints the status of a branch.
func (c *Console) Status(s *bankv1.GetStatusResponse) error {
	state := strings.ToLower(strings.TrimPrefix(s.GetState().String(), "BRANCH_STATE_"))
	if s.GetStateReason() != "" {
		state += " (" + name.Printable(s.GetStateReason()) + ")"
	}
	up := words.Duration(time.Duration(s.GetUptimeMs()) * time.Millisecond)
	fmt.Fprintf(c.Out, "Branch %d at %s: %s, epoch %d, up %v\n", s.GetBranch(), name.Printable(s.GetAddress()), state, s.GetEpoch(), up)
	fmt.Fprintln(c.Out, bankLine(s.GetBankName(), s.GetBankId()))
	for _, alarm := range s.GetAlarms() {
		fmt.Fprintf(c.Out, "Alarm: %s\n", name.Printable(alarm))
	}
	if len(s.GetAlarms()) > 0 {
		fmt.Fprintf(c.Out, "passbook alarms --branch %d lists them, and puts away those that you have dealt with\n", s.GetBranch())
	}
	if all := s.GetCertificates(); len(all) > 0 {
		first := all[0]
		fmt.Fprintf(c.Out, "Certificates: the first that ends is %s, on %s\n", name.Printable(first.GetFile()), time.UnixMilli(first.GetExpiresAtUnixMs()).UTC().Format(time.DateOnly))
	}
	fmt.Fprintln(c.Out, accountsLine(s))
	accounts := table{header: []string{"ACCOUNT", ">BALANCE", ">AVAILABLE HERE"}}
	for _, a := range s.GetAccounts() {
		accounts.add(a.GetAccount(), a.GetBalance(), a.GetAvailable())
	}
	fmt.Fprintln(c.Out)
	if err := accounts.write(c.Out, c.outTerminal, true); err != nil {
		return err
	}
	if s.GetAccountsTruncated() {
		fmt.Fprintf(c.Out, "and %d more accounts\n", s.GetAccountCount()-int64(len(s.GetAccounts())))
	}
	if len(s.GetPeers()) == 0 {
		return nil
	}
	fmt.Fprintln(c.Out)
	return c.peers(s)
}

// accountsLine says how many accounts there are, and how many there may be.
func accountsLine(s *bankv1.GetStatusResponse) string {
	if s.GetMaxAccounts() == 0 {
		return fmt.Sprintf("Accounts: %d", s.GetAccountCount())
	}
	return fmt.Sprintf("Accounts: %d of at most %d (--max-accounts)", s.GetAccountCount(), s.GetMaxAccounts())
}

// bankLine says which bank it is.
func bankLine(bank, id string) string {
	if id == "" {
		return fmt.Sprintf("Bank %q, not founded yet", bank)
	}
	return fmt.Sprintf("Bank %q, id %s", bank, name.Printable(id))
}

// peers prints how a branch sees its peers.
func (c *Console) peers(s *bankv1.GetStatusResponse) error {
	applied := make(map[uint32]uint64)
	for _, p := range s.GetApplied() {
		applied[p.GetBranch()] = p.GetSequence()
	}
	t := table{header: []string{">PEER", "ADDRESS", "REACHABLE", ">ROUND TRIP", ">CONFIRMED", ">LAG", ">APPLIED HERE"}}
	for _, p := range s.GetPeers() {
		reachable := "no"
		if p.GetReachable() {
			reachable = "yes"
		}
		t.add(p.GetBranch(), p.GetAddress(), reachable, words.RoundTrip(p.GetRoundTripUs()), p.GetAckedSequence(), p.GetLag(), applied[p.GetBranch()])
	}
	return t.write(c.Out, c.outTerminal, true)
}

// moment writes a time in the past, with its zone.
const moment = time.DateTime + " MST"

// Entries prints a page of entries, of an account's statement or, without an
// account, of a journal. The first page has the heading.
func (c *Console) Entries(page *bankv1.ListEntriesResponse, account string, first bool) error {
	t := table{header: []string{">RECEIPT", "TIME", "ENTRY", ">AMOUNT", ">BALANCE", ">CUSTOMER", "REQUEST ID"}}
	for _, e := range page.GetEntries() {
		what, amount := factText(e.GetEntry(), account)
		balance := fmt.Sprint(e.GetBalance())
		if e.GetEntry().GetBulk() != nil && account == "" {
			balance = "" // it is about many accounts
		}
		t.add(receiptText(e.GetReceipt()),
			time.UnixMilli(e.GetEntry().GetRecordedAtUnixMs()).UTC().Format(moment),
			what, amount, balance, customerText(e.GetEntry()), e.GetEntry().GetRequestId())
	}
	return t.write(c.Out, c.outTerminal, first)
}

// customerText names the customer of an entry: by the name that it has proven, with the
// number that it gives itself behind it, or by that number alone.
func customerText(e *bankv1.Entry) string {
	switch {
	case e.GetCustomer() == "":
		return fmt.Sprint(e.GetCustomerId())
	case e.GetCustomerId() == 0:
		return e.GetCustomer()
	}
	return fmt.Sprintf("%s (%d)", e.GetCustomer(), e.GetCustomerId())
}

// factText says what an entry is about, and its amount; that of a bulk is what
// it changed the account by, if there is one.
func factText(e *bankv1.Entry, account string) (what, amount string) {
	switch f := e.GetFact().(type) {
	case *bankv1.Entry_Deposit:
		return "deposit to " + f.Deposit.GetAccount(), fmt.Sprint(f.Deposit.GetAmount())
	case *bankv1.Entry_Withdrawal:
		return "withdrawal from " + f.Withdrawal.GetAccount(), fmt.Sprint(f.Withdrawal.GetAmount())
	case *bankv1.Entry_Transfer:
		return fmt.Sprintf("transfer from %s to %s", f.Transfer.GetFromAccount(), f.Transfer.GetToAccount()), fmt.Sprint(f.Transfer.GetAmount())
	case *bankv1.Entry_Grant:
		return fmt.Sprintf("grant of %s to branch %d", f.Grant.GetAccount(), f.Grant.GetToBranch()), fmt.Sprint(f.Grant.GetAmount())
	case *bankv1.Entry_Bulk:
		return bulkText(f.Bulk), bulkAmount(f.Bulk, account)
	}
	return "unknown", "0"
}

// bulkText counts the operations of a bulk.
func bulkText(b *bankv1.Bulk) string {
	text := "bulk of " + words.Count(len(b.GetAmounts()), "operation")
	if refused := len(b.GetInsufficient()) + len(b.GetUnavailable()); refused > 0 {
		text += fmt.Sprintf(", %d refused", refused)
	}
	return text
}

// bulkAmount returns the amount by which a bulk changed an account.
func bulkAmount(b *bankv1.Bulk, account string) string {
	place := uint32(slices.Index(b.GetAccounts(), account) + 1)
	if place == 0 {
		return ""
	}
	refused := map[uint32]bool{}
	for _, i := range slices.Concat(b.GetInsufficient(), b.GetUnavailable()) {
		refused[i] = true
	}
	var net int64
	for i, amount := range b.GetAmounts() {
		switch {
		case refused[uint32(i)]:
		case i < len(b.GetFrom()) && b.GetFrom()[i] == place:
			net -= amount
		case i < len(b.GetTo()) && b.GetTo()[i] == place:
			net += amount
		}
	}
	return fmt.Sprintf("%+d", net)
}

// NextPage tells the user, not programs, how to go on.
func (c *Console) NextPage(token string) {
	fmt.Fprintf(c.Err, "There are more entries: --page-token %s, or --all\n", name.Printable(token))
}
