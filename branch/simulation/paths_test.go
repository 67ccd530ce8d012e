package simulation_test

import (
	"testing"

	"passbook.example/passbook/branch/simulation"
)

// What a run over some seeds must have reached: a fault that never happens, and
// a path that is never taken, is not tested.
var (
	rareOutcomes = []string{
		"deposit: success", "withdrawal: success", "transfer: success", "query: success", "strong query: success",
		"withdrawal: insufficient funds", "transfer: insufficient funds", "withdrawal: unavailable", "strong query: unavailable",
		"deposit: not replicated", "withdrawal: not replicated", "deposit: replayed", "withdrawal: replayed",
		"deposit: forwarded", "withdrawal: forwarded", "withdrawal: queue full", "misuse of a request id: other content",
		"bulk: success", "bulk: insufficient funds", "bulk: unavailable", "bulk: replayed", "bulk: forwarded", "bulk: not replicated",
		"bulk: connection lost",
		"withdrawal: connection lost", "strong query: connection lost",
	}
	rareFaults = []string{
		"frame lost", "frame duplicated", "frame out of order", "message delayed", "call lost", "call duplicated",
		"link broken", "partition", "partition one way", "partition healed by and by",
		"crash", "crash of all at once", "commit failed", "torn write", "disk full", "disk wiped", "disk wiped while the bank is founded", "old copy restored", "machine rolled back",
		"flipped bit", "flipped bit found by verifying", "flipped bit read", "slow disk", "slow branch", "clock jumped", "flood of withdrawals", "freezes in others' names",
	}
	rarePaths = []string{
		"claim", "claim answered with nothing", "claim deferred by an older ticket", "grant ahead",
		"double collect retried", "look that freezes",
		"summons to a chair", "chained look", "chained look with a proven balance", "chained look that wants escrow", "chained look that is firm",
		"chained look that has let something go on", "chain that has failed",
		"early batch", "own batch sent again", "frame of relayed batches", "frame with a fetch", "frame that asks to sync",
		"journal recovered from a peer", "peer suspected after a call that failed", "session ahead of the branch", "impatient retry",
		"request id of two customers at one branch", "request id of two customers at two branches",
		"bulk that waited for two accounts", "bulk refused in part as insufficient", "bulk refused in part as unavailable",
		"bulk refused altogether",
		"bank founded at a branch that hears of it", "bank founded with an id that the others had accepted", "accepted id replaced",
	}
	rareLies = []string{
		"message refused for its form", "message refused for its clock", "message refused for its epoch", "message refused for its position",
		"message refused for its batch", "message refused for its accusation", "message refused for its answer",
	}
	rareForgeries = []string{"wrong signature refused", "forged batch without a signature", "message refused for its signature"}
	rareForks     = []string{
		"branch halted", "fork found", "fork alarm at a peer", "frame with a fork alarm", "fork decided", "start for a decision",
		"own entries lack escrow", "own entries come after what does not count", "deposit for what was paid twice",
	}
)

// enoughSeeds is how many seeds reach all of these.
const enoughSeeds = 400

func reached(t *testing.T, what string, got simulation.Counters, names []string) {
	t.Helper()
	for _, name := range names {
		if got[name] == 0 {
			t.Errorf("no %s %q", what, name)
		}
	}
}
