//go:build !unix

package store

import (
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// keepPrivate is for systems where a file has the rights of its directory.
func keepPrivate(vfs.File) {}

// openTo reports false: rights are not in a file's mode here.
func openTo(os.FileInfo) bool { return false }
