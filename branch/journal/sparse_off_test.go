//go:build !race

package journal_test

// sparse says that the tests of damage and crashes try one place in so many.
const sparse = 1
