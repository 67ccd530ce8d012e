package branch_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"passbook.example/passbook/branch"
)

// processEnv makes this binary run one branch instead of the tests. It holds the
// branch's processConfig in JSON.
const processEnv = "PASSBOOK_TEST_BRANCH"

// waitingTests is how many tests run in parallel unless -parallel says otherwise.
const waitingTests = 8

func TestMain(m *testing.M) {
	if config := os.Getenv(processEnv); config != "" {
		if err := runProcess(config); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		// Those that run in parallel wait for time-outs most of the time.
		_ = parallel.Value.Set(strconv.Itoa(waitingTests))
	}
	goleak.VerifyTestMain(m)
}

// processConfig is the part of branch.Config that a process gets.
type processConfig struct {
	ID        uint32
	Addresses map[uint32]string
	Opening   int64
	Dir       string
	Options   branchOptions
	// Echo makes the process an echo with a branch's settings, and no branch.
	Echo bool
}

// runProcess runs one branch until standard input says stop. On standard output it
// says where it listens, when it takes writes, and how it ended.
func runProcess(text string) error {
	var c processConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if c.Echo {
		fmt.Println("address", l.Addr())
		fmt.Println("ready")
		ctx, stop := context.WithCancel(context.Background())
		go obey(stop)
		return serveEcho(ctx, l)
	}
	c.Addresses[c.ID] = l.Addr().String()
	b, err := branch.Open(c.Options.config(c, l))
	if err != nil {
		return err
	}
	fmt.Println("address", b.Address())
	go func() {
		<-b.Ready()
		fmt.Println("ready")
	}()
	ctx, stop := context.WithCancel(context.Background())
	go obey(stop)
	return b.Serve(ctx)
}

// obey carries out the commands on standard input; at its end the test is gone.
func obey(stop func()) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "stop":
			stop()
		case "count":
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Println("allocated", m.Mallocs)
		case "fill":
			// The disk is full from here on: no file can grow.
			signal.Ignore(syscall.SIGXFSZ)
			err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1, Max: 1})
			fmt.Println("filled", err)
		}
	}
	os.Exit(3)
}
