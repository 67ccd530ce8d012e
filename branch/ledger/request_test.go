package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"passbook.example/passbook/branch/ledger"
)

// Two requests are known by the same key only if customer and id are the same, whatever
// is in them: also what no name may have, since a branch may be lied to.
func TestRequestKeysAreApart(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "ab", "b", "\x00", "a\x00b", "\u00ff", "\ufffd"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		type request struct{ customer, id string }
		one := request{text.Draw(t, "customer"), text.Draw(t, "id")}
		two := request{text.Draw(t, "other customer"), text.Draw(t, "other id")}
		key, other := ledger.NewRequestKey(one.customer, one.id), ledger.NewRequestKey(two.customer, two.id)
		if same := one == two || one.id == "" && two.id == ""; (key == other) != same {
			t.Fatalf("%q of %q is known by %q, %q of %q by %q", one.id, one.customer, string(key), two.id, two.customer, string(other))
		}
		customer, id := key.Split()
		if one.id != "" && (customer != one.customer || id != one.id) {
			t.Fatalf("%q of %q became %q of %q", one.id, one.customer, id, customer)
		}
		if e := (ledger.Entry{Customer: one.customer, RequestID: one.id}); e.RequestKey() != key {
			t.Fatalf("an entry is known by %q, want %q", string(e.RequestKey()), string(key))
		}
	})
}

// Where there is no customer a request is known by its id, as it is on the disks of
// banks without certificates, and in words a key names both.
func TestRequestKeysInWords(t *testing.T) {
	if key := ledger.NewRequestKey("", "r"); key != "r" || key.String() != `request id "r"` {
		t.Errorf("got %q, %s", string(key), key)
	}
	if got, want := ledger.NewRequestKey("ann", "r").String(), `request id "r" of customer "ann"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if key := ledger.NewRequestKey("ann", ""); key != "" {
		t.Errorf("no request is known by %q", string(key))
	}
}

// A request of another customer is another one.
func TestTheCustomerIsPartOfTheRequest(t *testing.T) {
	for _, e := range []ledger.Entry{deposit(1, "a", 5), bulk(1, "+a:5")} {
		e.RequestID, e.Customer = "r", "ann"
		same, other := e, e
		same.Clock, same.RecordedAt, other.Customer = 9, 7, "bob"
		if !e.SameRequest(&same) || e.SameRequest(&other) {
			t.Errorf("%s: the same %v, of another customer %v", e.Kind, e.SameRequest(&same), e.SameRequest(&other))
		}
	}
}

func TestNamesOfCustomersAreChecked(t *testing.T) {
	for name, want := range map[string]error{
		"": nil, "ann": nil, strings.Repeat("x", ledger.MaxNameBytes): nil,
		strings.Repeat("x", ledger.MaxNameBytes+1): ledger.ErrCustomer, "ann\xff": ledger.ErrCustomer,
	} {
		e := deposit(1, "a", 5)
		e.Customer = name
		if err := e.Check(); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", name, err, want)
		}
	}
}
