package main

import (
	"github.com/spf13/cobra"

	"passbook.example/passbook/branch"
)

// browserOptions say from where browsers may call the branches, besides from
// the page that the branches serve.
type browserOptions struct {
	origins checkedList
	hosts   checkedList
}

// browserFlags adds the flags of browserOptions.
func (o *browserOptions) browserFlags(c *cobra.Command) {
	o.origins.check, o.hosts.check = branch.CheckOrigin, branch.CheckHost
	c.Flags().Var(&o.origins, "allow-origin", "let pages of another `origin`, such as http://localhost:5173, call bank.v1.BranchService; may be repeated")
	c.Flags().Var(&o.hosts, "allow-host", "the name of a `host` by which browsers may call the branches, besides localhost and --listen; may be repeated")
}

// arguments returns the flags again.
func (o *browserOptions) arguments() []string {
	var args []string
	for _, origin := range o.origins.values {
		args = append(args, "--allow-origin="+origin)
	}
	for _, host := range o.hosts.values {
		args = append(args, "--allow-host="+host)
	}
	return args
}

// checkedList is a flag that may be repeated, each time with a value that check
// finds no fault with.
type checkedList struct {
	values []string
	check  func(string) error
}

func (l *checkedList) String() string { return "" }
func (l *checkedList) Type() string   { return "string" }

// Set adds a value.
func (l *checkedList) Set(text string) error {
	if err := l.check(text); err != nil {
		return err
	}
	l.values = append(l.values, text)
	return nil
}
