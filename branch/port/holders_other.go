//go:build !linux

package port

// holders returns nothing: what has a port is not known here.
func holders(string, int) []Holder { return nil }

func (h Holder) owner() string { return "a process" }
