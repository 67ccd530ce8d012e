package api_test

import (
	"testing"

	"passbook.example/passbook/branch/api"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// A column that lacks a place is told with what belongs there.
func TestAColumnOfAnotherLengthIsRefused(t *testing.T) {
	_, err := api.OperationsFromProto(&bankv1.SubmitRequest{RequestId: "a", To: []uint32{1}, Amounts: []int64{500, 20}})
	const want = "to: must have one place for each amount; it has 1, and there are 2 amounts"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
