package api

import (
	"net/http"
	"strconv"
	"strings"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

const (
	// proxyPrefix begins the paths of calls to a branch that is named by its
	// id, at whatever branch: /branch/7/bank.v1.BranchService/Deposit. With
	// them, a page calls every branch though it may call its own origin only.
	proxyPrefix = "/branch/"
	// ProxyPattern is what http.ServeMux makes of them.
	ProxyPattern = proxyPrefix + "{branch}/" + bankv1connect.BranchServiceName + "/{method}"
	// MetricsPath is where Prometheus asks. It is no call, and asks for a proof like one.
	MetricsPath = "/metrics"
)

// passedOn are the procedures that can be called so: those of customers that
// end by themselves.
var passedOn = map[string]bool{
	bankv1connect.BranchServiceDepositProcedure:     true,
	bankv1connect.BranchServiceWithdrawProcedure:    true,
	bankv1connect.BranchServiceTransferProcedure:    true,
	bankv1connect.BranchServiceQueryProcedure:       true,
	bankv1connect.BranchServiceGetStatusProcedure:   true,
	bankv1connect.BranchServiceListEntriesProcedure: true,
	bankv1connect.BranchServiceGetForkProcedure:     true, // an operator asks all branches through one
}

// Addressee takes the path of a call apart that names its branch.
func Addressee(path string) (id ledger.BranchID, procedure string, ok bool) {
	rest, ok := strings.CutPrefix(path, proxyPrefix)
	slash := strings.IndexByte(rest, '/')
	if !ok || slash < 0 {
		return 0, "", false // most calls name none
	}
	procedure = rest[slash:]
	n, err := strconv.ParseUint(rest[:slash], 10, 32)
	return ledger.BranchID(n), procedure, err == nil && passedOn[procedure]
}

// ProcedureOf returns the procedure that a path calls, at whatever branch.
func ProcedureOf(path string) string {
	if _, procedure, ok := Addressee(path); ok {
		return procedure
	}
	return path
}

// IsCall reports whether a path is that of a call, of whatever service.
func IsCall(path string) bool {
	if strings.HasPrefix(path, proxyPrefix) {
		return true
	}
	service, method, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && strings.Contains(service, ".") && method != "" && !strings.Contains(method, "/")
}

// IsOfProgram reports whether a request is a call that sends its message in protobuf.
// What is answered to it needs no headers for browsers and caches: a browser asks
// before it sends such a message to another site, and neither a browser nor a cache
// between shows, runs or keeps the answer to a POST like that.
func IsOfProgram(req *http.Request) bool {
	types := req.Header["Content-Type"]
	return req.Method == http.MethodPost && len(types) == 1 && protobufTypes[types[0]] && len(req.Header["Origin"]) == 0
}

// protobufTypes are the content types of messages in protobuf. Those of gRPC-Web are
// left out: it is there for browsers.
var protobufTypes = map[string]bool{"application/proto": true, "application/grpc": true, "application/grpc+proto": true}
