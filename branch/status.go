package branch

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxStatusAccounts bounds the accounts that one status lists.
const maxStatusAccounts = 1000

// GetStatus is BranchServiceHandler's.
func (c customers) GetStatus(ctx context.Context, _ *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	b := c.branch
	out := &bankv1.GetStatusResponse{Branch: uint32(b.id), Address: "http://" + b.cfg.Addresses[uint32(b.id)], UptimeMs: time.Since(b.started).Milliseconds()}
	err := b.engine.Visit(ctx, func(r *replica.Replica) {
		s := r.Status()
		out.Epoch, out.StateReason, out.Alarms = s.Epoch, s.Reason, s.Alarms
		out.State, out.BankName = api.StateToProto(s.State), s.Bank.Name
		if s.Bank.Founded {
			out.BankId = s.Bank.ID.String()
		}
		out.Applied = api.MarkedToProto(s.Applied)
		for _, p := range s.Peers {
			out.Peers = append(out.Peers, &bankv1.PeerStatus{
				Branch: uint32(p.Branch), Address: "http://" + b.peers[p.Branch].address,
				Reachable: p.Reachable, AckedSequence: p.Acked, Lag: p.Lag, RefusedMessages: p.Refused,
			})
		}
		out.AccountCount, out.MaxAccounts = int64(r.Ledger().Count()), int64(max(0, b.cfg.MaxAccounts))
		addAccounts(out, r.Ledger(), b.id)
	})
	return out, err
}

func addAccounts(out *bankv1.GetStatusResponse, l *ledger.Ledger, self ledger.BranchID) {
	own, _ := l.Index(self)
	for n, name := range l.FirstAccounts(maxStatusAccounts + 1) {
		if n == maxStatusAccounts {
			out.AccountsTruncated = true
			return
		}
		a := &bankv1.AccountStatus{Account: name, Balance: int64(l.Balance(name)), Available: int64(l.Escrow(name, own))}
		for i, b := range l.Branches() {
			a.Escrow = append(a.Escrow, &bankv1.BranchEscrow{Branch: uint32(b), Amount: int64(l.Escrow(name, i))})
		}
		out.Accounts = append(out.Accounts, a)
	}
}

// Page sizes of ListEntries.
const (
	defaultPageSize = 100
	maxPageSize     = 1000
)

// ListEntries is BranchServiceHandler's.
func (c customers) ListEntries(_ context.Context, req *bankv1.ListEntriesRequest) (*bankv1.ListEntriesResponse, error) {
	b := c.branch
	if req.GetBranch() != 0 && req.GetAccount() != "" {
		return nil, api.Fieldf("account", "a listing is of an account or of a branch's journal, not of both")
	}
	if _, ok := b.cfg.Addresses[req.GetBranch()]; !ok && req.GetBranch() != 0 {
		return nil, api.Fieldf("branch", "this bank has no branch %d", req.GetBranch())
	}
	if _, ok := bankv1.Order_name[int32(req.GetOrder())]; !ok {
		return nil, api.Fieldf("order", "%d is not one", req.GetOrder())
	}
	if n := req.GetPageSize(); n < 0 || n > maxPageSize {
		return nil, api.Fieldf("page_size", "must be 1 to %d, or 0 for %d, is %d", maxPageSize, defaultPageSize, n)
	}
	name := api.AccountName(req.GetAccount())
	if err := api.CheckName("account", name); err != nil {
		return nil, err
	}
	page := journal.Page{Newest: req.GetOrder() == bankv1.Order_ORDER_NEWEST_FIRST, Limit: int(req.GetPageSize())}
	if page.Limit == 0 {
		page.Limit = defaultPageSize
	}
	var err error
	listing := listingOf(req)
	if page.Cursor, err = listing.cursor(req.GetPageToken()); err != nil {
		return nil, err
	}
	var listed []journal.Listed
	var next uint64
	if req.GetBranch() != 0 {
		listed, next, err = b.journal.Entries(ledger.BranchID(req.GetBranch()), page)
	} else {
		listed, next, err = b.journal.Statement(name, page)
	}
	if err != nil {
		return nil, err
	}
	out := &bankv1.ListEntriesResponse{NextPageToken: listing.token(next)}
	for i := range listed {
		out.Entries = append(out.Entries, &bankv1.ListedEntry{
			Receipt: api.ReceiptToProto(listed[i].At), Entry: api.EntryToProto(&listed[i].Entry), Balance: int64(listed[i].Balance),
		})
	}
	return out, nil
}

// listing marks the page tokens of one listing, so that those of another are
// refused.
type listing [8]byte

func listingOf(req *bankv1.ListEntriesRequest) listing {
	text := binary.BigEndian.AppendUint32(nil, req.GetBranch())
	text = append(text, byte(req.GetOrder()&bankv1.Order_ORDER_NEWEST_FIRST))
	sum := sha256.Sum256(append(text, api.AccountName(req.GetAccount())...))
	return listing(sum[:8])
}

func (m listing) token(cursor uint64) string {
	if cursor == 0 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(m[:], cursor))
}

func (m listing) cursor(token string) (uint64, error) {
	if token == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 16 || listing(b[:8]) != m {
		return 0, api.Fieldf("page_token", "not one of this listing")
	}
	return binary.BigEndian.Uint64(b[8:]), nil
}
