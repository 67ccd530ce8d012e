package host

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/cmd/passbook/internal/words"
)

// listedListeners bounds the branches that are logged one by one. Of more than that,
// only the first and the last are logged.
const listedListeners = 9

// tellListening logs where branches listen.
func tellListening(log *slog.Logger, branches []*branch.Branch, scheme string) {
	sorted := slices.SortedFunc(slices.Values(branches), func(a, b *branch.Branch) int { return cmp.Compare(a.ID(), b.ID()) })
	if len(sorted) > listedListeners {
		first, last := sorted[0], sorted[len(sorted)-1]
		log.Info(fmt.Sprintf("%s listen, from branch %d on %s%s to branch %d on %s%s",
			words.Count(len(sorted), "branch"), first.ID(), scheme, first.Address(), last.ID(), scheme, last.Address()))
		return
	}
	for _, b := range sorted {
		log.Info(fmt.Sprintf("Branch %d listens on %s%s", b.ID(), scheme, b.Address()), "branch", b.ID(), "address", b.Address())
	}
}

// ReadyLine says that branches take writes.
func ReadyLine(ids []uint32) string {
	if len(ids) == 1 {
		return fmt.Sprintf("Branch %d is ready", ids[0])
	}
	return fmt.Sprintf("All %s are ready", words.Count(len(ids), "branch"))
}
