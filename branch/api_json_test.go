package branch_test

import (
	"net/http"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/name"
)

func TestJSONShowsAZeroBalance(t *testing.T) {
	b := runBank(t, 1, 0)
	for _, a := range []answer{b.post(1, branchService+"Query", `{}`), b.get(1, branchService+"Query", `{}`)} {
		a.wantField(t, "balance", "0")
		a.wantField(t, "available", "0")
	}
	b.post(1, branchService+"Deposit", `{"amount":"5"}`).wantField(t, "balance", "5")
	a := b.post(1, branchService+"Withdraw", `{"amount":"5"}`)
	a.wantField(t, "balance", "0")
	a.wantField(t, "replay", false)
}

func TestJSONContentTypes(t *testing.T) {
	b := runBank(t, 1, 0)
	for _, contentType := range []string{
		"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "application/json; charset=\"utf-8\"",
	} {
		a := b.postAs(1, branchService+"Query", contentType, []byte(`{}`))
		a.wantField(t, "balance", "0")
		if !strings.HasPrefix(a.contentType, "application/json") {
			t.Errorf("%s: answered as %s", contentType, a.contentType)
		}
	}
	if a := b.postAs(1, branchService+"Query", "text/plain", []byte(`{}`)); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain: %+v", a)
	}
	// Binary: no bytes are the message with every field at zero.
	if a := b.postAs(1, branchService+"Query", "application/proto", nil); a.status != http.StatusOK {
		t.Errorf("application/proto: %+v", a)
	}
}

func TestJSONAmounts(t *testing.T) {
	b := runBank(t, 1, 0)
	b.post(1, branchService+"Deposit", `{"amount":7}`).wantField(t, "balance", "7")
	b.post(1, branchService+"Deposit", `{"amount":"7"}`).wantField(t, "balance", "14")
	tests := map[string]struct{ body, text string }{
		"zero":         {`{"amount":0}`, "amount: must be greater than 0"},
		"negative":     {`{"amount":-5}`, "is -5"},
		"absent":       {`{}`, "amount: must be greater than 0"},
		"null":         {`{"amount":null}`, "amount"},
		"overflow":     {`{"amount":"9223372036854775808"}`, "amount"},
		"fraction":     {`{"amount":1.5}`, "amount"},
		"words":        {`{"amount":"ten"}`, "amount"},
		"misspelt":     {`{"amuont":5}`, `"amuont"`},
		"unknown":      {`{"amount":5,"currency":"EUR"}`, `"currency"`},
		"not JSON":     {`amount=5`, "syntax error"},
		"an array":     {`[5]`, "unexpected token"},
		"cut short":    {`{"amount":5`, "unexpected"},
		"two messages": {`{"amount":5}{"amount":5}`, "unexpected"},
		"twice":        {`{"amount":5,"amount":6}`, "duplicate"},
		"empty":        {``, "empty"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b.post(1, branchService+"Deposit", test.body).wantError(t, http.StatusBadRequest, "invalid_argument", test.text)
			b.post(1, branchService+"Withdraw", test.body).wantError(t, http.StatusBadRequest, "invalid_argument", test.text)
		})
	}
	b.wantBalance(1, 14)
}

func TestBadFieldsAreRefused(t *testing.T) {
	b := runBank(t, 2, 100)
	long := strings.Repeat("a", 129)
	tests := map[string]struct{ procedure, body, text string }{
		"long account":         {"Deposit", `{"amount":1,"account":"` + long + `"}`, "account: has 129 bytes, at most 128"},
		"long account, query":  {"Query", `{"account":"` + long + `"}`, "account: has 129 bytes"},
		"long account, list":   {"ListEntries", `{"account":"` + long + `"}`, "account: has 129 bytes"},
		"long to_account":      {"Transfer", `{"amount":1,"toAccount":"` + long + `"}`, "to_account: has 129 bytes"},
		"long request id":      {"Withdraw", `{"amount":1,"requestId":"` + long + `"}`, "request_id: has 129 bytes"},
		"control character":    {"Deposit", `{"amount":1,"account":"a\nb"}`, "account: must have only characters that can be seen, and plain blanks between them; it has U+000A"},
		"control, query":       {"Query", `{"account":"\u0000"}`, "it has U+0000"},
		"control, request id":  {"Deposit", `{"amount":1,"requestId":"\u001b[2J"}`, "request_id: must have only characters that can be seen, and plain blanks between them; it has U+001B"},
		"blank in front":       {"Deposit", `{"amount":1,"account":" rent"}`, "account: must not begin or end with a blank"},
		"blank at the end":     {"Query", `{"account":"rent "}`, "account: must not begin or end with a blank"},
		"blank request id":     {"Deposit", `{"amount":1,"requestId":" "}`, "request_id: must not begin or end with a blank"},
		"zero width":           {"Withdraw", `{"amount":1,"account":"re\u200bnt"}`, "account: must have only characters that can be seen"},
		"right to left":        {"Transfer", `{"amount":1,"toAccount":"a\u202eb"}`, "to_account: must have only characters that can be seen"},
		"no-break blank":       {"ListEntries", `{"account":"a\u00a0b"}`, "it has U+00A0"},
		"decomposed":           {"Deposit", `{"amount":1,"account":"cafe\u0301"}`, "composed form (NFC)"},
		"unpaired surrogate":   {"Deposit", `{"amount":1,"account":"\ud800"}`, ""},
		"not UTF-8":            {"Deposit", "{\"amount\":1,\"account\":\"\xff\"}", "UTF-8"},
		"to itself":            {"Transfer", `{"amount":1,"toAccount":"shared"}`, "two different accounts"},
		"to itself, by absent": {"Transfer", `{"amount":1}`, "two different accounts"},
		"level number":         {"Deposit", `{"amount":1,"acknowledge":9}`, "acknowledge: 9"},
		"level name":           {"Deposit", `{"amount":1,"acknowledge":"SOON"}`, "SOON"},
		"consistency number":   {"Query", `{"consistency":9}`, "consistency: 9"},
		"order number":         {"ListEntries", `{"order":9}`, "order: 9"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b.post(1, branchService+test.procedure, test.body).wantError(t, http.StatusBadRequest, "invalid_argument", test.text)
		})
	}
	b.wantBalance(1, 100)
}

func TestNamesOfTheLedgerAndOfCustomersAreAsLong(t *testing.T) {
	if ledger.MaxNameBytes != name.MaxBytes {
		t.Errorf("a name has %d bytes at most in the ledger, and %d from customers", ledger.MaxNameBytes, name.MaxBytes)
	}
}

func TestNamesMayBeAsLongAsAllowedAndInAnyScript(t *testing.T) {
	b := runBank(t, 1, 0)
	for _, name := range []string{strings.Repeat("a", 128), "Gemeinschaftskonto Müller 口座", "../x", "a'b\\\"c"} {
		body := `{"amount":3,"account":` + quote(name) + `,"requestId":` + quote(name) + `}`
		b.post(1, branchService+"Deposit", body).wantField(t, "balance", "3")
		b.post(1, branchService+"Deposit", body).wantField(t, "replay", true)
		b.get(1, branchService+"Query", `{"account":`+quote(name)+`}`).wantField(t, "balance", "3")
	}
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	b := runBank(t, 1, 0)
	body := `{"amount":1,"account":"` + strings.Repeat("a", 64<<10) + `"}`
	b.post(1, branchService+"Deposit", body).wantError(t, http.StatusTooManyRequests, "resource_exhausted", "65536")
	b.wantBalance(1, 0)
}

func TestOnlyCallsWithoutSideEffectsAnswerGET(t *testing.T) {
	b := runBank(t, 1, 9)
	b.get(1, branchService+"Query", `{}`).wantField(t, "balance", "9")
	b.get(1, branchService+"GetStatus", `{}`).wantField(t, "branch", float64(1))
	if a := b.get(1, branchService+"ListEntries", `{}`); a.status != http.StatusOK {
		t.Errorf("ListEntries: %+v", a)
	}
	b.get(1, branchService+"Query", `{"acount":"x"}`).wantError(t, http.StatusBadRequest, "invalid_argument", "acount")
	for _, procedure := range []string{"Deposit", "Withdraw", "Transfer"} {
		if a := b.get(1, branchService+procedure, `{"amount":1}`); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %+v", procedure, a)
		}
	}
	b.wantBalance(1, 9)
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	b := runBank(t, 1, 0)
	for _, path := range []string{"/", branchService + "Nothing", "/bank.v1.Nothing/Query"} {
		if a := b.post(1, path, `{}`); a.status != http.StatusNotFound {
			t.Errorf("%s: %+v", path, a)
		}
	}
}
