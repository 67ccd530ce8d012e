package branch_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

const peerServiceName = "/bank.v1.PeerService/"

// runAlone runs branch 1 of two, and leaves branch 2 to the test's hands.
func runAlone(t testing.TB, opening int64) *bank {
	t.Helper()
	b := newBank(t, 2, opening, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	b.start(1)
	b.awaitReady(1)
	return b
}

// applied returns the position that a PropagateX answered with.
func (a answer) applied(t testing.TB) (sequence, hash string) {
	t.Helper()
	p, _ := a.json["applied"].(map[string]any)
	sequence, _ = p["sequence"].(string)
	hash, _ = p["hash"].(string)
	if a.status != http.StatusOK || hash == "" {
		t.Fatalf("not applied: %+v", a)
	}
	return sequence, hash
}

func TestPropagatingByHand(t *testing.T) {
	t.Parallel()          // it waits most of the time
	b := runAlone(t, 100) // branch 2 holds 50
	deposit := func(body string) answer { return b.post(1, peerServiceName+"PropagateDeposit", body) }
	withdraw := func(body string) answer { return b.post(1, peerServiceName+"PropagateWithdraw", body) }

	first := deposit(`{"branch":2,"sequence":1,"amount":5,"customerId":7,"requestId":"r"}`)
	first.wantField(t, "duplicate", false)
	sequence, hash := first.applied(t)
	if sequence != "1" {
		t.Errorf("applied up to %s, want 1", sequence)
	}
	b.wantBalance(1, 105)
	again := deposit(`{"branch":2,"sequence":1,"amount":5,"customerId":7,"requestId":"r"}`)
	again.wantField(t, "duplicate", true)
	if s, h := again.applied(t); s != "1" || h != hash {
		t.Errorf("duplicate: applied up to %s with hash %s", s, h)
	}
	deposit(`{"branch":2,"sequence":3,"amount":5}`).wantError(t, http.StatusBadRequest, "out_of_range", "sequence 2 is expected")
	withdraw(`{"branch":2,"sequence":3,"amount":5}`).wantError(t, http.StatusBadRequest, "out_of_range", "sequence 2 is expected")
	withdraw(`{"branch":2,"sequence":2,"amount":56}`).wantError(t, http.StatusBadRequest, "failed_precondition", "escrow 55", "56")
	b.wantBalance(1, 105)

	withdraw(`{"branch":2,"sequence":2,"amount":55,"customer":"ann "}`).wantError(t, http.StatusBadRequest, "invalid_argument", "customer: must not begin or end with a blank")
	second := withdraw(`{"branch":2,"sequence":2,"amount":55,"customer":"ann","prevHash":` + quote(hash) + `}`)
	second.wantField(t, "duplicate", false)
	second.applied(t)
	withdraw(`{"branch":2,"sequence":2,"amount":55,"customer":"ann"}`).wantField(t, "duplicate", true)
	withdraw(`{"branch":2,"sequence":2,"amount":55,"customer":"bob"}`).wantError(t, http.StatusBadRequest, "invalid_argument", "sequence: entry 2 of branch 2 is another one here")
	b.wantBalance(1, 50)

	// A propagated entry counts as if its branch had sent it.
	e := b.list(1, &bankv1.ListEntriesRequest{Branch: 2})
	if len(e) != 2 || e[0].GetEntry().GetCustomerId() != 7 || e[1].GetEntry().GetWithdrawal().GetAmount() != 55 || e[1].GetEntry().GetCustomer() != "ann" {
		t.Errorf("journal of branch 2 is %v", e)
	}
	b.stop(1)
	b.start(1)
	b.awaitReady(1)
	b.wantBalance(1, 50)
	withdraw(`{"branch":2,"sequence":2,"amount":55,"customer":"ann"}`).wantField(t, "duplicate", true)
}

func TestPropagatingByHandRefuses(t *testing.T) {
	b := runAlone(t, 100)
	other := quote(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 32))))
	tests := map[string]struct{ body, code, text string }{
		"no branch":               {`{"sequence":1,"amount":1}`, "invalid_argument", "branch: 0"},
		"a branch that is none":   {`{"branch":3,"sequence":1,"amount":1}`, "invalid_argument", "branch: 3"},
		"the branch itself":       {`{"branch":1,"sequence":1,"amount":1}`, "invalid_argument", "branch: 1"},
		"no sequence":             {`{"branch":2,"amount":1}`, "invalid_argument", "sequence"},
		"no amount":               {`{"branch":2,"sequence":1}`, "invalid_argument", "amount"},
		"a long account":          {`{"branch":2,"sequence":1,"amount":1,"account":"` + strings.Repeat("a", 129) + `"}`, "invalid_argument", "account"},
		"a hash that is none":     {`{"branch":2,"sequence":1,"amount":1,"prevHash":"AAAA"}`, "invalid_argument", "prev_hash"},
		"another hash":            {`{"branch":2,"sequence":1,"amount":1,"prevHash":` + other + `}`, "invalid_argument", "prev_hash"},
		"what is not there yet":   {`{"branch":2,"sequence":1,"amount":1,"after":[{"branch":1,"sequence":"9"}]}`, "out_of_range", "entry 9 of branch 1"},
		"after a branch not here": {`{"branch":2,"sequence":1,"amount":1,"after":[{"branch":7,"sequence":"9"}]}`, "invalid_argument", "no branch 7"},
		"an epoch too far ahead":  {`{"branch":2,"sequence":1,"amount":1,"epoch":"4294967297"}`, "invalid_argument", "epoch"},
		"the largest epoch":       {`{"branch":2,"sequence":1,"amount":1,"epoch":"18446744073709551615"}`, "invalid_argument", "epoch"},
		"a clock too far ahead":   {`{"branch":2,"sequence":1,"amount":1,"clock":"4294967297"}`, "invalid_argument", "clock"},
		"the largest clock":       {`{"branch":2,"sequence":1,"amount":1,"clock":"18446744073709551615"}`, "invalid_argument", "clock"},
		"after its own branch":    {`{"branch":2,"sequence":1,"amount":1,"after":[{"branch":2,"sequence":"9"}]}`, "out_of_range", "entry 9 of branch 2"},
		"after too many journals": {`{"branch":2,"sequence":1,"amount":1,"after":[{"branch":1,"sequence":"9"},{"branch":1,"sequence":"9"}]}`, "invalid_argument", "2 journals"},
		"an unknown field":        {`{"branch":2,"sequence":1,"amuont":1}`, "invalid_argument", "amuont"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, procedure := range []string{"PropagateDeposit", "PropagateWithdraw"} {
				b.post(1, peerServiceName+procedure, test.body).wantError(t, http.StatusBadRequest, test.code, test.text)
			}
		})
	}
	s := b.status(1)
	if len(b.list(1, &bankv1.ListEntriesRequest{Branch: 2})) > 0 {
		t.Errorf("something was applied: %v", s)
	}
	// Those that branch 2 itself could not have sent are counted, and told once.
	if n := s.GetPeers()[0].GetRefusedMessages(); n < 2*8 || len(s.GetAlarms()) != 2 {
		t.Errorf("%d messages are counted, with alarms %q, want one about a clock and one about an epoch", n, s.GetAlarms())
	}
	b.wantBalance(1, 100)
}

// Clocks and tickets that run ahead as far as they may, or further, keep nobody from
// writing, not even after a restart.
func TestClocksThatRunAheadStopNobody(t *testing.T) {
	t.Parallel() // it waits most of the time
	const lead = 1 << 32
	b := runBank(t, 3, 300)
	for _, clock := range []uint64{1 << 62, 1<<62 - 1, 1<<64 - 1, lead + 3} {
		a := b.post(1, peerServiceName+"Claim", fmt.Sprintf(`{"branch":2,"amount":1,"ticket":{"clock":"%d","branch":2}}`, clock))
		a.wantError(t, http.StatusBadRequest, "invalid_argument", "clock")
	}
	for range 3 { // and it does not creep up
		b.post(1, peerServiceName+"Claim", fmt.Sprintf(`{"branch":2,"amount":1,"account":"none","ticket":{"clock":"%d","branch":2}}`, lead)).wantField(t, "granted", "0")
		b.post(1, peerServiceName+"Claim", fmt.Sprintf(`{"branch":2,"amount":1,"account":"none","ticket":{"clock":"%d","branch":2}}`, lead+lead/2)).wantError(t, http.StatusBadRequest, "invalid_argument", "clock")
	}
	b.post(1, peerServiceName+"Claim", `{"branch":2,"amount":1,"ticket":{"clock":"1","branch":3}}`).wantError(t, http.StatusBadRequest, "invalid_argument", "ticket")
	b.deposit(1, 10)
	for _, id := range b.ids {
		b.stop(id)
		b.restart(id)
		b.deposit(id, 10)
	}
	// The tickets of a branch that claims are believed, too.
	b.mustWithdraw(1, &bankv1.WithdrawRequest{Amount: 200})
	for _, e := range b.list(1, &bankv1.ListEntriesRequest{Branch: 1}) {
		if c := e.GetEntry().GetClock(); c > 100 {
			t.Errorf("entry %d has clock %d", e.GetReceipt().GetSequence(), c)
		}
	}
	if n := b.status(1).GetPeers()[0].GetRefusedMessages(); n != 0 { // since it started again
		t.Errorf("%d messages of branch 2 are refused", n)
	}
}

func TestClaimingByHand(t *testing.T) {
	b := runBank(t, 2, 100)
	claim := func(body string) answer { return b.post(1, peerServiceName+"Claim", body) }
	granted := claim(`{"branch":2,"amount":10,"ticket":{"clock":1,"branch":2}}`)
	granted.wantField(t, "granted", "30") // and half of what remains
	granted.wantField(t, "escrow", "20")
	granted.wantField(t, "sequence", "1")
	claim(`{"branch":2,"amount":100}`).wantField(t, "granted", "20")
	claim(`{"branch":2,"amount":100}`).wantField(t, "granted", "0")
	claim(`{"branch":2,"account":"none","amount":1}`).wantField(t, "granted", "0")
	claim(`{"branch":2}`).wantError(t, http.StatusBadRequest, "invalid_argument", "amount")
	claim(`{"branch":3,"amount":1}`).wantError(t, http.StatusBadRequest, "invalid_argument", "branch: 3")
	claim(`{"branch":1,"amount":1}`).wantError(t, http.StatusBadRequest, "invalid_argument", "branch: 1")
	b.wantBalance(1, 100)
	want := []string{"1/1 grant shared 2 30 100", "1/2 grant shared 2 20 100"}
	if got := lines(b.list(1, &bankv1.ListEntriesRequest{Branch: 1})); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("journal is %q, want %q", got, want)
	}
	// The branch has no escrow left, and says so. Escrow that it gets later it grants to no
	// branch that is away.
	b.stop(2)
	b.awaitStatus(1, "that branch 2 is gone", func(s *bankv1.GetStatusResponse) bool { return !s.GetPeers()[0].GetReachable() })
	a := b.post(1, branchService+"Withdraw", `{"amount":1}`)
	a.wantError(t, http.StatusServiceUnavailable, "unavailable", "branch 2 holds 100")
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 10, Acknowledge: local})
	claim(`{"branch":2,"amount":1}`).wantField(t, "granted", "0")
}

func TestCollectingByHand(t *testing.T) {
	b := runAlone(t, 101)
	collect := func(look string) answer {
		return b.post(1, peerServiceName+"Collect", `{"branch":2,"collect":"1","look":"`+look+`"}`)
	}
	first := collect("1")
	first.wantField(t, "paid", "51")
	first.wantField(t, "lastSequence", "0")
	first.wantField(t, "watched", false)
	b.deposit(1, 10)
	b.mustWithdraw(1, &bankv1.WithdrawRequest{Amount: 20})
	second := collect("2")
	second.wantField(t, "paid", "41")
	second.wantField(t, "mostPaid", "61")
	second.wantField(t, "lastSequence", "2")
	second.wantField(t, "watched", true)
	b.post(1, peerServiceName+"Collect", `{"branch":9}`).wantError(t, http.StatusBadRequest, "invalid_argument", "branch: 9")
}

func TestPeerCallsOfARecoveringBranch(t *testing.T) {
	b := newBank(t, 2, 100, branchOptions{})
	b.start(1) // waits to hear from branch 2
	b.post(1, peerServiceName+"Claim", `{"branch":2,"amount":10}`).wantField(t, "granted", "0")
	b.post(1, peerServiceName+"Collect", `{"branch":2,"collect":"1","look":"1"}`).wantError(t, http.StatusServiceUnavailable, "unavailable")
	var s map[string]any
	if err := json.Unmarshal([]byte(b.get(1, branchService+"GetStatus", `{}`).body), &s); err != nil || s["state"] != "BRANCH_STATE_RECOVERING" {
		t.Errorf("status %v, %v", s["state"], err)
	}
}
