//go:build race

package branch_test

// With the race detector opening accounts takes ten times as long. Of fewer, each has a
// larger part of what all branches take.
const accountsWeighed, mostAccountBytes = 50_000, 350

// crowdStreams is how many silent streams each connection of a crowd has: each takes
// eight times the memory here.
const crowdStreams = 250
