package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// absentError says that a peer is not installed, and how to install it.
type absentError struct{ program, remedy string }

// Error implements error.
func (e *absentError) Error() string {
	return fmt.Sprintf("%s is not installed (%s)", e.program, e.remedy)
}

// find returns the path of a program: the one that a flag names, or else one on the
// PATH or in one of the directories, which may be patterns.
func find(program, flagged, remedy string, dirs ...string) (string, error) {
	if flagged != "" {
		if _, err := os.Stat(flagged); err != nil {
			return "", &absentError{flagged, remedy}
		}
		return filepath.Abs(flagged)
	}
	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(dir, program))
		if err != nil {
			return "", fmt.Errorf("look for %s in %s: %w", program, dir, err)
		}
		if len(found) > 0 {
			return found[len(found)-1], nil // of several versions the latest
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", &absentError{program, remedy}
	}
	return filepath.Abs(path)
}
