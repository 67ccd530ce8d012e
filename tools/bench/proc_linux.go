package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of processor times in /proc: USER_HZ is 100 on every Linux
// that Go runs on.
const tick = time.Second / 100

// cpuTime returns the processor time that a process has used, in user and
// system mode, in steps of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	name := fmt.Sprintf("/proc/%d/stat", pid)
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	// The second field, the command, may hold spaces; it ends with the last ")".
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const utime, stime = 14 - 3, 15 - 3 // proc(5) counts from 1, and two fields are cut off
	if len(fields) <= stime {
		return 0, fmt.Errorf("%s has %d fields after the command, fewer than expected", name, len(fields))
	}
	var ticks int64
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// cpuTimes returns what all of the processes have used.
func cpuTimes(processes []*process) (time.Duration, error) {
	var sum time.Duration
	for _, p := range processes {
		d, err := cpuTime(p.pid())
		if err != nil {
			return 0, fmt.Errorf("processor time of %s: %w", p.name, err)
		}
		sum += d
	}
	return sum, nil
}

// ownCPUTime returns the processor time that this process has used.
func ownCPUTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// memory returns the resident memory of the processes, in bytes.
func memory(processes []*process) (int64, error) {
	var sum int64
	for _, p := range processes {
		name := fmt.Sprintf("/proc/%d/status", p.pid())
		b, err := os.ReadFile(name)
		if err != nil {
			return 0, fmt.Errorf("memory of %s: %w", p.name, err)
		}
		kib, err := statusField(string(b), "VmRSS:")
		if err != nil {
			return 0, fmt.Errorf("memory of %s: %s: %w", p.name, name, err)
		}
		sum += kib << 10
	}
	return sum, nil
}

// statusField returns the number, in kB, in a line of /proc/PID/status.
func statusField(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		}
	}
	return 0, fmt.Errorf("there is no %s", name)
}
