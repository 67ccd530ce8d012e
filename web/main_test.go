package web_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for something that must come. No test measures
// how long that takes.
const patience = 2 * time.Minute

// hostName is a name of this machine that the browser knows. It trusts a page there
// less than one on loopback.
const hostName = "bank.example"

// passbook is the binary, built for these tests without the race detector: the test
// of a busy bank measures the page.
var passbook string

// chromium is the context of the browser that all tests share. In it, each test has a
// profile of its own.
var chromium context.Context

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	flag.Parse()
	if testing.Short() {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "passbook-web-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	passbook = filepath.Join(dir, "passbook")
	if out, err := exec.Command("go", "build", "-o", passbook, "passbook.example/passbook/cmd/passbook").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build passbook: %w\n%s", err, out)
	}
	stop, err := startChromium(filepath.Join(dir, "profile"))
	if err != nil {
		return 0, err
	}
	defer stop()
	return m.Run(), nil
}

// needsBrowser skips a test with -short, and so in make check.
func needsBrowser(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs a browser")
	}
}

// startChromium starts the browser with an empty profile.
func startChromium(profile string) (stop func(), err error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, errors.New("the tests of the page need chromium: run make deps")
	}
	trusted, err := makeKeys()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", trusted),
		chromedp.Flag("host-resolver-rules", "MAP "+hostName+" 127.0.0.1"),
		chromedp.WSURLReadTimeout(patience), chromedp.WindowSize(1440, 900))
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	// No time-out here: the end of the first call's context ends the browser.
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		cancelAllocator()
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	chromium = ctx
	return func() {
		limited, cancelLimited := context.WithTimeout(ctx, 20*time.Second)
		_ = chromedp.Cancel(limited)
		cancelLimited()
		cancel()
		cancelAllocator()
	}, nil
}
