//go:build !race

package branch_test

// How many accounts are opened to be weighed, and what one may take at most.
const accountsWeighed, mostAccountBytes = 980_000, 150
