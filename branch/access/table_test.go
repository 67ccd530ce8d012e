package access

import (
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protoreflect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/gen/bank"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Every procedure that a branch serves is in the table, and nothing else is.
func TestTheTableHasEveryProcedure(t *testing.T) {
	served := map[string]bool{
		"/" + grpchealth.HealthV1ServiceName + "/Check": true, "/" + grpchealth.HealthV1ServiceName + "/Watch": true,
		"/" + grpcreflect.ReflectV1ServiceName + "/ServerReflectionInfo": true, "/" + grpcreflect.ReflectV1AlphaServiceName + "/ServerReflectionInfo": true,
		"/metrics": true,
	}
	for _, file := range []protoreflect.FileDescriptor{
		bankv1.File_bank_v1_branch_proto, bankv1.File_bank_v1_peer_proto, bankv1.File_bank_v1_fault_proto, bank.File_bank_banks_proto,
	} {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				served["/"+string(service.FullName())+"/"+string(service.Methods().Get(j).Name())] = true
			}
		}
	}
	if len(served) < 25 {
		t.Fatalf("only %d procedures are found", len(served))
	}
	for procedure := range served {
		if _, ok := table[procedure]; !ok {
			t.Errorf("%s is not in the table: say who may call it", procedure)
		}
	}
	for procedure := range table {
		if !served[procedure] {
			t.Errorf("%s is in the table, and nobody serves it", procedure)
		}
	}
}

// What each role may do, and what it may not.
func TestWhoMayCallWhat(t *testing.T) {
	client := func(role identity.Role) *identity.Identity {
		return &identity.Identity{Bank: "bank", Client: "ann", Role: role}
	}
	all := map[string]*identity.Identity{
		"customer": client(identity.Customer), "teller": client(identity.Teller), "auditor": client(identity.Auditor),
		"operator": client(identity.Operator), "branch": {Bank: "bank", Branch: 2}, "nobody": nil,
	}
	for procedure, may := range map[string]string{
		bankv1connect.BranchServiceDepositProcedure:       "customer teller",
		bankv1connect.BranchServiceSubmitProcedure:        "customer teller",
		bankv1connect.BranchServiceQueryProcedure:         "customer teller auditor",
		bankv1connect.BranchServiceWatchProcedure:         "customer teller auditor operator branch",
		bankv1connect.BranchServiceFollowRequestProcedure: "customer teller auditor branch",
		bankv1connect.BranchServiceGetStatusProcedure:     "teller auditor operator branch",
		bankv1connect.BranchServiceListAlarmsProcedure:    "auditor operator",
		bankv1connect.BranchServiceGetTraceProcedure:      "teller auditor operator",
		bankv1connect.BranchServiceResolveAlarmProcedure:  "operator",
		bankv1connect.FaultServiceCutProcedure:            "operator",
		bankv1connect.FaultServiceListFaultsProcedure:     "auditor operator",
		bankv1connect.PeerServicePropagateProcedure:       "branch",
		bankv1connect.PeerServiceClaimProcedure:           "branch",
		"/metrics":                                        "auditor operator",
		"/grpc.health.v1.Health/Check":                    "customer teller auditor operator branch nobody",
		"/bank.v1.BranchService/Unheard":                  "",
	} {
		for name, who := range all {
			err := check(procedure, who, nil)
			if want := strings.Contains(" "+may+" ", " "+name+" "); (err == nil) != want {
				t.Errorf("%s as %s: %v", procedure, name, err)
			}
			want := connect.CodePermissionDenied
			if who == nil {
				want = connect.CodeUnauthenticated
			}
			if err != nil && api.CodeOf(err) != want {
				t.Errorf("%s as %s: %v, want %v", procedure, name, api.CodeOf(err), want)
			}
		}
	}
}

// A refusal says what was missing.
func TestARefusalSaysWhatWasMissing(t *testing.T) {
	customer := &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Customer}
	branch := &identity.Identity{Bank: "bank", Branch: 2}
	for want, err := range map[string]error{
		`/bank.v1.BranchService/ListAlarms is for the role auditor or operator, and you are customer "ann" of bank "bank"`:                                       check(bankv1connect.BranchServiceListAlarmsProcedure, customer, nil),
		`/bank.v1.BranchService/GetStatus is for the role teller, auditor or operator, and you are customer "ann" of bank "bank" (branch 2 of bank "bank" says)`: check(bankv1connect.BranchServiceGetStatusProcedure, customer, branch),
		`/bank.v1.BranchService/ResolveAlarm is not passed on: call it yourself, and not through branch 2 of bank "bank"`:                                        check(bankv1connect.BranchServiceResolveAlarmProcedure, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Operator}, branch),
		`only the bank's branches may call /bank.v1.PeerService/Claim, and you are customer "ann" of bank "bank"`:                                                check(bankv1connect.PeerServiceClaimProcedure, customer, nil),
		`branch 2 of bank "bank" calls /bank.v1.BranchService/Deposit in its own name, and may do that only for one of the bank's clients`:                       check(bankv1connect.BranchServiceDepositProcedure, branch, nil),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// What changes something is known from what only reads.
func TestWhatIsAWrite(t *testing.T) {
	for procedure, want := range map[string]bool{
		bankv1connect.BranchServiceDepositProcedure: true, bankv1connect.BranchServiceResolveAlarmProcedure: true, bankv1connect.FaultServiceKillProcedure: true,
		bankv1connect.BranchServiceQueryProcedure: false, bankv1connect.FaultServiceListFaultsProcedure: false, bankv1connect.PeerServiceClaimProcedure: false,
		"/grpc.health.v1.Health/Check": false,
	} {
		if isWrite(procedure) != want {
			t.Errorf("%s: %v", procedure, !want)
		}
	}
}
