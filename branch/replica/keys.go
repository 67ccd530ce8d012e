package replica

import (
	"cmp"
	"maps"
	"slices"
)

// sorted returns the keys of a map in their order, so that a run can be repeated. Most
// maps of a replica are empty in most steps, and then it needs no memory.
func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
