package flags

import (
	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/browser"
)

// Browsers are the flags that say from where browsers may call the branches,
// besides from the page that the branches serve.
type Browsers struct {
	// from are origins of pages, by names of hosts.
	from, by checkedList
}

// Add adds the flags.
func (o *Browsers) Add(c *cobra.Command) {
	o.from.check, o.by.check = browser.CheckOrigin, browser.CheckHost
	c.Flags().Var(&o.from, "allow-origin", "let pages of another `origin`, such as http://localhost:5173, call bank.v1.BranchService; may be repeated")
	c.Flags().Var(&o.by, "allow-host", "the name of a `host` by which browsers may call the branches, besides localhost and --listen; may be repeated")
}

// Origins returns the origins of the pages that may call the branches.
func (o *Browsers) Origins() []string { return o.from.values }

// Hosts returns the names by which browsers may call the branches.
func (o *Browsers) Hosts() []string { return o.by.values }

// Arguments returns the flags as they were given, for another process.
func (o *Browsers) Arguments() []string {
	var args []string
	for _, origin := range o.Origins() {
		args = append(args, "--allow-origin="+origin)
	}
	for _, host := range o.Hosts() {
		args = append(args, "--allow-host="+host)
	}
	return args
}

// checkedList is a flag that may be repeated, each time with a value that check
// accepts.
type checkedList struct {
	// values are those given so far.
	values []string
	// check returns an error for a bad value.
	check func(string) error
}

// String implements pflag.Value.
func (l *checkedList) String() string { return "" }

// Type implements pflag.Value.
func (l *checkedList) Type() string { return "string" }

// Set adds a value.
func (l *checkedList) Set(text string) error {
	if err := l.check(text); err != nil {
		return err
	}
	l.values = append(l.values, text)
	return nil
}
