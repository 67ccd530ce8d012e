//go:build unix

package port

import "syscall"

// Share lets another socket listen on the local port of an outgoing connection,
// as the Control of a net.Dialer. Ports of branches usually lie in the range that
// the system takes such ports from: without this, a connection to a branch, and
// for a minute what is left of one, could keep another branch from listening.
func Share(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}
