// Package place tells where a file is on the machine, by which the journal
// recognises a directory that was copied. It knows nothing of journals.
package place

// Place is where a file is, as far as its file system tells.
type Place struct {
	// Inode is its number.
	Inode uint64
	// Born and Changed are when it was made, and when it or what is known of it
	// was last changed, in nanoseconds; 0 where nobody knows.
	Born, Changed int64
	// System is the file system, where that has a number of its own that a
	// restart of the machine does not change; otherwise 0.
	System uint64
}

// SameFile reports whether both are of one file, changed or not.
func (p Place) SameFile(o Place) bool {
	return p.Inode == o.Inode && p.Born == o.Born && p.System == o.System
}
