//go:build long

package simulation_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mutantSlots bounds how many mutants are built and run at once.
var mutantSlots = make(chan struct{}, 2)

// A rule that can be broken without a run failing is a rule that the
// simulation does not check.
func TestEveryMutationIsCaught(t *testing.T) {
	for _, m := range allMutations() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			mutantSlots <- struct{}{}
			defer func() { <-mutantSlots }()
			out, ok := m.run(t)
			if ok {
				t.Fatalf("nothing fails: %s", out)
			}
			t.Log(verdict(out))
		})
	}
}

var (
	failureLine = regexp.MustCompile(`step \d+: ([^:]+): (.{0,120})`)
	repeatLine  = regexp.MustCompile(`repeat with: (.*)`)
	differences = regexp.MustCompile(`--- FAIL: (.*) \(`)
)

// verdict says in a line how a mutant was caught.
func verdict(out string) string {
	if m, r := failureLine.FindStringSubmatch(out), repeatLine.FindStringSubmatch(out); m != nil && r != nil {
		return fmt.Sprintf("%s (%s): %s", m[1], r[1], m[2])
	}
	if m := differences.FindAllStringSubmatch(out, -1); m != nil {
		return m[len(m)-1][1]
	}
	return out
}

// run builds the mutant and runs what has to catch it; it reports whether
// everything passed.
func (m *mutation) run(t *testing.T) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	original, source := m.source(t)
	mutant := filepath.Join(dir, "mutant.go")
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{original: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{mutant: []byte(source), overlay: text} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	where, test := "./branch/simulation", hunts[m.caught]
	switch {
	case strings.HasPrefix(m.caught, "replica."):
		where, test = "./branch/replica", "^"+strings.TrimPrefix(m.caught, "replica.")+"$"
	case strings.HasPrefix(m.caught, "simulation."):
		test = "^" + strings.TrimPrefix(m.caught, "simulation.") + "$"
	case strings.HasPrefix(m.caught, "engine."):
		where, test = "./branch/engine", "^"+strings.TrimPrefix(m.caught, "engine.")+"$"
	case strings.HasPrefix(m.caught, "Test"):
		where, test = "./branch", "^"+m.caught+"$"
	case test == "":
		where, test = "./branch/replica", "^TestTranscripts$/^"+m.caught+"$"
	}
	binary := filepath.Join(dir, "mutant.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, where)
	build.Dir = module
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s does not build: %v\n%s", m.file, err, out)
	}
	run := exec.CommandContext(t.Context(), binary, "-test.run="+test)
	run.Dir = filepath.Join(module, where)
	out, err := run.CombinedOutput()
	// A rare place that is not reached any more does not count as caught.
	_, isHunt := hunts[m.caught]
	return string(out), err == nil || isHunt && !repeatLine.Match(out)
}
