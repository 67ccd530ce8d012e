package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

const (
	// loadRate is how many writes a second the busy bank is asked for.
	loadRate = 2500
	// longestTask is the most that the page may compute without a pause.
	longestTask = 200 * time.Millisecond
	// heapGrowth is the most that the heap may grow while the page shows a busy
	// bank.
	heapGrowth = 2 << 20
)

// loadTime is how long the page is measured; PAGE_LOAD_SECONDS=60 for a minute.
func loadTime(t *testing.T) time.Duration {
	text := os.Getenv("PAGE_LOAD_SECONDS")
	if text == "" {
		return 12 * time.Second
	}
	seconds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("PAGE_LOAD_SECONDS: %v", err)
	}
	return time.Duration(seconds) * time.Second
}

func TestABusyBankKeepsThePageResponsive(t *testing.T) {
	b := startBank(t, "../examples/course-50.json")
	p := open(t, b.url(1))
	writes := load(t, b)
	// The table of entries fills, and the charts have begun.
	p.await(t, `document.querySelectorAll(".entry").length >= 32 && /\d entries a second/.test(document.querySelector("#chart-balance-text").textContent)`)

	before := p.heap(t)
	begun, wroteBefore := time.Now(), writes.Load()
	tasks := p.tasks(t, loadTime(t))
	took := time.Since(begun)
	after := p.heap(t)

	t.Logf("%d writes a second; longest task %v of CPU time, %v in all; heap %d KiB, then %d KiB",
		int64(float64(writes.Load()-wroteBefore)/took.Seconds()), tasks.longestCPU, tasks.longest, before>>10, after>>10)
	if tasks.count == 0 {
		t.Fatal("the trace has no tasks of the page")
	}
	if tasks.longestCPU >= longestTask {
		t.Errorf("the page computed for %v without a pause, want less than %v", tasks.longestCPU, longestTask)
	}
	if after-before > heapGrowth {
		t.Errorf("the heap grew from %d to %d bytes in %v", before, after, took)
	}
	p.click(t, "#call-send")
	p.await(t, `document.querySelector("#call-answer").dataset.result !== undefined`)
}

// load writes to all branches until the test ends, and counts the writes.
func load(t *testing.T, b *bank) *atomic.Int64 {
	const branches, workers = 50, 25
	ctx, cancel := context.WithCancel(t.Context())
	due := make(chan struct{}, loadRate/10)
	written := new(atomic.Int64)
	var wg sync.WaitGroup
	wg.Go(func() { pace(ctx, due) })
	for i := range workers {
		client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: &http.Transport{}}, b.url(1+i*branches/workers))
		wg.Go(func() {
			for range due {
				deposit := &bankv1.DepositRequest{Amount: 1, CustomerId: int64(i + 1), Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_LOCAL}
				if _, err := client.Deposit(ctx, deposit); err == nil {
					written.Add(1)
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	return written
}

// pace hands out the writes that are due, ten times a second, until the context ends.
// It does not make up for those that no worker was free to do.
func pace(ctx context.Context, due chan<- struct{}) {
	defer close(due)
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		for range loadRate / 10 {
			select {
			case due <- struct{}{}:
			default:
			}
		}
	}
}

// heap returns how much of the page's heap is in use, without garbage.
func (p *page) heap(t *testing.T) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	usage, err := chromedp.Call(ctx, runtime.GetHeapUsage, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	return int64(usage.UsedSize)
}

// taskTimes sums up the tasks of the threads that draw pages.
type taskTimes struct {
	count int
	// longest is from the beginning to the end of a task. longestCPU leaves out the
	// time in which the task waited for a processor: the bank and the tests of other
	// packages need one, too.
	longest, longestCPU time.Duration
}

// traceEvent has the fields that are read of an event in a trace. Times are
// microseconds.
type traceEvent struct {
	Name string  `json:"name"`
	PID  int     `json:"pid"`
	TID  int     `json:"tid"`
	Dur  float64 `json:"dur"`
	TDur float64 `json:"tdur"`
	Args struct {
		Name string `json:"name"`
	} `json:"args"`
}

// tasks measures the tasks of the page for a while.
func (p *page) tasks(t *testing.T, during time.Duration) taskTimes {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, during+patience)
	defer cancel()
	var trace trace
	complete := make(chan struct{})
	err := chromedp.ListenBrowser(ctx, func(event any) {
		switch e := event.(type) {
		case *tracing.EventDataCollected:
			for _, value := range e.Value {
				trace.add(value)
			}
		case *tracing.EventTracingComplete:
			close(complete)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	config := &tracing.TraceConfig{IncludedCategories: []string{"toplevel"}, ExcludedCategories: []string{"*"}}
	if _, err := chromedp.CallBrowser(ctx, tracing.Start, tracing.StartParams{TransferMode: tracing.StartTransferModeReportEvents, TraceConfig: config}); err != nil {
		t.Fatal(err)
	}
	<-time.After(during) // the time that is measured, not a wait for something
	if _, err := chromedp.CallBrowser(ctx, tracing.End, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-complete:
	case <-ctx.Done():
		t.Fatal("the trace does not end")
	}
	return trace.tasks(t)
}

// trace has what the browser reports about its threads.
type trace struct {
	mu     sync.Mutex
	events [][]byte
}

func (r *trace) add(event []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

func (r *trace) tasks(t *testing.T) taskTimes {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	type thread struct{ pid, tid int }
	drawing := make(map[thread]bool)
	events := make([]traceEvent, len(r.events))
	for i, event := range r.events {
		e := &events[i]
		if err := json.Unmarshal(event, e); err != nil {
			t.Fatal(err)
		}
		if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			drawing[thread{e.PID, e.TID}] = true
		}
	}
	var times taskTimes
	for _, e := range events {
		if e.Name == "ThreadControllerImpl::RunTask" && drawing[thread{e.PID, e.TID}] {
			times.count++
			times.longest = max(times.longest, time.Duration(e.Dur)*time.Microsecond)
			times.longestCPU = max(times.longestCPU, time.Duration(e.TDur)*time.Microsecond)
		}
	}
	return times
}
