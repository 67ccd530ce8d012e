package branch

import (
	"passbook.example/passbook/branch/api"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// What the fuzzing of decoders needs to see.
var (
	FrameToProto   = api.FrameToProto
	FrameFromProto = api.FrameFromProto

	OperationsFromProto = api.OperationsFromProto
)

// PageToken returns the token of a page of the listing that req asks for.
func PageToken(req *bankv1.ListEntriesRequest, cursor uint64) string {
	return listingOf(req).token(cursor)
}

// PageCursor reads a token of the listing that req asks for.
func PageCursor(req *bankv1.ListEntriesRequest, token string) (uint64, error) {
	return listingOf(req).cursor(token)
}
