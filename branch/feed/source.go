package feed

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Config says of which branch a feed is.
type Config struct {
	// Branch is the id of the branch. It is among Addresses.
	Branch uint32
	// Bank is the name of the bank.
	Bank string
	// Addresses are host:port of every branch of the bank.
	Addresses map[uint32]string
	// Scheme begins the URLs of branches: "http://" or "https://".
	Scheme string
	// Faults says that the branch offers FaultService.
	Faults bool
	// Started is when the branch was opened.
	Started time.Time
	// Logger is where the feed logs.
	Logger *slog.Logger
}

// address returns the URL of a branch.
func (c *Config) address(id uint32) string { return c.Scheme + c.Addresses[id] }

// branches returns the branches of the bank, ascending.
func (c *Config) branches() []uint32 {
	ids := make([]uint32, 0, len(c.Addresses))
	for id := range c.Addresses {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Source is what a feed needs of its branch.
type Source interface {
	// Visit runs see between two steps of the engine, on the goroutine that
	// calls Observer.Observe, and returns when what see saw is committed. It
	// returns api.ErrStopped once the engine has ended.
	Visit(ctx context.Context, see func(*replica.Replica)) error
	// LastEntries returns the last entries of an account from the journal, most
	// of them at most, newest first.
	LastEntries(account string, most int) ([]Recorded, error)
	// FollowPeer watches one other branch alone, with an account. It gives tell
	// what that branch reports, and returns when the stream has ended, or ctx:
	// nil if the branch has ended it.
	FollowPeer(ctx context.Context, peer uint32, account string, tell func(*bankv1.WatchResponse)) error
	// Spawn runs a task that the branch waits for before it closes its journal.
	// It reports false, and does not run it, when the branch no longer waits.
	Spawn(task func()) bool
}

// Recorded is an entry as a journal has it.
type Recorded struct {
	// At is the entry's place.
	At ledger.Position
	// Entry is the entry itself.
	Entry ledger.Entry
	// Balance is the account's after it.
	Balance ledger.Amount
}
