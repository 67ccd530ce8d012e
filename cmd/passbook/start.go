package main

import (
	"context"
	"fmt"

	"passbook.example/passbook/cmd/passbook/internal/words"
)

// startLines is what `passbook` alone prints: three commands to try first.
const startLines = `%[1]s run FILE      starts all branches of an input file, replays its customers, writes output.json
%[1]s serve FILE    leaves the branches running, with a dashboard at http://127.0.0.1:50051/, until Ctrl-C
%[1]s --help        lists all commands; FILE is one like examples/three.json
`

// start tells somebody who gave no command three that are worth it.
func (a *app) start(context.Context, []string) error {
	_, err := fmt.Fprintf(a.console.Out, startLines, words.Program())
	return err
}
