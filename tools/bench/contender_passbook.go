package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// hotAccount is the account that everybody writes to.
const hotAccount = "hot"

// bankSpec is the bank to start.
type bankSpec struct {
	name     string
	branches int
	// oneProcess puts all branches in one process; otherwise each has its own.
	oneProcess bool
	// file is the input file; empty for one with the branches alone.
	file string
	// binary is the passbook that serves it; empty for that of --passbook.
	binary string
	// roads, if not nil, are how each branch reaches the others: that with id 1 is at the
	// first site.
	roads *roads
	// certificates, if not nil, are those of the bank: who calls must prove who he is.
	certificates *certificates
}

// bank is a Passbook that this program has started: branch i on port base+i,
// each with a data directory of its own.
type bank struct {
	bankSpec
	b    *bench
	dir  string
	base int
	// processes are the running processes: branch i's at i-1, or the only one.
	processes []*process
	transport *http.Transport
}

// openBank starts a bank and waits until all its branches take writes and reach
// each other.
func (b *bench) openBank(ctx context.Context, spec bankSpec) (*bank, error) {
	k := &bank{bankSpec: spec, b: b, transport: spec.certificates.secure(customerTransport(true))}
	var err error
	if k.dir, err = os.MkdirTemp(b.dir, "bank-"); err != nil {
		return nil, err
	}
	if k.base, err = findPorts(spec.branches + 1); err != nil {
		return nil, err
	}
	if k.file == "" {
		k.file = filepath.Join(k.dir, "bank.json")
		if err := os.WriteFile(k.file, []byte(branchesFile(spec.branches)), 0o644); err != nil {
			return nil, err
		}
	}
	if err := k.start(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// branchesFile is an input file that has branches and no customers.
func branchesFile(branches int) string {
	var list []string
	for id := 1; id <= branches; id++ {
		list = append(list, fmt.Sprintf(`{"id": %d, "type": "branch", "balance": 0}`, id))
	}
	return "[" + strings.Join(list, ",\n ") + "]\n"
}

// start starts all branches.
func (k *bank) start(ctx context.Context) error {
	if k.oneProcess {
		p, err := k.b.servers.start(k.command(k.name))
		if err != nil {
			return err
		}
		k.processes = []*process{p}
		return k.ready(ctx)
	}
	k.processes = make([]*process, k.branches)
	for id := 1; id <= k.branches; id++ {
		if err := k.startBranch(id); err != nil {
			return err
		}
	}
	return k.ready(ctx)
}

// startBranch starts the process of one branch, on what its directory holds.
func (k *bank) startBranch(id int) error {
	more := []string{"--branch", fmt.Sprint(id)}
	for to := 1; k.roads != nil && to <= k.branches; to++ {
		if to == id {
			continue
		}
		address, err := k.roads.lead(id-1, to-1, k.address(to))
		if err != nil {
			return err
		}
		more = append(more, "--peer", fmt.Sprintf("%d=%s", to, address))
	}
	p, err := k.b.servers.start(k.command(fmt.Sprintf("%s branch %d", k.name, id), more...))
	if err != nil {
		return err
	}
	k.processes[id-1] = p
	return nil
}

func (k *bank) command(name string, more ...string) command {
	args := append([]string{"serve", k.file, "--base-port", fmt.Sprint(k.base), "--data", filepath.Join(k.dir, "data"), "--log-level", "warn"}, more...)
	args = append(args, k.certificates.arguments()...)
	binary := k.binary
	if binary == "" {
		binary = k.b.options.passbook
	}
	return command{name: name, path: binary, args: args, dir: k.dir}
}

// close stops the bank and removes its data.
func (k *bank) close() error {
	k.transport.CloseIdleConnections()
	if err := k.b.servers.stopAll(k.processes); err != nil {
		return err
	}
	return os.RemoveAll(k.dir)
}

func (k *bank) address(id int) string { return hostPort(k.base + id) }

// url returns the URL of a branch.
func (k *bank) url(id int) string {
	if k.certificates != nil {
		return "https://" + k.address(id)
	}
	return baseURL(k.address(id))
}

// addresses returns the URLs of all branches, or of those named.
func (k *bank) addresses(ids ...int) []string {
	var all []string
	if len(ids) == 0 {
		for id := 1; id <= k.branches; id++ {
			all = append(all, k.url(id))
		}
	}
	for _, id := range ids {
		all = append(all, k.url(id))
	}
	return all
}

// maxStatus bounds a reply of a branch that tells its status.
const maxStatus = 16 << 20

func (k *bank) client(id int) bankv1connect.BranchServiceClient {
	return bankv1connect.NewBranchServiceClient(&http.Client{Transport: k.transport}, k.url(id), connect.WithReadMaxBytes(maxStatus))
}

// ready waits until every branch serves and reaches all others.
func (k *bank) ready(ctx context.Context) error {
	for id := 1; id <= k.branches; id++ {
		client := k.client(id)
		err := until(ctx, fmt.Sprintf("wait for branch %d of bank %q at %s", id, k.name, k.address(id)), k.processes, func(ctx context.Context) error {
			return serving(ctx, client)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// serving asks a branch whether it takes writes and reaches all others.
func serving(ctx context.Context, client bankv1connect.BranchServiceClient) error {
	s, err := client.GetStatus(ctx, &bankv1.GetStatusRequest{})
	if err != nil {
		return err
	}
	if s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
		return fmt.Errorf("it takes no writes: %s", s.GetStateReason())
	}
	for _, p := range s.GetPeers() {
		if !p.GetReachable() {
			return fmt.Errorf("it does not reach branch %d", p.GetBranch())
		}
	}
	return nil
}

// applied returns how many entries of all journals a branch has applied.
func applied(ctx context.Context, client bankv1connect.BranchServiceClient) (int, error) {
	s, err := client.GetStatus(ctx, &bankv1.GetStatusRequest{})
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, at := range s.GetApplied() {
		sum += int(at.GetSequence())
	}
	return sum, nil
}

// settleTimeout is how long branches may take to agree after millions of
// entries that only one of them has synced.
const settleTimeout = 10 * time.Minute

// settled waits until all branches have applied the same, or those named, and
// returns how many entries that is.
func (k *bank) settled(ctx context.Context, ids ...int) (int, error) {
	if len(ids) == 0 {
		for id := 1; id <= k.branches; id++ {
			ids = append(ids, id)
		}
	}
	var sum int
	err := untilWithin(ctx, fmt.Sprintf("wait until the branches of bank %q agree", k.name), settleTimeout, k.processes, func(ctx context.Context) error {
		for i, id := range ids {
			n, err := applied(ctx, k.client(id))
			switch {
			case err != nil:
				return fmt.Errorf("branch %d: %w", id, err)
			case i > 0 && n != sum:
				return fmt.Errorf("branch %d has applied %d entries, those before it %d", id, n, sum)
			}
			sum = n
		}
		return nil
	})
	return sum, err
}

// deposits are callers that deposit.
type deposits struct {
	addresses []string
	transport *http.Transport
	callers   int
	// account names the account of an operation; nil for the hot account.
	account func(operation uint64) string
	// acknowledge is the level; unspecified for the bank's default.
	acknowledge bankv1.Acknowledge
}

// calls returns the callers: caller i at address i, in turn. All their request
// ids are different, and equally long.
func (d deposits) calls() []call {
	var counter atomic.Uint64
	var all []call
	for i := range d.callers {
		client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: d.transport}, baseURL(d.addresses[i%len(d.addresses)]))
		ids := newRequestIDs()
		all = append(all, func(ctx context.Context) (int, error) {
			req := &bankv1.DepositRequest{Account: hotAccount, Amount: 1, RequestId: ids.next(), Acknowledge: d.acknowledge}
			if d.account != nil {
				req.Account = d.account(counter.Add(1) - 1)
			}
			res, err := client.Deposit(ctx, req)
			if len(res.GetUnreachableBranches()) > 0 && d.acknowledge != bankv1.Acknowledge_ACKNOWLEDGE_LOCAL {
				return 0, err // not applied everywhere, and so it does not count
			}
			return 1, err
		})
	}
	return all
}

// requestIDs makes the request ids of one caller, 22 bytes each.
type requestIDs struct {
	prefix string
	used   uint64
}

func newRequestIDs() *requestIDs {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return &requestIDs{prefix: hex.EncodeToString(b[:])}
}

func (r *requestIDs) next() string {
	r.used++
	return fmt.Sprintf("%s%010d", r.prefix, r.used)
}
