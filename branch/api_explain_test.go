package branch_test

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// byHand makes a request by hand; its headers go in pairs.
func (b *bank) byHand(method string, at uint32, target, body string, headers ...string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.ctx, method, "http://"+b.at(at).address+target, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return do(b.t, req)
}

// A GET that holds no message is refused as malformed, and told what to send.
func TestAGetThatIsMalformedIsRefused(t *testing.T) {
	b := runBank(t, 2, 100)
	for query, text := range map[string]string{
		"":                                 "encoding=json",
		"message=%7B%7D":                   "encoding=json",
		"encoding=xml&message=%7B%7D":      `"xml" is none`,
		"encoding=json":                    "message",
		"encoding=json&message=%":          "percent-encode",
		"encoding=json&message=%7B%7D;x=1": "the query",
		"encoding=json&message=%7B":        "unexpected",
		"encoding=json&message=%7B%22acount%22:1%7D": "acount",
		"encoding=json&base64=1&message=!!!":         "base64",
		"encoding=json&base64=1&message=e30=1":       "base64",
		"encoding=json&base64=1&message=eyI":         "unexpected",
		"encoding=json&base64=2&message=%7B%7D":      `"2" is neither`,
		"encoding=proto&base64=1&message=_____":      "base64",
		"encoding=proto&base64=1&message=____":       "unmarshal",
		"encoding=json&message=%7B%7D&connect=v2":    "connect",
	} {
		for _, path := range []string{"", "/branch/2"} {
			a := b.byHand(http.MethodGet, 1, path+branchService+"Query?"+query, "")
			a.wantError(t, http.StatusBadRequest, "invalid_argument", text)
			a.wantNotStored(t)
		}
	}
	for _, good := range []string{"encoding=json&base64=1&message=e30", "encoding=json&base64=1&message=e30=", "encoding=proto&message=", "encoding=proto&base64=1&message="} {
		if a := b.byHand(http.MethodGet, 1, branchService+"Query?"+good, ""); a.status != http.StatusOK {
			t.Errorf("%s: %+v", good, a)
		}
	}
}

// A request that no call accepts is refused with a text that says what to send.
func TestWhatNoCallTakesIsExplained(t *testing.T) {
	b := runBank(t, 2, 100)
	tests := []struct {
		method, path, contentType string
		status                    int
		code, text                string
	}{
		{"POST", branchService + "Query", "", http.StatusUnsupportedMediaType, "invalid_argument", "send application/json"},
		{"POST", branchService + "Query", "text/plain", http.StatusUnsupportedMediaType, "invalid_argument", "Content-Type: text/plain"},
		{"POST", branchService + "Query", "application/json; charset=latin1", http.StatusUnsupportedMediaType, "invalid_argument", "UTF-8"},
		{"POST", branchService + "Query", "application/connect+json", http.StatusUnsupportedMediaType, "", ""}, // in an envelope
		{"POST", branchService + "Watch", "application/json", http.StatusUnsupportedMediaType, "invalid_argument", "application/connect+json"},
		{"POST", branchService + "Submit", "application/json", http.StatusHTTPVersionNotSupported, "invalid_argument", "HTTP/2"},
		{"POST", "/bank.v1.PeerService/Claim", "text/plain", http.StatusUnsupportedMediaType, "invalid_argument", "send application/json"},
		{"GET", branchService + "Deposit", "", http.StatusMethodNotAllowed, "invalid_argument", "by POST"},
		{"PUT", branchService + "Deposit", "application/json", http.StatusMethodNotAllowed, "invalid_argument", "not called by PUT but by POST"},
		{"DELETE", branchService + "Query", "", http.StatusMethodNotAllowed, "invalid_argument", "GET, POST"},
		{"POST", branchService + "Nope", "application/json", http.StatusNotFound, "unimplemented", "no call /bank.v1.BranchService/Nope"},
		{"POST", "/bank.v1.Nope/Query", "application/json", http.StatusNotFound, "unimplemented", "no call"},
		{"POST", "/branch/2" + branchService + "Nope", "application/json", http.StatusNotFound, "unimplemented", "no call"},
		{"PUT", "/branch/2" + branchService + "Query", "application/json", http.StatusMethodNotAllowed, "invalid_argument", "GET, POST"},
		{"POST", "/branch/2" + branchService + "Query", "text/plain", http.StatusUnsupportedMediaType, "invalid_argument", "send application/json"},
	}
	for _, test := range tests {
		body := "{}"
		if test.method != http.MethodPost {
			body = ""
		}
		headers := []string{}
		if test.contentType != "" {
			headers = append(headers, "Content-Type", test.contentType)
		}
		a := b.byHand(test.method, 1, test.path, body, headers...)
		a.wantNotStored(t)
		if test.code == "" {
			if a.body == "" || !strings.Contains(a.body, "invalid_argument") {
				t.Errorf("%s %s: %+v", test.method, test.path, a)
			}
			continue
		}
		a.wantError(t, test.status, test.code, test.text)
	}
	// With a body, a GET has two messages.
	query := url.Values{"encoding": {"json"}, "message": {"{}"}}.Encode()
	b.byHand(http.MethodGet, 1, branchService+"Query?"+query, "{}").wantError(t, http.StatusUnsupportedMediaType, "invalid_argument", "no body")
}

// A gRPC client hears of an unknown procedure in its own protocol, and clients of
// Connect take the code from the body.
func TestAnUnknownProcedureIsUnimplementedInEachProtocol(t *testing.T) {
	b := runBank(t, 1, 100)
	for name, option := range map[string]connect.ClientOption{"connect": connect.WithProtoJSON(), "gRPC": connect.WithGRPC(), "gRPC-Web": connect.WithGRPCWeb()} {
		client := connect.NewClient[bankv1.QueryRequest, bankv1.QueryResponse](b.http, "http://"+b.at(1).address+branchService+"Nope", option)
		_, err := client.CallUnary(b.ctx, connect.NewRequest(&bankv1.QueryRequest{}))
		wantCode(t, err, connect.CodeUnimplemented)
		if !strings.Contains(err.Error(), "this branch has no call /bank.v1.BranchService/Nope") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (a answer) wantNotStored(t testing.TB) {
	t.Helper()
	if len(a.header["Cache-Control"]) != 1 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control is %q in: %s", a.header["Cache-Control"], a.body)
	}
}

// No answer of a call is to be stored, whoever passes it on.
func TestAnswersAreNotStored(t *testing.T) {
	b := runBank(t, 2, 100)
	for _, path := range []string{"", "/branch/1", "/branch/2"} {
		for _, a := range []answer{
			b.get(1, path+branchService+"Query", `{}`),
			b.get(1, path+branchService+"GetStatus", `{}`),
			b.get(1, path+branchService+"Query", `{"consistency":9}`),
			b.post(1, path+branchService+"Deposit", `{"amount":1}`),
			b.post(1, path+branchService+"Deposit", `{"amount":0}`),
		} {
			a.wantNotStored(t)
		}
	}
	b.byHand(http.MethodGet, 1, branchService+"Query", "", "Host", "evil.example").wantNotStored(t)
	b.byHand(http.MethodPost, 1, "/grpc.health.v1.Health/Check", "{}", "Content-Type", "application/json").wantNotStored(t)
	b.byHand(http.MethodPost, 1, "/bank.Bank/MsgDelivery", `{"operation":"query"}`, "Content-Type", "application/json").wantNotStored(t)
}

// A time-out that has passed before anything was done says that nothing was
// recorded, in each protocol; a short one says what is known.
func TestAShortTimeOutSaysWhatIsKnown(t *testing.T) {
	b := runBank(t, 2, 100)
	const nothing = "nothing was recorded"
	for _, procedure := range []string{"Deposit", "Withdraw", "Transfer", "Query", "GetStatus"} {
		body := map[string]string{"Transfer": `{"amount":1,"toAccount":"b"}`, "Query": "{}", "GetStatus": "{}"}[procedure]
		if body == "" {
			body = `{"amount":1,"requestId":"` + procedure + `"}`
		}
		for _, path := range []string{"", "/branch/2"} {
			b.byHand(http.MethodPost, 1, path+branchService+procedure, body, "Content-Type", "application/json", "Connect-Timeout-Ms", "0").
				wantError(t, http.StatusGatewayTimeout, "deadline_exceeded", nothing)
		}
	}
	b.byHand(http.MethodPost, 1, "/bank.Bank/MsgDelivery", `{"operation":"deposit","amount":1}`, "Content-Type", "application/json", "Connect-Timeout-Ms", "0").
		wantError(t, http.StatusGatewayTimeout, "deadline_exceeded", nothing)
	message := append(binary.BigEndian.AppendUint32([]byte{0}, 2), "\x10\x01"...)
	for _, timeout := range []string{"0n", "1n"} {
		a := b.byHand(http.MethodPost, 1, branchService+"Deposit", string(message), "Content-Type", "application/grpc-web", "Grpc-Timeout", timeout)
		if a.header.Get("Grpc-Status") != "4" || !strings.Contains(a.header.Get("Grpc-Message"), nothing) {
			t.Errorf("grpc-timeout %s: %+v", timeout, a)
		}
	}
	b.wantBalance(1, 100)
	b.wantBalance(2, 100)
}

// A write whose time is up while the engine has it may be recorded, and says so:
// with what to do, which depends on whether it had a request id.
func TestAWriteThatIsTooLateSaysThatItIsNotKnown(t *testing.T) {
	b := runBank(t, 2, 100)
	release := sync.OnceFunc(b.at(1).branch.StopEngine())
	defer release()
	call := func(body string) answer {
		return b.byHand(http.MethodPost, 1, branchService+"Deposit", body, "Content-Type", "application/json", "Connect-Timeout-Ms", "20")
	}
	call(`{"amount":1,"requestId":"r"}`).wantError(t, http.StatusGatewayTimeout, "deadline_exceeded", "not known whether the write was recorded", "the same request id")
	a := call(`{"amount":1}`)
	a.wantError(t, http.StatusGatewayTimeout, "deadline_exceeded", "not known whether the write was recorded", "the statement of the account tells")
	if strings.Contains(a.body, "same request id") {
		t.Errorf("without a request id: %s", a.body)
	}
	b.byHand(http.MethodPost, 1, branchService+"Query", "{}", "Content-Type", "application/json", "Connect-Timeout-Ms", "20").
		wantError(t, http.StatusGatewayTimeout, "deadline_exceeded", "nothing was recorded")
	release()
}
