//go:build !cgo

package branch_test

// pebbleOnHeap is how much of the heap Pebble's cache and memtables may take: all of their
// memory, where there is no C allocator. It is bounded for the process (journal.cacheBytes).
const pebbleOnHeap = 64 << 20
