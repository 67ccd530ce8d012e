package main

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// slackOfThreads is the timer slack of this thread and of one that Go starts.
func slackOfThreads() string {
	get := func() string {
		slack, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, getTimerSlack, 0, 0)
		if err != 0 {
			return err.Error()
		}
		return strconv.Itoa(int(slack))
	}
	here, there := get(), make(chan string)
	go func() { there <- get() }()
	return here + " " + <-there
}

// The process starts again once, as the same process with the same arguments,
// and what it gives its children is the environment that it was given.
func TestTimersAreRelaxed(t *testing.T) {
	const childEnv = "PASSBOOK_TIMERS_TEST"
	if os.Getenv(childEnv) != "" {
		os.Stdout.WriteString("starts, ") //nolint:errcheck // the parent misses it
		relaxTimers()
		os.Stdout.WriteString(strings.Join([]string{strconv.Itoa(os.Getpid()), slackOfThreads(), os.Getenv(timersEnv), os.Args[len(os.Args)-1]}, "|") + "\n") //nolint:errcheck // the parent misses it
		os.Exit(0)
	}
	for _, tt := range []struct {
		name  string
		slack uintptr
		// starts are what is written before the slack, want is the slack.
		starts, want string
	}{
		{"the usual slack", usualTimerSlack, "starts, starts, ", "500000 500000"},
		{"a slack that somebody chose", 70_000, "starts, ", "70000 70000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			done := make(chan error)
			var cmd *exec.Cmd
			var out strings.Builder
			go func() { // on a thread of its own, which ends with it
				runtime.LockOSThread()
				if _, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, tt.slack, 0); err != 0 {
					done <- err
					return
				}
				cmd = exec.Command(os.Args[0], "-test.run=^TestTimersAreRelaxed$", "an argument")
				cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), childEnv+"=1"), &out, os.Stderr
				done <- cmd.Run()
			}()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			want := tt.starts + strconv.Itoa(cmd.Process.Pid) + "|" + tt.want + "||an argument\n"
			if out.String() != want {
				t.Errorf("the process says %q, want %q", out.String(), want)
			}
		})
	}
}
