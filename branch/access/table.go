package access

import (
	"fmt"
	"slices"
	"strings"

	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/gen/bank/bankconnect"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// rule says who may call a procedure.
type rule struct {
	// roles are those of the clients that may.
	roles roles
	// anybody says that no proof is asked for.
	anybody bool
	// branches says that the other branches call it in their own name, passedOn that they
	// pass it on in a client's. What is not passed on, a branch that has fallen into wrong
	// hands can't do at another one.
	branches, passedOn bool
}

// roles is a set of roles, a bit each.
type roles uint8

// of returns the set of some roles.
func of(some ...identity.Role) (set roles) {
	for _, r := range some {
		set |= 1 << r
	}
	return set
}

func (s roles) has(r identity.Role) bool { return s&(1<<r) != 0 }

// String names the roles, as in "customer, teller or auditor".
func (s roles) String() string {
	var words []string
	for r := identity.Customer; r <= identity.Operator; r++ {
		if s.has(r) {
			words = append(words, r.String())
		}
	}
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " or " + words[last]
	}
	return strings.Join(words, "")
}

// Who may what. A customer may use its own accounts only, which package service checks.
var (
	writers   = rule{roles: of(identity.Customer, identity.Teller), passedOn: true}
	readers   = rule{roles: of(identity.Customer, identity.Teller, identity.Auditor), passedOn: true}
	followers = rule{roles: of(identity.Customer, identity.Teller, identity.Auditor), branches: true}
	auditors  = rule{roles: of(identity.Teller, identity.Auditor)}
	watchers  = rule{roles: of(identity.Customer, identity.Teller, identity.Auditor, identity.Operator), branches: true}
	status    = rule{roles: of(identity.Teller, identity.Auditor, identity.Operator), branches: true, passedOn: true}
	overseers = rule{roles: of(identity.Auditor, identity.Operator)}
	tracers   = rule{roles: of(identity.Teller, identity.Auditor, identity.Operator)}
	operators = rule{roles: of(identity.Operator)}
	forks     = rule{roles: of(identity.Auditor, identity.Operator), passedOn: true}
	clients   = rule{roles: of(identity.Customer, identity.Teller, identity.Auditor, identity.Operator)}
	peers     = rule{branches: true}
	anybody   = rule{anybody: true}
)

// table has every procedure that a branch serves. What is not in it is refused.
var table = map[string]rule{
	bankv1connect.BranchServiceDepositProcedure:       writers,
	bankv1connect.BranchServiceWithdrawProcedure:      writers,
	bankv1connect.BranchServiceTransferProcedure:      writers,
	bankv1connect.BranchServiceSubmitProcedure:        writers,
	bankv1connect.BranchServiceQueryProcedure:         readers,
	bankv1connect.BranchServiceListEntriesProcedure:   readers,
	bankv1connect.BranchServiceGetBatchProcedure:      auditors,
	bankv1connect.BranchServiceWatchProcedure:         watchers,
	bankv1connect.BranchServiceFollowRequestProcedure: followers,
	bankv1connect.BranchServiceGetStatusProcedure:     status,
	bankv1connect.BranchServiceListAlarmsProcedure:    overseers,
	bankv1connect.BranchServiceGetForkProcedure:       forks,
	bankv1connect.BranchServiceGetTraceProcedure:      tracers,
	bankv1connect.BranchServiceResolveAlarmProcedure:  operators,

	bankv1connect.BranchServiceGetIdentityProcedure:   clients,
	bankv1connect.BranchServiceOpenDashboardProcedure: clients,

	bankconnect.BankMsgDeliveryProcedure: writers,

	bankv1connect.FaultServiceListFaultsProcedure: overseers,
	bankv1connect.FaultServiceCutProcedure:        operators,
	bankv1connect.FaultServiceHealProcedure:       operators,
	bankv1connect.FaultServicePauseProcedure:      operators,
	bankv1connect.FaultServiceResumeProcedure:     operators,
	bankv1connect.FaultServiceKillProcedure:       operators,
	bankv1connect.FaultServiceRestartProcedure:    operators,

	bankv1connect.PeerServicePropagateProcedure:         peers,
	bankv1connect.PeerServicePropagateDepositProcedure:  peers,
	bankv1connect.PeerServicePropagateWithdrawProcedure: peers,
	bankv1connect.PeerServiceClaimProcedure:             peers,
	bankv1connect.PeerServiceCollectProcedure:           peers,

	// Scrapes, which are no call.
	api.MetricsPath: overseers,

	// A balancer asks for a branch's health, and has no name at the bank.
	"/" + grpchealth.HealthV1ServiceName + "/Check": anybody,
	"/" + grpchealth.HealthV1ServiceName + "/Watch": anybody,

	// The schema is no secret, but reading it is work.
	"/" + grpcreflect.ReflectV1ServiceName + "/ServerReflectionInfo":      clients,
	"/" + grpcreflect.ReflectV1AlphaServiceName + "/ServerReflectionInfo": clients,
}

// Allowed returns the procedures that somebody may call, in order of their names.
func Allowed(who *identity.Identity) []string {
	var allowed []string
	for procedure := range table {
		if check(procedure, who, nil) == nil {
			allowed = append(allowed, procedure)
		}
	}
	slices.Sort(allowed)
	return allowed
}

// isWrite reports whether a procedure changes something at a branch.
func isWrite(procedure string) bool {
	rule := table[procedure]
	return !rule.anybody && !rule.roles.has(identity.Auditor) && !rule.branches
}

// check returns why somebody may not call a procedure; nil when he may. onBehalf is the
// branch that calls in his name; nil for none.
func check(procedure string, who, onBehalf *identity.Identity) error {
	rule, ok := table[procedure]
	switch {
	case ok && rule.anybody:
		return nil
	case who == nil:
		return errNobody
	case !ok:
		return denied("nobody may call %.200s: this bank does not know it", procedure)
	case onBehalf != nil && !rule.passedOn:
		return denied("%s is not passed on: call it yourself, and not through %s", procedure, onBehalf)
	case who.Branch != 0 && rule.branches, who.Branch == 0 && rule.roles.has(who.Role):
		return nil
	case who.Branch != 0:
		return denied("%s calls %s in its own name, and may do that only for one of the bank's clients", who, procedure)
	case rule.roles == 0:
		return denied("only the bank's branches may call %s, and you are %s", procedure, who)
	}
	by := ""
	if onBehalf != nil {
		by = fmt.Sprintf(" (%s says)", onBehalf)
	}
	return denied("%s is for the role %s, and you are %s%s", procedure, rule.roles, who, by)
}
