package feed

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/redial"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// heard is what one branch of three reports: how far each journal is applied.
func heard(id uint32, complete bool, applied ...uint64) *bankv1.WatchResponse {
	r := &bankv1.BranchReport{Branch: id, State: bankv1.BranchState_BRANCH_STATE_SERVING}
	for i, sequence := range applied {
		r.Applied = append(r.Applied, &bankv1.Position{Branch: uint32(i + 1), Sequence: sequence})
	}
	return &bankv1.WatchResponse{Complete: complete, Reports: []*bankv1.BranchReport{r}}
}

// quietSurvey is a survey of a bank of three in which only the test reports.
func quietSurvey(t *testing.T) *survey {
	t.Helper()
	f := stillFeed(t)
	seat, err := f.joinBank("a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(seat.leave)
	return f.surveys["a"]
}

func (v *survey) healthOf(id uint32) bankv1.BranchHealth {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.picture.reports[v.place(id)].report.health
}

// beat has branches report that nothing has changed, for a while, and returns
// after how long, if at all, a branch's health was another one.
func (v *survey) beat(ids []uint32, look uint32, while time.Duration) (after time.Duration, changed bool) {
	before, began := v.healthOf(look), time.Now()
	for time.Since(began) < while {
		for _, id := range ids {
			v.hear(id, &bankv1.WatchResponse{})
		}
		time.Sleep(10 * time.Millisecond)
		if v.healthOf(look) != before {
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
		v := quietSurvey(t)
		for id := range uint32(3) {
			v.hear(id+1, heard(id+1, true, 0, 0, 0))
		}
		<-v.first
		if _, changed := v.beat([]uint32{1, 2, 3}, 3, time.Minute); changed || v.healthOf(3) != bankv1.BranchHealth_BRANCH_HEALTH_AGREES {
			t.Fatalf("branch 3 is %v", v.healthOf(3))
		}
		after, _ := v.beat([]uint32{1, 2}, 3, time.Minute)
		if wantBetween(t, "silence", after, silenceTimeout-watchInterval, silenceTimeout+watchHeartbeat); v.healthOf(3) != bankv1.BranchHealth_BRANCH_HEALTH_UNREACHABLE {
			t.Errorf("branch 3 is %v", v.healthOf(3))
		}
		after, _ = v.beat([]uint32{1, 2, 3}, 3, time.Minute)
		if wantBetween(t, "return", after, 0, watchInterval+50*time.Millisecond); v.healthOf(3) != bankv1.BranchHealth_BRANCH_HEALTH_AGREES {
			t.Errorf("branch 3 is %v", v.healthOf(3))
		}
	})
}

// A branch is behind when it lacks what has been known for a while, and not
// because its report is late, or because others apply more all the time.
func TestABranchIsBehindAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := quietSurvey(t)
		for id := range uint32(3) {
			v.hear(id+1, heard(id+1, true, 0, 0, 0))
		}
		<-v.first
		for n := uint64(0); n < 1000; n += 10 { // branch 3 is always 900 ms late
			for id := range uint32(2) {
				v.hear(id+1, heard(id+1, false, n+90))
			}
			v.hear(3, heard(3, false, n))
			time.Sleep(100 * time.Millisecond)
			if got := v.healthOf(3); got != bankv1.BranchHealth_BRANCH_HEALTH_AGREES {
				t.Fatalf("entry %d: branch 3 is %v", n, got)
			}
		}
		v.hear(1, heard(1, false, 2000))
		v.hear(2, heard(2, false, 2000))
		v.hear(3, heard(3, false, 1080)) // and no more
		after, _ := v.beat([]uint32{1, 2, 3}, 3, time.Minute)
		if wantBetween(t, "lack", after, grace-watchInterval, grace+2*watchHeartbeat); v.healthOf(3) != bankv1.BranchHealth_BRANCH_HEALTH_BEHIND {
			t.Errorf("branch 3 is %v", v.healthOf(3))
		}
		v.mu.Lock()
		behind := v.picture.reports[2].report.behind
		v.mu.Unlock()
		if behind != 920 {
			t.Errorf("it is %d behind, want 920", behind)
		}
		v.hear(3, heard(3, false, 2000))
		after, _ = v.beat([]uint32{1, 2, 3}, 3, time.Minute)
		if wantBetween(t, "catching up", after, 0, watchInterval+50*time.Millisecond); v.healthOf(3) != bankv1.BranchHealth_BRANCH_HEALTH_AGREES {
			t.Errorf("branch 3 is %v", v.healthOf(3))
		}
	})
}

// A branch that can't be watched is asked again for ever, at first after 10 to
// 30 ms, later about once a second; soon it counts as unreachable.
func TestThePauseBeforeABranchIsWatchedAgainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unwatchable{}
		v := newSurvey(feedOf(t, u), "a", nil)
		v.ctx, v.cancel = context.WithTimeout(t.Context(), time.Hour)
		defer v.cancel()
		v.follow(3)
		if n := len(u.asked); n < 2400 || n > 7200 {
			t.Errorf("asked %d times in an hour", n)
		}
		for i, at := range u.asked[1:] {
			pause := at.Sub(u.asked[i])
			if least, most := redial.MinPause/2, 3*redial.MaxPause/2; pause < least || pause >= most || i == 0 && pause >= 3*redial.MinPause/2 {
				t.Errorf("pause %d is %v", i+1, pause)
			}
		}
		if s := &v.subjects[2]; !v.isMissing(s, v.started) || s.failure != "it can't be reached" {
			t.Errorf("%+v", s)
		}
	})
}

func TestMarksAreBounded(t *testing.T) {
	v := newSurvey(stillFeed(t), "a", nil)
	for ms := range 10 * maxMarks {
		v.mark(v.started.Add(time.Duration(ms) * time.Millisecond))
	}
	if len(v.marks) != maxMarks {
		t.Errorf("%d marks, want %d", len(v.marks), maxMarks)
	}
}
