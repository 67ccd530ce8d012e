//go:build !long

package simulation_test

// usualSeeds is how many seeds run unless told otherwise.
const usualSeeds = 300
