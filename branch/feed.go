package branch

import (
	"context"

	"passbook.example/passbook/branch/feed"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// feedSource gives the feed what it needs of a branch.
type feedSource struct{ branch *Branch }

var _ feed.Source = feedSource{}

// feedConfig says to the feed of which branch it is.
func (b *Branch) feedConfig() feed.Config {
	return feed.Config{
		Branch: uint32(b.id), Bank: b.cfg.Bank, Addresses: b.cfg.Addresses, Scheme: b.cfg.scheme(), Faults: b.cfg.Faults != nil, Started: b.started, Logger: b.logger,
	}
}

// Visit implements feed.Source.
func (s feedSource) Visit(ctx context.Context, see func(*replica.Replica)) error {
	return s.branch.engine.Visit(ctx, see)
}

// LastEntries implements feed.Source.
func (s feedSource) LastEntries(account string, most int) ([]feed.Recorded, error) {
	listed, _, err := s.branch.journal.Statement(account, journal.Page{Newest: true, Limit: most})
	if err != nil {
		return nil, err
	}
	out := make([]feed.Recorded, len(listed))
	for i, l := range listed {
		out[i] = feed.Recorded{At: l.At, Entry: l.Entry, Balance: l.Balance}
	}
	return out, nil
}

// FollowPeer implements feed.Source.
func (s feedSource) FollowPeer(ctx context.Context, peer uint32, account string, tell func(*bankv1.WatchResponse)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, at := s.branch.links.Call(ctx, ledger.BranchID(peer))
	stream, err := at.Watch(ctx, &bankv1.WatchRequest{Account: account, Scope: bankv1.WatchScope_WATCH_SCOPE_BRANCH})
	if err != nil {
		return err
	}
	for stream.Receive() {
		tell(stream.Msg())
	}
	err = stream.Err()
	cancel()
	_ = stream.Close()
	// A peer that is stopping waits for its connections to be closed.
	s.branch.transport.CloseIdleConnections()
	return err
}

// Spawn implements feed.Source.
func (s feedSource) Spawn(task func()) bool { return s.branch.spawn(task) }
