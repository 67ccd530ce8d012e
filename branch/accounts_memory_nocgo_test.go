//go:build !cgo

package branch_test

// pebbleOnHeap is what Pebble's cache and memtables may have on the heap: all, where there
// is no C allocator. That is bounded for the process (journal.cacheBytes).
const pebbleOnHeap = 64 << 20
