//go:build race && long

package journal_test

const sparse = 4
