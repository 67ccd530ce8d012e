//go:build !unix

package host

import (
	"errors"
	"os"
)

var errNoPause = errors.New("a process can't be paused on this system")

func freeze(*os.Process) error   { return errNoPause }
func unfreeze(*os.Process) error { return errNoPause }
