package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/console"
)

func commands(t *testing.T) []*cobra.Command {
	t.Helper()
	a := &app{console: &console.Console{Out: os.Stdout, Err: os.Stderr}}
	return below(a.rootCommand())
}

// below returns all commands below one.
func below(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range c.Commands() {
		all = append(append(all, sub), below(sub)...)
	}
	return all
}

func TestEveryCommandHasHelp(t *testing.T) {
	for _, c := range commands(t) {
		if c.Short == "" || !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s: the help needs a line and an example", c.CommandPath())
		}
	}
}

// TestExamplesParse checks the flags in the examples of the help.
func TestExamplesParse(t *testing.T) {
	for _, c := range commands(t) {
		for line := range strings.Lines(c.Example) {
			arguments, ok := strings.CutPrefix(strings.TrimSpace(line), "passbook ")
			if !ok {
				continue
			}
			c, left, err := c.Root().Find(strings.Fields(arguments))
			if err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if err := c.ParseFlags(left); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if err := c.ValidateArgs(c.Flags().Args()); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}

// TestEveryFlagHasAStory checks that each flag is used, with its command, in a
// story that tells its effect.
func TestEveryFlagHasAStory(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var lines []string
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(string(data), "\n")...)
	}
	flag := regexp.MustCompile(`--([a-z][a-z-]+)`)
	for _, c := range commands(t) {
		used := make(map[string]bool)
		for _, line := range lines {
			if strings.Contains(line, c.CommandPath()) {
				for _, found := range flag.FindAllStringSubmatch(line, -1) {
					used[found[1]] = true
				}
			}
		}
		for _, found := range flag.FindAllStringSubmatch(c.LocalFlags().FlagUsages(), -1) {
			if f := c.Flags().Lookup(found[1]); f != nil && !used[found[1]] {
				t.Errorf("no story uses %s --%s", c.CommandPath(), found[1])
			}
		}
	}
}
