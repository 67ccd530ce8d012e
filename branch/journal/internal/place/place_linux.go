package place

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Of returns where a file of the machine is. It leaves out the number of the device,
// which may differ after each restart of the machine.
func Of(path string) (Place, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME|unix.STATX_CTIME, &st)
	if err == unix.ENOSYS || err == unix.EPERM { // as in some containers
		return placeByStat(path)
	}
	if err != nil {
		return Place{}, &os.PathError{Op: "statx", Path: path, Err: err}
	}
	p := Place{Inode: st.Ino, Changed: nanos(st.Ctime)}
	if st.Mask&unix.STATX_BTIME != 0 {
		p.Born = nanos(st.Btime)
	}
	p.System = systemOf(path)
	return p, nil
}

func nanos(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

func placeByStat(path string) (Place, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Place{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Place{}, nil
	}
	return Place{Inode: st.Ino, Changed: st.Ctim.Nano(), System: systemOf(path)}, nil
}

// systemOf returns the number that a file system got when it was made, or 0 if it has
// none. A snapshot of btrfs has another one.
func systemOf(path string) uint64 {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return 0
	}
	switch int64(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
		return uint64(uint32(st.Fsid.Val[0]))<<32 | uint64(uint32(st.Fsid.Val[1]))
	}
	return 0
}
