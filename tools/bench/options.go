package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	// passbook is the binary; examples the folder with the course's file. before is
	// another passbook to pair it with; empty for none.
	passbook, before, examples string
	// dir is where the servers keep their data, each in a directory below.
	dir  string
	json string
	// charts is the folder that charts are drawn to; empty for none.
	charts string
	only   []string
	keep   bool

	runs     int
	duration time.Duration
	// idle is how long a quiet bank is watched.
	idle  time.Duration
	quick bool

	// fanOut are numbers of branches, entries, operations and accounts sizes to
	// measure at, in increasing order; away is how many entries a branch misses.
	fanOut, entries, operations, accounts []int
	away                                  int

	// Binaries of the peers; empty to look for them.
	postgres, redis, etcd, nats string
}

// What --quick sets: enough to see that everything works.
const (
	quickDuration = 500 * time.Millisecond
	quickIdle     = time.Second
	quickAway     = 500
)

func parse(args []string, errOut io.Writer) (options, error) {
	o := options{fanOut: []int{3, 10, 50, 100}, entries: []int{10_000, 1_000_000}, operations: []int{100_000, 10_000_000}, accounts: []int{1, 1_000, 100_000}}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.StringVar(&o.passbook, "passbook", "passbook", "the passbook `binary`")
	f.StringVar(&o.before, "before", "", "an older passbook `binary`, which takes turns with that of --passbook")
	f.StringVar(&o.examples, "examples", "examples", "the `folder` with course-50.json")
	f.StringVar(&o.dir, "dir", "", "the `directory` below which the servers keep their data (default a temporary one); its disk is what is measured")
	f.BoolVar(&o.keep, "keep", false, "keep data and logs")
	f.StringVar(&o.json, "json", "", "the `file` to write all figures to")
	f.StringVar(&o.charts, "charts", "", "the `folder` to draw charts of the goal "+farGoal+" to, as SVG")
	f.Func("only", "the goals to measure, as a `list`: "+strings.Join(goalNames(), ","), func(text string) error {
		o.only = strings.Split(text, ",")
		return nil
	})
	f.IntVar(&o.runs, "runs", 5, "how often each contender runs")
	f.DurationVar(&o.duration, "duration", 3*time.Second, "how long a run takes")
	f.DurationVar(&o.idle, "idle", 10*time.Second, "how long a quiet bank is watched in each run")
	f.BoolVar(&o.quick, "quick", false, "one run of half a second, small sizes: to see that everything works")
	f.Func("branches", "numbers of branches for fan-out, as a `list` (default 3,10,50,100)", listOf(&o.fanOut))
	f.Func("entries", "lengths of journals for growth, as a `list` (default 10000,1000000)", listOf(&o.entries))
	f.Func("operations", "numbers of operations in lists for growth, as a `list` (default 100000,10000000)", listOf(&o.operations))
	f.Func("accounts", "numbers of accounts for growth, as a `list` (default 1,1000,100000)", listOf(&o.accounts))
	f.IntVar(&o.away, "away", 100_000, "how many entries a branch misses that was away")
	f.StringVar(&o.postgres, "postgres", "", "the postgres `binary` (default Debian's, or from the PATH)")
	f.StringVar(&o.redis, "redis-server", "", "the redis-server `binary` (default from the PATH)")
	f.StringVar(&o.etcd, "etcd", "", "the etcd `binary` (default from the PATH)")
	f.StringVar(&o.nats, "nats-server", "", "the nats-server `binary`, 2.10 or later (default from the PATH)")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.runs, o.duration, o.idle, o.away = 1, quickDuration, quickIdle, quickAway
		o.fanOut, o.entries, o.operations, o.accounts = []int{3, 10}, []int{1000, 2000}, []int{10_000, 100_000}, []int{1, 100}
	}
	err := o.check(f.Args())
	if err != nil {
		fmt.Fprintf(errOut, "bench: %v\n", err)
	}
	return o, err
}

// listOf returns what sets a list of positive integers in increasing order.
func listOf(to *[]int) func(string) error {
	return func(text string) error {
		var list []int
		for word := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(word)
			if err != nil || n < 1 || len(list) > 0 && n <= list[len(list)-1] {
				return errors.New("must be integers greater than 0, in increasing order, with commas between")
			}
			list = append(list, n)
		}
		*to = list
		return nil
	}
}

func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case o.runs < 1:
		return fmt.Errorf("--runs must be at least 1, is %d", o.runs)
	case o.duration < 10*time.Millisecond, o.idle < 10*time.Millisecond:
		return errors.New("--duration and --idle must be at least 10ms")
	case o.away < 1:
		return fmt.Errorf("--away must be at least 1, is %d", o.away)
	case o.fanOut[0] < 2:
		return errors.New("--branches must be at least 2: fan-out needs a peer")
	}
	if o.before == "" && slices.Contains(o.only, beforeGoal) {
		return errors.New("--only " + beforeGoal + " needs --before: the binary to pair with")
	}
	for _, name := range o.only {
		if !slices.Contains(goalNames(), name) {
			return fmt.Errorf("--only %q is no goal; there are %s", name, strings.Join(goalNames(), ", "))
		}
	}
	return nil
}

// wants says whether a goal is to be measured.
func (o *options) wants(goal string) bool {
	if goal == beforeGoal && o.before == "" {
		return false
	}
	return len(o.only) == 0 || slices.Contains(o.only, goal)
}

// warm is how long a run warms up before it counts.
func (o *options) warm() time.Duration { return o.duration / 5 }
