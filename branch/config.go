package branch

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/branch/link"
	"passbook.example/passbook/branch/peernet"
	"passbook.example/passbook/branch/signature"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Config is what a branch is told when it is opened. It has more than twenty fields
// because each is one that an operator or a program decides; all but ID, Addresses
// and Dir may be left zero.
type Config struct {
	// ID is this branch. It must be among Addresses.
	ID uint32
	// Addresses are host:port of every branch of the bank, this one included:
	// where peers and customers reach them.
	Addresses map[uint32]string
	// Opening is the opening balance of the shared account. It must be the same
	// at every branch.
	Opening int64
	// Bank is the name of the bank; empty stands for DefaultBank. It must be the
	// same at every branch.
	Bank string
	// BankID, unless empty, is the only id that the bank may have, as GetStatus
	// names it: a branch with an empty data directory never belongs to another.
	BankID string
	// Dir is the data directory of this branch alone.
	Dir string
	// Listener, when not nil, is where the branch serves; otherwise it listens
	// on its own address. The branch closes it.
	Listener net.Listener
	// Bootstrap lets a branch whose disk is empty, or a copy of another one, write
	// without having heard from every peer.
	Bootstrap bool
	// RequireHomeBranch refuses a request id that comes without the branch that
	// it belongs to: behind a load balancer, a retry that lands at another branch
	// would be carried out again.
	RequireHomeBranch bool
	// Acknowledge is the level of writes that name none; unspecified stands
	// for REACHABLE.
	Acknowledge bankv1.Acknowledge
	// PeerTimeout is how long a peer may leave batches unacknowledged before
	// it counts as unreachable; 0 stands for DefaultPeerTimeout.
	PeerTimeout time.Duration
	// StartWait is how long a branch that has started waits to hear from the peers
	// that it could do without, before it takes writes; 0 stands for
	// DefaultStartWait. It is never less than PeerTimeout.
	StartWait time.Duration
	// MaxConnections bounds the connections on which customers have calls at
	// work at once, three quarters of them from one address; idle ones give way,
	// and peers have room besides. 0 stands for DefaultMaxConnections.
	MaxConnections int
	// MaxAccounts is how many accounts there may be at this branch for a write to
	// open one more; less than 0 stands for any number, 0 for DefaultMaxAccounts.
	// What peers have recorded opens accounts all the same.
	MaxAccounts int
	// PeerTransport carries the links and calls to peers. Branches of one
	// process may share one, and then reach each other through memory; nil
	// stands for one of the branch's own.
	PeerTransport *peernet.Transport
	// Faults, when not nil, is what FaultService calls, which then breaks
	// branches of the bank on purpose.
	Faults fault.Faults
	// Trace makes the branch keep logical clocks, and a trace of its events in memory,
	// which GetTrace returns.
	Trace bool
	// Page, when not nil, is what browsers get: everything on the port that is
	// no call.
	Page http.Handler
	// PeerListener, when not nil, is where only the other branches are served, and they only
	// there. It needs Security. The branch closes it.
	PeerListener net.Listener
	// Security, when not nil, is how the branch proves who it is, and whom it believes.
	Security *Security
	// Signatures, when not nil, sign what the branch writes, and check who has written
	// what comes. The branches of a process share them.
	Signatures *signature.Signatures
	// AllowedOrigins are the origins, besides the branch's own, whose pages may
	// call bank.v1.BranchService: each as browser.CheckOrigin takes it.
	AllowedOrigins []string
	// AllowedHosts are names by which browsers may call the branch, besides
	// localhost, IP addresses, and the hosts of Addresses.
	AllowedHosts []string
	// Version is what metrics call the build; empty for a build without a version.
	Version string
	// LinkLog, when not nil, logs links that are down for long. Branches of one
	// process may share one, and then a branch that is gone is one line for all of
	// them; nil stands for one of the branch's own.
	LinkLog *link.Log
	// Logger is where the branch logs; nil for nowhere.
	Logger *slog.Logger
}

// Defaults of Config.
const (
	DefaultPeerTimeout    = time.Second
	DefaultStartWait      = 3 * time.Second
	DefaultBank           = "bank"
	DefaultMaxConnections = 4096
	DefaultMaxAccounts    = 1_000_000
)
