package flags

import (
	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/console"
)

// Console adds the flags of a command that runs branches or replays.
func Console(c *cobra.Command, o *console.Options) {
	f := c.Flags()
	f.CountVarP(&o.Verbose, "verbose", "v", "print each event of customers and branches; -vv each call and link, too")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "print only results and errors")
	logLevelFlag(c, &o.Level, "info")
	format := &choice[bool]{value: &o.JSON, words: []string{"text", "json"}, mean: []bool{false, true}, word: "text"}
	format.add(c, "log-format", "the form of the lines on stderr")
	c.MarkFlagsMutuallyExclusive("verbose", "quiet", "log-level")
}

// ConsoleArguments returns the flags that make another process print as much.
func ConsoleArguments(o *console.Options) []string {
	args := []string{"--log-level=" + console.LevelWord(o.Least())}
	if o.JSON {
		args = append(args, "--log-format=json")
	}
	return args
}
