package branch

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/redial"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// heard is what one branch of three reports: how far each journal is applied.
func heard(id uint32, complete bool, applied ...uint64) *bankv1.WatchResponse {
	r := &bankv1.BranchReport{Branch: id, State: bankv1.BranchState_BRANCH_STATE_SERVING}
	for i, sequence := range applied {
		r.Applied = append(r.Applied, &bankv1.Position{Branch: uint32(i + 1), Sequence: sequence})
	}
	return &bankv1.WatchResponse{Complete: complete, Reports: []*bankv1.BranchReport{r}}
}

// bankWatchPort is a bank of three that is watched by a branch to which the
// test reports.
func bankWatchPort(t *testing.T) *bankWatch {
	t.Helper()
	b := watchPort(t).Branch
	w, err := b.watches.joinBank(b, "a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.leave)
	return b.watches.banks["a"]
}

func (h *bankWatch) healthOf(id uint32) bankv1.BranchHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.picture.reports[h.place(id)].report.health
}

// beat has branches report that nothing has changed, for a while, and returns
// after how long, if at all, a branch's health was another one.
func (h *bankWatch) beat(ids []uint32, look uint32, while time.Duration) (after time.Duration, changed bool) {
	before, began := h.healthOf(look), time.Now()
	for time.Since(began) < while {
		for _, id := range ids {
			h.take(id, &bankv1.WatchResponse{})
		}
		time.Sleep(10 * time.Millisecond)
		if h.healthOf(look) != before {
			return time.Since(began), true
		}
	}
	return 0, false
}

func wantBetween(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s after %v, want %v to %v", what, got, least, most)
	}
}

// A branch from which nothing comes is unreachable after a while, and no
// longer once it says anything.
func TestASilentBranchIsUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bankWatchPort(t)
		for id := range uint32(3) {
			h.take(id+1, heard(id+1, true, 0, 0, 0))
		}
		<-h.first
		if _, changed := h.beat([]uint32{1, 2, 3}, 3, time.Minute); changed || h.healthOf(3) != wAgrees {
			t.Fatalf("branch 3 is %v", h.healthOf(3))
		}
		after, _ := h.beat([]uint32{1, 2}, 3, time.Minute)
		if wantBetween(t, "silence", after, silenceTimeout-watchInterval, silenceTimeout+watchHeartbeat); h.healthOf(3) != wUnreachable {
			t.Errorf("branch 3 is %v", h.healthOf(3))
		}
		after, _ = h.beat([]uint32{1, 2, 3}, 3, time.Minute)
		if wantBetween(t, "return", after, 0, watchInterval+50*time.Millisecond); h.healthOf(3) != wAgrees {
			t.Errorf("branch 3 is %v", h.healthOf(3))
		}
	})
}

// A branch is behind when it lacks what has been known for a while, and not
// because its report is late, or because others apply more all the time.
func TestABranchIsBehindAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bankWatchPort(t)
		for id := range uint32(3) {
			h.take(id+1, heard(id+1, true, 0, 0, 0))
		}
		<-h.first
		for n := uint64(0); n < 1000; n += 10 { // branch 3 is always 900 ms late
			for id := range uint32(2) {
				h.take(id+1, heard(id+1, false, n+90))
			}
			h.take(3, heard(3, false, n))
			time.Sleep(100 * time.Millisecond)
			if got := h.healthOf(3); got != wAgrees {
				t.Fatalf("entry %d: branch 3 is %v", n, got)
			}
		}
		h.take(1, heard(1, false, 2000))
		h.take(2, heard(2, false, 2000))
		h.take(3, heard(3, false, 1080)) // and no more
		after, _ := h.beat([]uint32{1, 2, 3}, 3, time.Minute)
		if wantBetween(t, "lack", after, grace-watchInterval, grace+2*watchHeartbeat); h.healthOf(3) != wBehind {
			t.Errorf("branch 3 is %v", h.healthOf(3))
		}
		h.mu.Lock()
		behind := h.picture.reports[2].report.behind
		h.mu.Unlock()
		if behind != 920 {
			t.Errorf("it is %d behind, want 920", behind)
		}
		h.take(3, heard(3, false, 2000))
		after, _ = h.beat([]uint32{1, 2, 3}, 3, time.Minute)
		if wantBetween(t, "catching up", after, 0, watchInterval+50*time.Millisecond); h.healthOf(3) != wAgrees {
			t.Errorf("branch 3 is %v", h.healthOf(3))
		}
	})
}

// A watch lasts longer than any request or other stream may. Nothing runs this
// branch's engine: it says of itself that it does not report.
func TestAWatchLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watchPort(t)
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
		p.watches.stop()
		for stream.Receive() { // what is on its way
		}
		if connect.CodeOf(stream.Err()) != connect.CodeUnavailable {
			t.Errorf("ended with %v", stream.Err())
		}
		_ = stream.Close()
	})
}

// A watcher who takes nothing is broken off.
func TestAWatcherWhoReadsNothingIsBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watchPort(t)
		stream, err := bankv1connect.NewBranchServiceClient(p.client, "http://branch").Watch(hour(t), &bankv1.WatchRequest{})
		if err != nil || !stream.Receive() {
			t.Fatal(err, stream.Err())
		}
		h := p.watches.banks["shared"]
		h.mu.Lock()
		h.picture.version++
		large := make([]byte, 1<<20) // also when it is compressed
		_, _ = rand.NewChaCha8([32]byte{}).Read(large)
		h.picture.reports[0].report.alarms, h.picture.reports[0].changed = []string{hex.EncodeToString(large)}, h.picture.version
		h.publish()
		h.mu.Unlock()
		if took := <-p.took; took != firstTimeout+replyTimeout {
			t.Errorf("took %v, want %v", took, firstTimeout+replyTimeout)
		}
		for stream.Receive() {
		}
		if stream.Err() == nil {
			t.Error("the stream has ended well")
		}
		_ = stream.Close()
	})
}

// stillWatch is a watch of the bank that nothing runs.
func stillWatch(t *testing.T) *bankWatch {
	t.Helper()
	b := &Branch{id: 1, watches: &watches{observer: newLoopObserver(1)}, cfg: Config{Addresses: map[uint32]string{1: "", 2: "", 3: ""}}, linksCtx: t.Context()}
	return newBankWatch(b, "a", nil)
}

// unwatchable is a peer that can't be watched.
type unwatchable struct {
	bankv1connect.BranchServiceClient
	asked []time.Time
}

func (u *unwatchable) Watch(context.Context, *bankv1.WatchRequest) (*connect.ServerStreamForClient[bankv1.WatchResponse], error) {
	u.asked = append(u.asked, time.Now())
	return nil, errors.New("refused")
}

// A branch that can't be watched is asked again for ever, at first after 10 to
// 30 ms, later about once a second; soon it counts as unreachable.
func TestThePauseBeforeABranchIsWatchedAgainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unwatchable{}
		h := stillWatch(t)
		h.branch.customers = u
		h.ctx, h.cancel = context.WithTimeout(t.Context(), time.Hour)
		defer h.cancel()
		h.watchPeer(&peer{id: 3})
		if n := len(u.asked); n < 2400 || n > 7200 {
			t.Errorf("asked %d times in an hour", n)
		}
		for i, at := range u.asked[1:] {
			pause := at.Sub(u.asked[i])
			if least, most := redial.MinPause/2, 3*redial.MaxPause/2; pause < least || pause >= most || i == 0 && pause >= 3*redial.MinPause/2 {
				t.Errorf("pause %d is %v", i+1, pause)
			}
		}
		if s := &h.sources[2]; !h.isMissing(s, h.started) || s.failure != "it can't be reached" {
			t.Errorf("%+v", s)
		}
	})
}

func TestMarksAreBounded(t *testing.T) {
	h := stillWatch(t)
	for ms := range 10 * maxMarks {
		h.mark(h.started.Add(time.Duration(ms) * time.Millisecond))
	}
	if len(h.marks) != maxMarks {
		t.Errorf("%d marks, want %d", len(h.marks), maxMarks)
	}
}
