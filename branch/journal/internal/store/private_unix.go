//go:build unix

package store

import (
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// keepPrivate removes the rights of everybody else to a file that was just created,
// whatever the umask gave them. A file system that knows no rights keeps its own:
// Narrow warns of that.
func keepPrivate(f vfs.File) {
	if fd := f.Fd(); fd != vfs.InvalidFd {
		_ = syscall.Fchmod(int(fd), privateFile)
	}
}

// openTo reports whether others than the owner have rights to a file.
func openTo(info os.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
