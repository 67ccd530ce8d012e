package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Show the version",
		Example: "  passbook version",
		Args:    cobra.NoArgs,
	}
	return a.does(c, func(context.Context, []string) error {
		_, err := fmt.Fprintln(a.ui.out, versionLine())
		return err
	})
}

// versionLine returns the version that the binary was built as: that of the
// module, and the revision where that is known.
func versionLine() string {
	version, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = ", revision " + s.Value
			}
		}
	}
	return fmt.Sprintf("passbook %s%s, %s %s/%s", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
