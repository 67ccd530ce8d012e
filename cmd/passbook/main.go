// Command passbook runs a replicated bank: it serves the branches of an
// input.json, replays the customers in it, and lets you deposit, withdraw,
// transfer and look at any branch by hand.
//
//	passbook run examples/course-50.json
//
// starts all branches of the file, each on its own port, replays the customers
// against them and writes output.json. `passbook help` lists the commands and the
// exit codes.
//
// This package has the commands. What they are made of is in internal: host runs
// branches, in this process or in others; faults breaks them on purpose; survey asks
// them how they are; console has all that a user sees; flags, files and exit are the
// command line, what it names, and how it ends.
package main

import (
	"os"

	"passbook.example/passbook/cmd/passbook/internal/console"
)

func main() {
	os.Exit(run(os.Args[1:], console.New(os.Stdout, os.Stderr)))
}
