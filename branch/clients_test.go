package branch_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// wantJSON checks fields of a JSON object that a program wrote.
func wantJSON(t testing.TB, text string, want map[string]any) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v, in %s", name, got[name], value, text)
		}
	}
}

func TestGrpcurl(t *testing.T) {
	grpcurl := tool(t, "grpcurl")
	b := runBank(t, 2, 100)
	address := b.at(1).address
	call := func(body, method string) (string, string, error) {
		return run(b.ctx, "", nil, grpcurl, "-plaintext", "-emit-defaults", "-d", body, address, method)
	}
	out, stderr, err := run(b.ctx, "", nil, grpcurl, "-plaintext", address, "list")
	if err != nil || !strings.Contains(out, "bank.v1.BranchService\n") {
		t.Fatal(out, stderr, err)
	}
	out, stderr, err = run(b.ctx, "", nil, grpcurl, "-plaintext", address, "describe", "bank.v1.DepositRequest")
	if err != nil || !strings.Contains(out, "int64 amount = 2;") {
		t.Fatal(out, stderr, err)
	}
	out, stderr, err = call(`{"amount":"10"}`, "bank.v1.BranchService/Deposit")
	if err != nil {
		t.Fatal(stderr, err)
	}
	wantJSON(t, out, map[string]any{"balance": "110", "replay": false})
	out, stderr, err = call(`{}`, "grpc.health.v1.Health/Check")
	if err != nil {
		t.Fatal(stderr, err)
	}
	wantJSON(t, out, map[string]any{"status": "SERVING"})
	_, stderr, err = call(`{"amount":"1000"}`, "bank.v1.BranchService/Withdraw")
	if err == nil || !strings.Contains(stderr, "FailedPrecondition") || !strings.Contains(stderr, "bank.v1.InsufficientFunds") || !strings.Contains(stderr, `"balance": "110"`) {
		t.Errorf("a withdrawal without funds: %v\n%s", err, stderr)
	}
	_, stderr, err = call(`{"operation":"propagate_deposit"}`, "bank.Bank/MsgDelivery")
	if err == nil || !strings.Contains(stderr, "Unimplemented") {
		t.Errorf("propagate_deposit: %v\n%s", err, stderr)
	}
}

func TestBufCurl(t *testing.T) {
	buf := tool(t, "buf")
	b := runBank(t, 2, 100)
	for i, protocol := range []string{"connect", "grpc", "grpcweb"} {
		out, stderr, err := run(b.ctx, "", []string{"BUF_CACHE_DIR=" + t.TempDir()}, buf, "curl", "--http2-prior-knowledge", "--protocol", protocol,
			"-d", `{"amount":"10"}`, "http://"+b.at(1).address+"/bank.v1.BranchService/Deposit")
		if err != nil {
			t.Fatalf("%s: %v\n%s", protocol, err, stderr)
		}
		wantJSON(t, out, map[string]any{"balance": []string{"110", "120", "130"}[i]})
	}
}

func TestCurl(t *testing.T) {
	curl := tool(t, "curl")
	b := runBank(t, 2, 100)
	url := "http://" + b.at(1).address + branchService
	out, stderr, err := run(b.ctx, "", nil, curl, "-sS", "-H", "Content-Type: application/json", "-d", `{"amount":10}`, url+"Deposit")
	if err != nil {
		t.Fatal(stderr, err)
	}
	wantJSON(t, out, map[string]any{"balance": "110"})
	out, stderr, err = run(b.ctx, "", nil, curl, "-sS", "--get", "-d", "connect=v1", "-d", "encoding=json", "--data-urlencode", "message={}", url+"Query")
	if err != nil {
		t.Fatal(stderr, err)
	}
	wantJSON(t, out, map[string]any{"balance": "110"})
	out, _, err = run(b.ctx, "", nil, curl, "-sS", "--http2-prior-knowledge", "-H", "Content-Type: application/json", "-d", `{"amuont":10}`, url+"Deposit")
	if err != nil {
		t.Fatal(err)
	}
	wantJSON(t, out, map[string]any{"code": "invalid_argument"})
}

func TestGRPCWebClient(t *testing.T) {
	b := runBank(t, 2, 100)
	for name, client := range map[string]*http.Client{"HTTP/1.1": {Transport: &http.Transport{DisableKeepAlives: true}}, "HTTP/2": b.http} {
		c := bankv1connect.NewBranchServiceClient(client, "http://"+b.at(1).address, connect.WithGRPCWeb())
		if _, err := c.Query(b.ctx, &bankv1.QueryRequest{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_, err := c.Withdraw(b.ctx, &bankv1.WithdrawRequest{Amount: 101})
		wantCode(t, err, connect.CodeFailedPrecondition)
		if d := detail[*bankv1.InsufficientFunds](t, err); d.GetBalance() != 100 {
			t.Errorf("%s: detail %v", name, d)
		}
	}
}

// A gRPC-Web call as a browser without a library makes it: one frame there,
// and back a frame with the reply and one with the trailers.
func TestGRPCWebByHand(t *testing.T) {
	b := runBank(t, 2, 100)
	message, err := proto.Marshal(&bankv1.DepositRequest{Amount: 10})
	if err != nil {
		t.Fatal(err)
	}
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	a := b.postAs(1, branchService+"Deposit", "application/grpc-web+proto", body)
	if a.status != http.StatusOK || a.contentType != "application/grpc-web+proto" {
		t.Fatalf("%+v", a)
	}
	flags, reply, rest := cutFrame(t, []byte(a.body))
	res := &bankv1.DepositResponse{}
	if err := proto.Unmarshal(reply, res); err != nil || flags != 0 || res.GetBalance() != 110 {
		t.Errorf("frame with flags %#x: %v, %v", flags, res, err)
	}
	flags, trailers, rest := cutFrame(t, rest)
	if flags != 0x80 || !bytes.Contains(bytes.ToLower(trailers), []byte("grpc-status: 0\r\n")) || len(rest) > 0 {
		t.Errorf("last frame with flags %#x: %q, then %d bytes", flags, trailers, len(rest))
	}
}

func cutFrame(t testing.TB, b []byte) (flags byte, data, rest []byte) {
	t.Helper()
	if len(b) < 5 || len(b)-5 < int(binary.BigEndian.Uint32(b[1:])) {
		t.Fatalf("%q is no frame", b)
	}
	end := 5 + int(binary.BigEndian.Uint32(b[1:]))
	return b[0], b[5:end], b[end:]
}
