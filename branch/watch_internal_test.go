package branch

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/feed"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// quietSource is a branch that has recorded nothing and whose peers say nothing,
// but for what branch 1 reports.
type quietSource struct {
	feedSource
	reports chan *bankv1.BranchReport
}

// LastEntries implements feed.Source.
func (quietSource) LastEntries(string, int) ([]feed.Recorded, error) { return nil, nil }

// FollowPeer implements feed.Source.
func (s quietSource) FollowPeer(ctx context.Context, peer uint32, _ string, tell func(*bankv1.WatchResponse)) error {
	for {
		select {
		case r := <-s.reports:
			r.Branch = peer
			tell(&bankv1.WatchResponse{Complete: true, Reports: []*bankv1.BranchReport{r}})
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watchPort is a branch that has nothing to show: nothing runs its engine. What is
// sent to reports, a peer reports of itself.
func watchPort(t *testing.T) (p *servedBranch, reports chan<- *bankv1.BranchReport) {
	t.Helper()
	said := make(chan *bankv1.BranchReport)
	p = serveFeed(t, func(b *Branch) feed.Source { return quietSource{feedSource{b}, said} })
	t.Cleanup(p.feed.Stop)
	return p, said
}

// A watch lasts longer than any request or other stream may. Nothing runs this
// branch's engine: it says of itself that it does not report.
func TestAWatchLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := watchPort(t)
		stream, err := bankv1connect.NewBranchServiceClient(p.client, "http://branch").Watch(hour(t), &bankv1.WatchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		began, last, messages := time.Now(), time.Now(), 0
		var text string
		for time.Since(began) < 5*time.Minute && stream.Receive() {
			messages++
			if gap := time.Since(last); gap > time.Second {
				t.Errorf("nothing for %v", gap)
			}
			last = time.Now()
			if m := stream.Msg(); m.GetHeadline() != nil {
				text = m.GetHeadline().GetText()
			}
		}
		if stream.Err() != nil || messages > 10*5*60 || !strings.HasPrefix(text, "branches 1, 2 and 3 are unreachable, for 5 min") && !strings.HasPrefix(text, "branches 1, 2 and 3 are unreachable, for 4 min") {
			t.Errorf("%v, %d messages, %q", stream.Err(), messages, text)
		}
		p.feed.Stop()
		for stream.Receive() { // what is on its way
		}
		if connect.CodeOf(stream.Err()) != connect.CodeUnavailable {
			t.Errorf("ended with %v", stream.Err())
		}
		_ = stream.Close()
	})
}

// A watcher that takes nothing is cut off.
func TestAWatcherWhoReadsNothingIsBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, reports := watchPort(t)
		stream, err := bankv1connect.NewBranchServiceClient(p.client, "http://branch").Watch(hour(t), &bankv1.WatchRequest{})
		if err != nil || !stream.Receive() {
			t.Fatal(err, stream.Err())
		}
		large := make([]byte, 1<<20) // also when it is compressed
		_, _ = rand.NewChaCha8([32]byte{}).Read(large)
		reports <- &bankv1.BranchReport{State: bankv1.BranchState_BRANCH_STATE_HALTED, Reason: hex.EncodeToString(large)}
		// The first picture comes after half a second, the next a tenth later.
		if took := <-p.took; took != 600*time.Millisecond+admit.ReplyTimeout {
			t.Errorf("took %v, want %v", took, 600*time.Millisecond+admit.ReplyTimeout)
		}
		for stream.Receive() {
		}
		if stream.Err() == nil {
			t.Error("the stream has ended well")
		}
		_ = stream.Close()
	})
}
