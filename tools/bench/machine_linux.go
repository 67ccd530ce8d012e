package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// machine is what the figures depend on besides the programs.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	// Disk is the kind of file system that all servers write to.
	Disk string `json:"disk"`
	// Versions are those of the contenders.
	Versions map[string]string `json:"versions"`
}

// lookAtMachine describes this machine, and the file system of a directory.
func lookAtMachine(dir string) machine {
	return machine{
		CPU: lineOf("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: lineOf("/proc/meminfo", "MemTotal"),
		Kernel: wholeOf("/proc/sys/kernel/osrelease"), Go: runtime.Version(), Disk: fileSystem(dir),
		Versions: map[string]string{},
	}
}

// String implements fmt.Stringer.
func (m *machine) String() string {
	return fmt.Sprintf("%d × %s, %s memory, Linux %s, %s, data on %s", m.Cores, m.CPU, m.Memory, m.Kernel, m.Go, m.Disk)
}

// lineOf returns what follows the colon in the first line of a file that
// begins so.
func lineOf(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			_, value, _ := strings.Cut(rest, ":")
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func wholeOf(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

// fileSystems are the names of those that are met often, by their magic number
// in statfs(2).
var fileSystems = map[int64]string{
	0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x794c7630: "overlayfs",
	memoryFileSystem: "tmpfs",
}

const memoryFileSystem = 0x01021994

func fileSystem(dir string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return "an unknown file system"
	}
	if name := fileSystems[int64(s.Type)]; name != "" {
		return name
	}
	return fmt.Sprintf("file system %#x", s.Type)
}
