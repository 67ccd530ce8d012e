package port

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The states of sockets in /proc/net/tcp that matter here.
const (
	tcpTimeWait = "06"
	tcpListen   = "0A"
)

// ticks is how many of the kernel's units of time a second has there.
const ticks = 100

// holders returns the sockets whose local end is on a port of a host.
func holders(host string, number int) []Holder {
	at, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, strconv.Itoa(number)))
	if err != nil {
		return nil
	}
	wanted, _ := netip.AddrFromSlice(at.IP)
	var all []Holder
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue // without IPv6 there is no table of it
		}
		all = append(all, holdersIn(data, wanted.Unmap(), number)...)
	}
	return all
}

// holdersIn returns the sockets of a table of the kernel's that conflict with an
// address: one that stands for all conflicts with each. A line that is not
// understood is none of them.
func holdersIn(table []byte, wanted netip.Addr, number int) []Holder {
	var all []Holder
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		// sl local remote state queues timer:when retransmits user timeout inode
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			continue
		}
		local, ok := endpoint(fields[1])
		if !ok || int(local.Port()) != number || !overlap(local.Addr(), wanted) {
			continue
		}
		h := Holder{State: Used}
		switch fields[3] {
		case tcpListen:
			h.State = Listening
		case tcpTimeWait:
			h.State = Ended
			h.Left = left(fields[5])
		}
		h.Remote, _ = endpoint(fields[2])
		h.User, _ = strconv.Atoi(fields[7])
		h.inode, _ = strconv.ParseUint(fields[9], 10, 64)
		all = append(all, h)
	}
	return all
}

func overlap(a, b netip.Addr) bool {
	return a == b || !a.IsValid() || !b.IsValid() || a.IsUnspecified() || b.IsUnspecified()
}

// left returns how long a timer such as "03:0000176F" runs.
func left(timer string) time.Duration {
	_, when, _ := strings.Cut(timer, ":")
	n, err := strconv.ParseUint(when, 16, 32)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second / ticks
}

// endpoint reads an address and port such as 0100007F:C383: words of four bytes,
// each in the machine's own order.
func endpoint(text string) (netip.AddrPort, bool) {
	address, number, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	n, numberErr := strconv.ParseUint(number, 16, 16)
	if err != nil || numberErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	ip, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), ok
}

// owner names the process that has the socket, as far as it may be known.
func (h Holder) owner() string {
	if h.inode != 0 {
		want := fmt.Sprintf("socket:[%d]", h.inode)
		files, _ := filepath.Glob("/proc/[0-9]*/fd/*") // only a bad pattern is an error
		for _, file := range files {
			if target, err := os.Readlink(file); err == nil && target == want {
				return processOf(file)
			}
		}
	}
	return fmt.Sprintf("a process of user %d", h.User)
}

// processOf names the process that a file of /proc/ID/fd is of.
func processOf(file string) string {
	id := strings.Split(file, "/")[2]
	program, err := os.ReadFile("/proc/" + id + "/comm")
	if err != nil {
		return "process " + id
	}
	return fmt.Sprintf("%s (process %s)", bytes.TrimSpace(program), id)
}
