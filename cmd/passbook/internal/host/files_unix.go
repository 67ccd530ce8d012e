//go:build unix

package host

import "syscall"

// openFiles returns how many files this process may have open, or 0 if that is
// unknown.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<30))
}
