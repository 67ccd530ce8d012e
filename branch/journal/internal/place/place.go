// Package place tells where a file is on the machine, by which the journal
// recognises a directory that was copied. It knows nothing of journals.
package place

// Place is where a file is, as far as its file system tells.
type Place struct {
	// Inode is its number.
	Inode uint64
	// Born and Changed are when it was made, and when its content or its attributes
	// last changed, in nanoseconds; 0 where that is unknown.
	Born, Changed int64
	// System is the number of the file system, if it has one that a restart of the
	// machine does not change; otherwise 0.
	System uint64
}

// SameFile reports whether both are places of one file, changed or not.
func (p Place) SameFile(o Place) bool {
	return p.Inode == o.Inode && p.Born == o.Born && p.System == o.System
}
