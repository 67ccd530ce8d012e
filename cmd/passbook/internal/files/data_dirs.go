package files

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

// DataDirs returns the directories of branches that the arguments stand for.
func DataDirs(args []string) ([]string, error) {
	var dirs []string
	for _, arg := range args {
		below, err := branchDirs(arg)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, below...)
	}
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			return nil, exit.Usagef("%s is named twice", dir)
		}
	}
	return dirs, nil
}

// branchDirs returns the directories of branches that one argument stands for:
// those in it, those in the only bank in it, or itself.
func branchDirs(arg string) ([]string, error) {
	entries, err := os.ReadDir(arg)
	if err != nil {
		return nil, exit.Usagef("%s can't be verified: %w", arg, err)
	}
	if own := branchesIn(arg, entries); own != nil {
		return own, nil
	}
	var banks []string
	below := []string{arg}
	for _, e := range entries {
		dir := filepath.Join(arg, e.Name())
		if !leadsToDir(dir, e) {
			continue
		}
		inside, err := os.ReadDir(dir)
		if err != nil {
			return nil, exit.Usagef("%s can't be verified: %w", arg, err)
		}
		if found := branchesIn(dir, inside); found != nil {
			banks, below = append(banks, dir), found
		}
	}
	if len(banks) > 1 {
		return nil, exit.Usagef("%s has the data of %s, name one: %s", arg, words.Count(len(banks), "bank"), strings.Join(banks, ", "))
	}
	return below, nil
}

// branchesIn returns the directories of branches among the entries of dir, in the
// order of their numbers.
func branchesIn(dir string, entries []os.DirEntry) []string {
	var found []string
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); strings.HasPrefix(e.Name(), "branch-") && leadsToDir(path, e) {
			found = append(found, path)
		}
	}
	// branch-2 comes before branch-10.
	slices.SortStableFunc(found, func(a, b string) int { return len(a) - len(b) })
	return found
}

// leadsToDir reports whether an entry is a directory, or a link to one: a branch
// can use either.
func leadsToDir(path string, e os.DirEntry) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
