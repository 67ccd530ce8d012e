package main

import (
	"os"
	"runtime"
	"syscall"
)

// What prctl(2) calls PR_SET_TIMERSLACK and PR_GET_TIMERSLACK.
const (
	setTimerSlack = 29
	getTimerSlack = 30
)

const (
	// timerSlack is how many nanoseconds late a sleeping thread may be woken,
	// usualTimerSlack what Linux gives a process that nobody asked for another.
	timerSlack      = 500_000
	usualTimerSlack = 50_000
	// timersEnv is there when the process has started again, so that it does so
	// once whatever the system makes of it.
	timersEnv = "PASSBOOK_TIMERS_RELAXED"
)

// relaxTimers lets threads sleep longer than they want to. Go's monitor sleeps
// for 20 µs at a time, again and again as long as threads come back late from
// system calls, as they do from syncing a journal: waking it is a third of all
// context switches of a branch under load, for nothing.
//
// A thread inherits its slack and the monitor begins before main, so the
// process starts again in its place: it keeps its id, files and signals. Who
// gave it another slack than the usual, as systemd's TimerSlackNSec= does, or
// serve --processes for its children, keeps that. Failing is no error: nothing
// depends on it but speed.
func relaxTimers() {
	again := os.Getenv(timersEnv) != ""
	if again {
		_ = os.Unsetenv(timersEnv)
	}
	runtime.LockOSThread() // which exec makes the first of the new process
	defer runtime.UnlockOSThread()
	if slack, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, getTimerSlack, 0, 0); again || err != 0 || slack != usualTimerSlack {
		return
	}
	file, err := os.Executable()
	if err != nil {
		return
	}
	if _, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, timerSlack, 0); err != 0 {
		return
	}
	_ = syscall.Exec(file, os.Args, append(os.Environ(), timersEnv+"=1"))
}
