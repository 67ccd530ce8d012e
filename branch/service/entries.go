package service

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Page sizes of ListEntries.
const (
	defaultPageSize = 100
	maxPageSize     = 1000
)

// ListEntries implements BranchServiceHandler.
func (c *Customers) ListEntries(ctx context.Context, req *bankv1.ListEntriesRequest) (*bankv1.ListEntriesResponse, error) {
	if req.GetBranch() != 0 && req.GetAccount() != "" {
		return nil, api.Fieldf("account", "a listing is of an account or of a branch's journal, not of both")
	}
	discreet := discretionOf(ctx)
	if req.GetBranch() != 0 && discreet.customer != nil {
		return nil, code.Errorf(code.PermissionDenied, "you are %s, and may list the entries of your accounts, not those of a branch", discreet.customer)
	}
	if _, ok := c.cfg.Addresses[req.GetBranch()]; !ok && req.GetBranch() != 0 {
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
	if err := mayUse(ctx, name); req.GetBranch() == 0 && err != nil {
		return nil, err
	}
	page := journal.Page{Newest: req.GetOrder() == bankv1.Order_ORDER_NEWEST_FIRST, Limit: int(req.GetPageSize())}
	if page.Limit == 0 {
		page.Limit = defaultPageSize
	}
	var err error
	listing := ListingOf(req)
	if page.Cursor, err = listing.Cursor(req.GetPageToken()); err != nil {
		return nil, err
	}
	var listed []journal.Listed
	var next uint64
	if req.GetBranch() != 0 {
		listed, next, err = c.cfg.Journal.Entries(ledger.BranchID(req.GetBranch()), page)
	} else {
		listed, next, err = c.cfg.Journal.Statement(name, page)
	}
	if err != nil {
		return nil, err
	}
	out := &bankv1.ListEntriesResponse{NextPageToken: listing.Token(next)}
	for i := range listed {
		entry := api.EntryToProto(&listed[i].Entry)
		discreet.entry(entry)
		out.Entries = append(out.Entries, &bankv1.ListedEntry{
			Receipt: api.ReceiptToProto(listed[i].At), Entry: entry, Balance: int64(listed[i].Balance),
		})
	}
	return out, nil
}

// Listing marks the page tokens of one listing, so that those of another are
// refused.
type Listing [8]byte

// ListingOf returns the listing that a request asks a page of.
func ListingOf(req *bankv1.ListEntriesRequest) Listing {
	text := binary.BigEndian.AppendUint32(nil, req.GetBranch())
	text = append(text, byte(req.GetOrder()&bankv1.Order_ORDER_NEWEST_FIRST))
	sum := sha256.Sum256(append(text, api.AccountName(req.GetAccount())...))
	return Listing(sum[:8])
}

// Token returns the token of the page that begins after a cursor; empty for none.
func (m Listing) Token(cursor uint64) string {
	if cursor == 0 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(m[:], cursor))
}

// Cursor returns the cursor of a token of this listing; 0 for the empty one. It
// returns an [*api.InputError] for any other token.
func (m Listing) Cursor(token string) (uint64, error) {
	if token == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 16 || Listing(b[:8]) != m {
		return 0, api.Fieldf("page_token", "not one of this listing")
	}
	return binary.BigEndian.Uint64(b[8:]), nil
}
