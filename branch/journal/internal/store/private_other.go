//go:build !unix

package store

import (
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// keepPrivate does nothing: on this system a file has the rights of its directory.
func keepPrivate(vfs.File) {}

// openTo reports false: on this system a file's mode does not show its rights.
func openTo(os.FileInfo) bool { return false }
