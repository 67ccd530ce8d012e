//go:build race && !long

package journal_test

// sparse is more than 1 with the race detector: Pebble then checks itself
// throughout, which takes ten times as long.
const sparse = 16
