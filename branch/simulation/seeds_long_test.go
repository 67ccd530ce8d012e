//go:build long

package simulation_test

const usualSeeds = 1000
