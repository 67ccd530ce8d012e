//go:build !race

package branch_test

// How many accounts are opened to be weighed, and what one may take at most.
const accountsWeighed, mostAccountBytes = 980_000, 150

// crowdStreams is how many silent streams each connection of a crowd has.
const crowdStreams = 1000
