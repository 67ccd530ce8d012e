//go:build unix

package branch

import "syscall"

// shareLocalPort lets another socket listen on the local port of an outgoing
// connection. Ports of branches usually lie in the range that the system takes
// such ports from: without this, links between the branches that are up could
// keep one that starts from listening.
func shareLocalPort(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}
