package branch_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A body that breaks off, or isn't what its headers say, is refused as malformed.
func TestABodyThatCannotBeReadIsRefused(t *testing.T) {
	b := runBank(t, 2, 100)
	const chunked = "Transfer-Encoding: chunked\r\n\r\n"
	for _, test := range []struct{ what, body, text string }{
		{"no length of a chunk", chunked + "zz\r\n{}\r\n0\r\n\r\n", "chunk"},
		{"a chunk that is longer than it says", chunked + "1\r\n{}\r\n0\r\n\r\n", "chunk"},
		{"a length that overflows", chunked + "fffffffffffffffff\r\n{}", "chunk"},
		{"a chunk that breaks off", chunked + "9\r\n{}", "EOF"},
		{"a body that breaks off", "Content-Length: 9\r\n\r\n{}", "EOF"},
	} {
		for _, procedure := range []string{"Deposit", "Query"} {
			a := b.halfSent(1, fmt.Sprintf("POST %s%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s", branchService, procedure, test.body))
			if !strings.HasPrefix(a, "HTTP/1.1 400 ") || !strings.Contains(a, `"code":"invalid_argument","message":"the request can't be read: `) || !strings.Contains(a, test.text) {
				t.Errorf("%s, %s: got %q", procedure, test.what, a)
			}
		}
	}
}

// halfSent sends bytes, then the end of the body, and returns the answer.
func (b *bank) halfSent(at uint32, text string) string {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.at(at).address)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		b.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		b.t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(answer)
}

// A refusal quotes no more of a request than helps, because it goes into headers,
// which clients bound.
func TestRefusalsAreShort(t *testing.T) {
	b := runBank(t, 2, 100)
	long := strings.Repeat("\u00fc", 15000)
	for _, body := range []string{
		`{"id":"` + long + `"}`, `{"account":"` + long + `","amount":1}`, `{"operation":"` + long + `"}`, `{"session":"` + long + `"}`,
		`{"requestId":"` + long + `","amount":1}`, `{"amount":"` + long + `"}`, `{"` + long + `":1}`, `{"acknowledge":"` + long + `"}`, `{"pageToken":"` + long + `"}`,
	} {
		for _, procedure := range []string{
			"Deposit", "Withdraw", "Transfer", "Query", "ListEntries", "GetStatus", "ListAlarms", "ResolveAlarm", "GetTrace",
		} {
			if a := b.post(1, branchService+procedure, body); a.status == http.StatusOK || len(a.body) > 2000 {
				t.Errorf("%s %.30s…: %d, %d bytes: %.200s…", procedure, body, a.status, len(a.body), a.body)
			}
		}
		if a := b.post(1, "/bank.Bank/MsgDelivery", body); a.status == http.StatusOK || len(a.body) > 2000 {
			t.Errorf("the course's, %.30s…: %d, %d bytes: %.200s…", body, a.status, len(a.body), a.body)
		}
	}
}
