package bank

import (
	"os/exec"
	"syscall"
	"testing"
)

// TestEndedBy checks that a process which a signal ended is told from one that
// ended by itself: only the first may end so when it is asked to stop early.
func TestEndedBy(t *testing.T) {
	for script, want := range map[string]bool{"kill -TERM $$": true, "kill -KILL $$": false, "exit 1": false, "exit 0": false} {
		if got := endedBy(exec.Command("sh", "-c", script).Run(), syscall.SIGTERM); got != want {
			t.Errorf("%s: got %v, want %v", script, got, want)
		}
	}
}

// TestStoppedBy checks that only who has obeyed a signal counts as stopped by it.
func TestStoppedBy(t *testing.T) {
	for script, want := range map[string]bool{"exit 143": true, "exit 130": false, "kill -TERM $$": false, "exit 1": false, "exit 0": false} {
		if got := stoppedBy(exec.Command("sh", "-c", script).Run(), syscall.SIGTERM); got != want {
			t.Errorf("%s: got %v, want %v", script, got, want)
		}
	}
}
