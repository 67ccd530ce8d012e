//go:build !unix

package branch

import "syscall"

// shareLocalPort is for systems where outgoing ports get in nobody's way.
func shareLocalPort(_, _ string, _ syscall.RawConn) error { return nil }
