package flags

import (
	"github.com/spf13/cobra"

	"passbook.example/passbook/cmd/passbook/internal/console"
)

// Console adds the flags of a command that runs branches or replays.
func Console(c *cobra.Command, o *console.Options) {
	f := c.Flags()
	f.CountVarP(&o.Verbose, "verbose", "v", "tell each event of customers and branches; -vv each call and link besides")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "tell results and errors only")
	logLevelFlag(c, &o.Level, "info")
	format := &choice[bool]{value: &o.JSON, words: []string{"text", "json"}, mean: []bool{false, true}, word: "text"}
	format.add(c, "log-format", "the form of what is told on stderr")
	c.MarkFlagsMutuallyExclusive("verbose", "quiet", "log-level")
}

// ConsoleArguments returns the flags with which another process tells as much.
func ConsoleArguments(o *console.Options) []string {
	args := []string{"--log-level=" + console.LevelWord(o.Least())}
	if o.JSON {
		args = append(args, "--log-format=json")
	}
	return args
}
