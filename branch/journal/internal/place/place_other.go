//go:build !linux

package place

// Of is nil where it is not known how to find out where a file is: there a
// copy is not recognised.
var Of func(path string) (Place, error)
