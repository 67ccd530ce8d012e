package branch_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// tool finds a program that `make test` installs or builds.
func tool(t testing.TB, name string) string {
	t.Helper()
	if path, err := filepath.Abs(filepath.Join("..", ".bin", name)); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not here: run make test, which installs it", name)
	}
	return path
}

// run runs a program, and returns what it wrote and whether it ended well.
func run(ctx context.Context, stdin string, env []string, program string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewBufferString(stdin), &out, &errs
	cmd.Env = append(os.Environ(), append(env, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")...)
	err = cmd.Run()
	return out.String(), errs.String(), err
}
