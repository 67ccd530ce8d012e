package main

import (
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionOf(t *testing.T) {
	installed := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}
	clone := &debug.BuildInfo{
		Main:     debug.Module{Version: "v0.0.0-20261128100000-0123456789ab+dirty"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}},
	}
	for _, test := range []struct {
		given string
		info  *debug.BuildInfo
		want  string
	}{
		{"", nil, "(devel)"},
		{"", &debug.BuildInfo{}, "(devel)"},
		{"", installed, "v1.2.3"},
		{"", clone, "v0.0.0-20261128100000-0123456789ab+dirty, revision 0123456789abcdef, changed since"},
		{"v1.2-4-gabc", clone, "v1.2-4-gabc, revision 0123456789abcdef, changed since"},
		{"v1.2", nil, "v1.2"},
	} {
		if got := versionOf(test.given, test.info); got != test.want {
			t.Errorf("%q: got %q, want %q", test.given, got, test.want)
		}
	}
}

// `make build` names the version, and leaves no path of this machine in the binary.
// It only says here how it builds: really to build takes minutes when nothing is
// cached for -trimpath.
func TestMakeBuild(t *testing.T) {
	out, err := exec.Command("make", "-n", "-C", "../..", "build", "VERSION=v9.8.7-test", "PASSBOOK=there").CombinedOutput()
	want := `go build -trimpath -ldflags "-X main.version=v9.8.7-test" -o there ./cmd/passbook`
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: got %q, want %q", err, out, want)
	}
	// The flag sets this variable.
	defer func(before string) { version = before }(version)
	version = "v9.8.7-test"
	if got := versionLine(); !strings.HasPrefix(got, "passbook v9.8.7-test") {
		t.Errorf("got %q", got)
	}
}
