//go:build !linux

package journal

// placeOf is nil where it is not known how to find out where a file is: there a
// copy is not recognised.
var placeOf func(path string) (Place, error)
