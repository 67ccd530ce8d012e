package port

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

func listenHere(t *testing.T, address string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

// connect makes a connection to a server of this process, and returns both ends.
func connect(t *testing.T, d net.Dialer) (client, server net.Conn) {
	t.Helper()
	l := listenHere(t, "127.0.0.1:0")
	d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 53, 1)} // where nobody else takes the port that it leaves
	client, err := d.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

// holderOf returns what the system says has the port of an end.
func holderOf(t *testing.T, at net.Addr) Holder {
	t.Helper()
	tcp := at.(*net.TCPAddr)
	return gravest(holders(tcp.IP.String(), tcp.Port))
}

// What has a port is named: the process, what it does with it, and for how long.
func TestWhatHasAPort(t *testing.T) {
	program, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	me := fmt.Sprintf("%s (process %d)", strings.TrimSpace(string(program)), os.Getpid())

	l := listenHere(t, "127.0.0.1:0")
	if got, want := holderOf(t, l.Addr()).String(), "by "+me+", which listens there"; got != want {
		t.Errorf("a server: got %q, want %q", got, want)
	}
	client, server := connect(t, net.Dialer{})
	if got, want := holderOf(t, client.LocalAddr()).String(), fmt.Sprintf("by %s, for its end of a connection to %v", me, server.LocalAddr()); got != want {
		t.Errorf("a connection: got %q, want %q", got, want)
	}
	// Who closes first keeps what is left of it.
	_ = client.Close()
	if _, err := server.Read(make([]byte, 1)); err == nil {
		t.Error("the connection has not ended")
	}
	_ = server.Close()
	h := holderOf(t, client.LocalAddr())
	for ; h.State == Used; h = holderOf(t, client.LocalAddr()) { // until the last packet is through
	}
	if h.State != Ended || h.Left <= 0 || h.Left > endedWait || h.Remote.String() != server.LocalAddr().String() {
		t.Errorf("an ended connection: got %+v", h)
	}
}

// A connection made with Share keeps nobody from listening, neither while it is
// used nor for the minute after; without, it would.
func TestSharedPortsKeepNobodyFromListening(t *testing.T) {
	client, server := connect(t, net.Dialer{Control: Share})
	address := client.LocalAddr().String()
	_ = listenHere(t, address).Close()
	_ = client.Close()
	_ = server.Close()
	_ = listenHere(t, address).Close()

	client, _ = connect(t, net.Dialer{})
	if l, err := net.Listen("tcp", client.LocalAddr().String()); err == nil {
		_ = l.Close()
		t.Errorf("a server listens on the port of a connection that is not shared")
	}
}

// The kernel's tables are read as it writes them; what is none of them is skipped.
func TestTablesOfSockets(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:C383 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:C383 0900000A:01BB 06 00000000:00000000 03:0000176F 00000000     0        0 0 3 0000000000000000
   2: 0200007F:C383 0900000A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0000000000000000
   3: 00000000:C383 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1 0000000000000000
   4: 0100007F:C384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 14 1 0000000000000000
   5: 00000000000000000000000001000000:C383 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 15 1 0
   6: 0000000000000000FFFF00000100007F:C383 0000000000000000FFFF00000900000A:01BB 01 00000000:00000000 00:00000000 00000000 0 0 16 1 0
   7: what is this
   8: XX:C383 0:0 0A 0 00:0 0 0 0 17 1 0
   9: 0100007F:ZZZZ 0:0 0A 0 00:0 0 0 0 18 1 0
`
	there := netip.MustParseAddrPort("10.0.0.9:443")
	want := []Holder{
		{State: Listening, User: 1000, inode: 4711, Remote: netip.MustParseAddrPort("0.0.0.0:0")},
		{State: Ended, Left: 59990 * time.Millisecond, Remote: there},
		{State: Listening, inode: 13, Remote: netip.MustParseAddrPort("0.0.0.0:0")},
		{State: Used, inode: 16, Remote: there},
	}
	got := holdersIn([]byte(table), netip.MustParseAddr("127.0.0.1"), 0xc383)
	if fmt.Sprint(got) != fmt.Sprint(want) || len(got) != len(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("holder %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

// Listen waits for nothing that another server has.
func TestAPortOfAServerIsTaken(t *testing.T) {
	at := listenHere(t, "127.0.0.1:0").Addr().(*net.TCPAddr)
	_, err := Listen(t.Context(), "127.0.0.1", at.Port, func(text string) { t.Errorf("told %q", text) })
	var taken *TakenError
	if !errors.As(err, &taken) || taken.Holder.State != Listening {
		t.Errorf("got %v", err)
	}
}
