//go:build race

package branch_test

// crowdStreams is how many silent streams each connection of a crowd has: each takes
// eight times the memory here.
const crowdStreams = 250
