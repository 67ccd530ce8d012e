package main

import "context"

// goal is a group of rows that are measured together.
type goal struct {
	name    string
	measure func(*bench, context.Context) error
}

// goals are all goals, in the order of the table.
var goals []goal

func init() {
	goals = []goal{
		{"one-by-one", (*bench).oneByOne},
		{"bulk", (*bench).bulk},
		{"fan-out", (*bench).fanOut},
		{"replay", (*bench).replay},
		{"contested", (*bench).contested},
		{scarceGoal, (*bench).scarce},
		{"storm", (*bench).storm},
		{farGoal, (*bench).far},
		{"growth", (*bench).growEntries},
		{"growth-operations", (*bench).growOperations},
		{"growth-accounts", (*bench).growAccounts},
		{"idle", (*bench).idle},
		{"peers", (*bench).peers},
		{beforeGoal, (*bench).pair},
		{stagesGoal, (*bench).stages},
		{securedGoal, (*bench).secured},
	}
}

func goalNames() []string {
	var names []string
	for _, g := range goals {
		names = append(names, g.name)
	}
	return names
}
