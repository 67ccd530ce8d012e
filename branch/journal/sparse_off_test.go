//go:build !race

package journal_test

// sparse is 1 in how many places the tests of damage and crashes try.
const sparse = 1
