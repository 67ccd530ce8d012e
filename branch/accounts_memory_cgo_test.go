//go:build cgo

package branch_test

// pebbleOnHeap is what Pebble's cache and memtables may have on the heap: nothing, where
// there is a C allocator.
const pebbleOnHeap = 0
