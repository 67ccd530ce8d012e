//go:build !race

package branch_test

// crowdStreams is how many silent streams each connection of a crowd has.
const crowdStreams = 1000
