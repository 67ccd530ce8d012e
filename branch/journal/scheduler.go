package journal

import "github.com/cockroachdb/pebble/v2"

// newScheduler returns what lets one compaction of a store run at a time. It
// serves one opening: once its store is closed, it lets none run, and a store
// that compacts nothing takes no more writes in the end.
//
// Pebble's usual scheduler also looks, ten times a second and store, whether
// more compactions are allowed than run, in case the number allowed has grown
// unseen. In a process of 50 stores that costs more than all else while nothing
// happens, and here it finds nothing: the number is 1 from the opening on
// (CompactionConcurrencyRange), so a compaction is refused only while another
// runs, and that one's end lets the next begin.
func newScheduler() pebble.CompactionScheduler {
	return pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()
}
