package words

import (
	"os"
	"path/filepath"
	"strings"
)

// Quote returns a word quoted for a shell.
func Quote(word string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./+,:@%=", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Program returns how the user calls this program.
func Program() string {
	name := os.Args[0]
	if strings.Contains(name, "/go-build") { // built by `go run`, which removes it
		return "go run ./cmd/passbook"
	}
	if strings.ContainsRune(name, filepath.Separator) {
		return Quote(name)
	}
	return name
}
