package service_test

import (
	"errors"
	"testing"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/service"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Whatever a customer sends as a page token, it is refused with an InputError,
// or it stands for one place of this listing, and of no other.
func FuzzPageToken(f *testing.F) {
	f.Add("a", uint32(0), false, service.ListingOf(&bankv1.ListEntriesRequest{Account: "a"}).Token(7))
	f.Add("", uint32(3), true, service.ListingOf(&bankv1.ListEntriesRequest{Branch: 3, Order: bankv1.Order_ORDER_NEWEST_FIRST}).Token(1<<64-1))
	f.Add("a", uint32(0), false, "")
	f.Add("a", uint32(0), false, "AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, account string, writer uint32, newest bool, token string) {
		req := &bankv1.ListEntriesRequest{Account: account, Branch: writer, Order: bankv1.Order_ORDER_OLDEST_FIRST}
		if newest {
			req.Order = bankv1.Order_ORDER_NEWEST_FIRST
		}
		cursor, err := service.ListingOf(req).Cursor(token)
		if err != nil {
			var input *api.InputError
			if !errors.As(err, &input) {
				t.Errorf("%q: %v is no api.InputError", token, err)
			}
			return
		}
		again, err := service.ListingOf(req).Cursor(service.ListingOf(req).Token(cursor))
		if again != cursor || err != nil {
			t.Errorf("%q is %d, and then %d, %v", token, cursor, again, err)
		}
		req.Account += "x"
		if other, err := service.ListingOf(req).Cursor(token); cursor != 0 && err == nil {
			t.Errorf("%q is %d in another listing, too", token, other)
		}
	})
}
