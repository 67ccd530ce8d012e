package api_test

import (
	"net/http"
	"testing"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
)

func TestAddressee(t *testing.T) {
	const deposit = "/bank.v1.BranchService/Deposit"
	tests := map[string]struct {
		id        ledger.BranchID
		procedure string
		ok        bool
	}{
		"/branch/7" + deposit:                    {7, deposit, true},
		"/branch/7/bank.v1.BranchService/Watch":  {},
		"/branch/7":                              {},
		"/branch/":                               {},
		"/branch//bank.v1.BranchService/Deposit": {},
		"/branch/4294967296" + deposit:           {},
		"/branch/x" + deposit:                    {},
		"/branches/7" + deposit:                  {},
		deposit:                                  {},
		"":                                       {},
		"/branch/7//bank.v1.BranchService/Deposit/": {},
	}
	for path, want := range tests {
		id, procedure, ok := api.Addressee(path)
		if ok != want.ok || ok && (id != want.id || procedure != want.procedure) {
			t.Errorf("%s is %s at branch %d, %t, want %+v", path, procedure, id, ok, want)
		}
	}
}

// A page sends what is told from a program, or it has to ask first.
func TestIsOfProgram(t *testing.T) {
	tests := map[string]struct {
		method, contentType, origin string
		want                        bool
	}{
		"Connect in protobuf":         {http.MethodPost, "application/proto", "", true},
		"gRPC":                        {http.MethodPost, "application/grpc", "", true},
		"gRPC in protobuf":            {http.MethodPost, "application/grpc+proto", "", true},
		"gRPC-Web":                    {http.MethodPost, "application/grpc-web+proto", "", false},
		"JSON":                        {http.MethodPost, "application/json", "", false},
		"a form":                      {http.MethodPost, "text/plain", "", false},
		"nothing":                     {http.MethodPost, "", "", false},
		"a GET":                       {http.MethodGet, "application/proto", "", false},
		"a page, Connect in protobuf": {http.MethodPost, "application/proto", "http://localhost:1", false},
	}
	for name, test := range tests {
		req := &http.Request{Method: test.method, Header: http.Header{}}
		if test.contentType != "" {
			req.Header.Set("Content-Type", test.contentType)
		}
		if test.origin != "" {
			req.Header.Set("Origin", test.origin)
		}
		if got := api.IsOfProgram(req); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	twice := &http.Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/proto", "text/plain"}}}
	if api.IsOfProgram(twice) {
		t.Error("two content types: true")
	}
}
