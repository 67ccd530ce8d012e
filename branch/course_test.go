package branch_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const msgDelivery = "/bank.Bank/MsgDelivery"

// courseStubs generates the stubs that the course's client imports.
func courseStubs(t *testing.T, b *bank) string {
	t.Helper()
	dir := t.TempDir()
	proto, err := filepath.Abs(filepath.Join("..", "proto"))
	if err != nil {
		t.Fatal(err)
	}
	_, stderr, err := run(b.ctx, "", nil, tool(t, "protoc"), "-I", proto, "--python_out", dir, "--grpc_python_out", dir,
		"--plugin=protoc-gen-grpc_python="+tool(t, "grpc_python_plugin"), "bank/banks.proto")
	if err != nil {
		t.Fatalf("generate the stubs: %v\n%s\nrun make test, which installs what that needs", err, stderr)
	}
	return dir
}

// coursePython runs a Python client of the course at branch 2, and returns what it received.
func coursePython(t *testing.T, b *bank, file, stubs, events string, env ...string) (got []map[string]any) {
	t.Helper()
	out, stderr, err := run(b.ctx, events, append(env, "PYTHONPATH="+stubs), "/usr/bin/python3", filepath.Join("testdata", file), b.at(2).address, "2")
	if err != nil {
		t.Fatalf("%v\n%s\nif grpc is missing, run make test, which installs it", err, stderr)
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheCoursesPythonClientWorks(t *testing.T) {
	b := runBank(t, 3, 400)
	events := `[
		{"interface": "query"},
		{"interface": "deposit", "money": 10},
		{"interface": "query"},
		{"interface": "withdraw", "money": 300},
		{"interface": "withdraw", "money": 300},
		{"interface": "query"},
		{"interface": "propagate_deposit", "money": 10},
		{"interface": "propagate_withdraw", "money": 10},
		{"interface": "deposit", "money": -1},
		{"interface": "steal", "money": 1},
		{"interface": "query"}
	]`
	got := coursePython(t, b, "course_client.py", courseStubs(t, b), events)
	for _, g := range got {
		if g["code"] != nil && g["details"] == "" {
			t.Errorf("no text: %v", g)
		}
		delete(g, "details")
	}
	answered := func(status string, balance float64) map[string]any {
		return map[string]any{"status": status, "balance": balance}
	}
	failed := func(code string) map[string]any { return map[string]any{"code": code} }
	want := []map[string]any{
		answered("success", 400), answered("success", 0), answered("success", 410), answered("success", 0), answered("fail", 0),
		answered("success", 110), failed("UNIMPLEMENTED"), failed("UNIMPLEMENTED"), failed("INVALID_ARGUMENT"), failed("INVALID_ARGUMENT"),
		answered("success", 110),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

// A client of the course at a bank with certificates differs from the one of an open bank in
// its channel's credentials alone: those of a customer whose accounts have the shared one. With
// others each call is refused, and with none no call gets through.
func TestTheCoursesPythonClientProvesWhoCalls(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := runCounter(t)
	stubs := courseStubs(t, c.bank)
	events := `[{"interface": "deposit", "money": 10}, {"interface": "query"}, {"interface": "withdraw", "money": 1000}]`
	answered := func(status string, balance float64) map[string]any {
		return map[string]any{"status": status, "balance": balance}
	}
	refused := func(code, details string) []map[string]any {
		one := map[string]any{"code": code, "details": details}
		return []map[string]any{one, one, one}
	}
	for _, test := range []struct {
		name string
		// proof is in the environment: a client's certificate, or a token.
		proof string
		want  []map[string]any
	}{
		{"a customer of the account", "PASSBOOK_CLIENT=cleo", []map[string]any{answered("success", 0), answered("success", 110), answered("fail", 0)}},
		{"a teller", "PASSBOOK_CLIENT=tess", []map[string]any{answered("success", 0), answered("success", 120), answered("fail", 0)}},
		{"a customer's token", "TOKEN=" + c.tokenOf(`{"aud":"passbook","sub":"carl","accounts":["shared"]}`), []map[string]any{answered("success", 0), answered("success", 130), answered("fail", 0)}},
		{"a customer of others", "PASSBOOK_CLIENT=ann", refused("PERMISSION_DENIED", `you are customer "ann" of bank "bank", and may not use account "shared"`)},
		{"another's token", "TOKEN=" + c.tokenOf(`{"aud":"passbook","sub":"carl","accounts":["carl"]}`), refused("PERMISSION_DENIED", `you are customer "carl" of bank "bank", and may not use account "shared"`)},
	} {
		got := coursePython(t, c.bank, "secure_client.py", stubs, events, "PASSBOOK_CERTS_DIR="+c.files.Dir, test.proof)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s received (-want +got):\n%s", test.name, diff)
		}
	}
	for _, got := range coursePython(t, c.bank, "course_client.py", stubs, events) {
		if got["code"] != "UNAVAILABLE" {
			t.Errorf("in clear text: %v", got)
		}
	}
	c.wantBalance(1, 130)
}

func TestMsgDeliveryErrors(t *testing.T) {
	b := runBank(t, 2, 100)
	tests := map[string]struct {
		body   string
		status int
		code   string
		text   string
	}{
		"propagate_deposit":  {`{"operation":"propagate_deposit","amount":1}`, http.StatusNotImplemented, "unimplemented", "bank.v1.PeerService/Propagate"},
		"propagate_withdraw": {`{"operation":"propagate_withdraw","amount":1}`, http.StatusNotImplemented, "unimplemented", "bank.v1.PeerService/Propagate"},
		"the handouts' word": {`{"operation":"propogate_deposit","amount":1}`, http.StatusNotImplemented, "unimplemented", "bank.v1.PeerService/Propagate"},
		"unknown operation":  {`{"operation":"Deposit","amount":1}`, http.StatusBadRequest, "invalid_argument", `"Deposit"`},
		"no operation":       {`{}`, http.StatusBadRequest, "invalid_argument", "operation"},
		"no amount":          {`{"operation":"deposit"}`, http.StatusBadRequest, "invalid_argument", "amount"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { b.post(1, msgDelivery, test.body).wantError(t, test.status, test.code, test.text) })
	}
	b.post(1, branchService+"Deposit", `{"amount":3000000000}`).wantField(t, "balance", "3000000100")
	b.post(1, msgDelivery, `{"operation":"query"}`).wantError(t, http.StatusBadRequest, "out_of_range", "32 bits")
	b.cutOff(2)
	b.post(1, msgDelivery, `{"operation":"withdraw","amount":2147483647}`).wantField(t, "status", "success")
	b.post(1, msgDelivery, `{"operation":"withdraw","amount":2147483647}`).wantError(t, http.StatusServiceUnavailable, "unavailable")
}
