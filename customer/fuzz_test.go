package customer_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"passbook.example/passbook/customer"
)

// Whatever is in the file, ReadInput does not panic, and what it takes holds
// the invariants that the types state.
func FuzzReadInput(f *testing.F) {
	for _, pattern := range []string{"testdata/i?.json", "../examples/[st]*.json"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	for _, text := range []string{"", "[", "[]", "{}", "null", "[[[[", `[{"":[],"":{}}]`, "[1,\"\xff\"]", "\xef\xbb\xbf[]"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := customer.ReadInput("fuzz.json", bytes.NewReader(data))
		if err != nil {
			var problem *customer.InputError
			if !errors.As(err, &problem) || problem.Line < 1 || problem.Column < 1 {
				t.Fatalf("error without a place: %v", err)
			}
			return
		}
		checkInvariants(t, in)
	})
}

func checkInvariants(t *testing.T, in *customer.Input) {
	t.Helper()
	if len(in.Branches) == 0 {
		t.Fatal("no branches")
	}
	seen := make(map[uint32]bool)
	for _, b := range in.Branches {
		if b.ID == 0 || seen[b.ID] || b.Balance < 0 || b.Balance != in.Opening() {
			t.Fatalf("branch %+v; opening %d", b, in.Opening())
		}
		seen[b.ID] = true
	}
	for _, c := range in.Customers {
		for _, e := range c.Events {
			switch e.Interface {
			case customer.Query:
				if e.Amount != 0 {
					t.Fatalf("query with an amount: %+v", e)
				}
			case customer.Transfer:
				if e.To == e.Account {
					t.Fatalf("transfer to itself: %+v", e)
				}
				fallthrough
			case customer.Deposit, customer.Withdraw:
				if e.Amount <= 0 || e.Strong {
					t.Fatalf("write %+v", e)
				}
			default:
				t.Fatalf("event %+v", e)
			}
			if e.Line < 1 {
				t.Fatalf("event without a line: %+v", e)
			}
		}
	}
}
