//go:build cgo

package branch_test

// pebbleOnHeap is how much of the heap Pebble's cache and memtables may take: nothing,
// where there is a C allocator.
const pebbleOnHeap = 0
