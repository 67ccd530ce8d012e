package branch_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// A branch tells each client how many calls one connection may have open.
func TestCallsOnAConnectionAreBounded(t *testing.T) {
	const settings, maxConcurrentStreams, want = 4, 3, 1024
	b := runBank(t, 2, 0)
	conn, err := net.Dial("tcp", b.at(1).address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	hello := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0, 0, 0, settings, 0, 0, 0, 0, 0)
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	header := make([]byte, 9)
	if _, err := io.ReadFull(conn, header); err != nil || header[3] != settings {
		t.Fatalf("the first frame is %v, %v", header, err)
	}
	body := make([]byte, int(header[1])<<8|int(header[2]))
	if _, err := io.ReadFull(conn, body); err != nil {
		t.Fatal(err)
	}
	for ; len(body) >= 6; body = body[6:] {
		if binary.BigEndian.Uint16(body) == maxConcurrentStreams {
			if got := binary.BigEndian.Uint32(body[2:]); got != want {
				t.Errorf("%d calls at once, want %d", got, want)
			}
			return
		}
	}
	t.Error("the branch names no bound")
}
