//go:build unix

package issue

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock waits until no other command changes a folder, and keeps others from it until
// unlock is called. A process that dies lets go of it.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.ENOSYS) && !errors.Is(err, syscall.EBADF) {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), d.Close())
	}
	return func() { _ = d.Close() }, nil // without a lock, as on some network file systems, nobody is kept away
}
