package ledger

import (
	"fmt"
	"strings"
)

// RequestKey is what a request is known by, wherever requests are looked up: a request id
// together with the customer whose it is. So nobody can read or repeat what was answered
// to another customer, and two customers may use the same id.
//
// Where there is no customer it is the id alone. Otherwise it begins with a byte that
// UTF-8 does not have, so it is no id, and another one parts the customer from the id.
// The empty key is of no request.
type RequestKey string

// keyMark is the byte that begins the key of a customer's request, and ends the customer.
const keyMark = "\xff"

// NewRequestKey returns what a customer's request is known by, which are texts of UTF-8. It
// is empty when the id is.
func NewRequestKey(customer, id string) RequestKey {
	if customer == "" || id == "" {
		return RequestKey(id)
	}
	return RequestKey(keyMark + customer + keyMark + id)
}

// RequestKey returns what the request of the entry is known by; it is empty when the entry
// has no request id.
func (e *Entry) RequestKey() RequestKey { return NewRequestKey(e.Customer, e.RequestID) }

// Split returns the customer and the request id.
func (k RequestKey) Split() (customer, id string) {
	marked, ok := strings.CutPrefix(string(k), keyMark)
	if !ok {
		return "", string(k)
	}
	customer, id, _ = strings.Cut(marked, keyMark)
	return customer, id
}

// String names the request in words.
func (k RequestKey) String() string {
	customer, id := k.Split()
	if customer == "" {
		return fmt.Sprintf("request id %q", id)
	}
	return fmt.Sprintf("request id %q of customer %q", id, customer)
}
