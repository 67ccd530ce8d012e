//go:build long

package main

// processRuns is how often processes are started for a trace.
const processRuns = 50
