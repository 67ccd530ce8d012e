package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Show the version, as --version does",
		Example: "  passbook version",
		Args:    noArgument,
	}
	return a.does(c, func(context.Context, []string) error {
		_, err := fmt.Fprintln(a.console.Out, versionLine())
		return err
	})
}

// version is what `make build` calls the binary: the output of git describe.
var version string

// versionLine says which build the binary is: what it was built as, or else the
// version of the module, as for `go install`, and the revision where known.
func versionLine() string {
	return fmt.Sprintf("passbook %s, %s %s/%s", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// buildVersion says which build the binary is, in short.
func buildVersion() string {
	info, _ := debug.ReadBuildInfo() // nil if there is none
	return versionOf(version, info)
}

// versionOf names a build.
func versionOf(given string, info *debug.BuildInfo) string {
	name, revision := cmp.Or(given, "(devel)"), ""
	if info == nil {
		return name
	}
	if given == "" {
		name = cmp.Or(info.Main.Version, name)
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = ", revision " + s.Value + revision
		case s.Key == "vcs.modified" && s.Value == "true":
			revision += ", changed since"
		}
	}
	return name + revision
}
