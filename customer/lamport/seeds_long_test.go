//go:build long

package lamport_test

func init() { seeds = 8 }
