package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// clock waits on a thread of its own, to within a few microseconds; a sleeping
// goroutine may wake a millisecond late, which would count as latency.
type clock struct{}

// newClock occupies the thread of the calling goroutine until release.
func newClock() (clock, error) {
	runtime.LockOSThread()
	const setTimerSlack = 29 // PR_SET_TIMERSLACK, in ns
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0); errno != 0 {
		runtime.UnlockOSThread()
		return clock{}, fmt.Errorf("set the timer slack of the pacing thread: %w", errno)
	}
	return clock{}, nil
}

func (clock) release() {
	const setTimerSlack = 29
	// 0 is the default of the process; a failure leaves a thread that wakes early.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 0, 0)
	runtime.UnlockOSThread()
}

// until waits until t.
func (clock) until(t time.Time) {
	for {
		left := time.Until(t)
		if left <= 0 {
			return
		}
		ts := syscall.NsecToTimespec(int64(left))
		_, _, _ = syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0) // a signal: the loop goes on
	}
}
