package service

import (
	"context"
	"encoding/hex"
	"log/slog"
	"time"
	"unicode/utf8"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Bounds of what is told and recorded about a fork.
const (
	// maxForkEntries bounds the entries of each side that GetFork returns.
	maxForkEntries = 1000
	// maxNoteBytes bounds the note of a decision.
	maxNoteBytes = 256
)

// decideFork records which batch of a fork counts.
func (c *Customers) decideFork(ctx context.Context, req *bankv1.ResolveAlarmRequest) (*bankv1.ResolveAlarmResponse, error) {
	hash, err := hex.DecodeString(req.GetKeep())
	if err != nil || len(hash) != len(ledger.Hash{}) {
		return nil, api.Fieldf("keep", "%.80q is no hash of a batch: it has %d hexadecimal digits", req.GetKeep(), 2*len(ledger.Hash{}))
	}
	if note := req.GetNote(); len(note) > maxNoteBytes || !utf8.ValidString(note) {
		return nil, api.Fieldf("note", "must be text of at most %d bytes, has %d", maxNoteBytes, len(note))
	}
	why := ledger.Decision{By: "somebody who had to prove nothing", At: time.Now().UnixMilli(), Note: req.GetNote()}
	if who := identity.CallerOf(ctx); who != nil {
		why.By = who.String()
	}
	out := &bankv1.ResolveAlarmResponse{Branch: uint32(c.cfg.ID)}
	var refused error
	var fork *ledger.Fork
	err = c.cfg.Engine.Visit(ctx, func(r *replica.Replica) {
		if out.Resolved, refused = r.ResolveFork(req.GetId(), ledger.Hash(hash), why); out.Resolved {
			fork, out.Restart = r.Fork(req.GetId())
		}
	})
	if err == nil {
		err = refused
	}
	if err != nil || fork == nil {
		return out, err
	}
	at := fork.Key()
	c.cfg.Logger.WarnContext(ctx, "it is decided which batch of a journal that has forked counts", "alarm", req.GetId(),
		"journal", at.Branch, "entry", at.First, "kept", req.GetKeep(), "by", why.By, "note", why.Note, "restart", out.GetRestart())
	return out, nil
}

// GetFork implements BranchServiceHandler.
func (c *Customers) GetFork(ctx context.Context, req *bankv1.GetForkRequest) (*bankv1.GetForkResponse, error) {
	at := ledger.Position{Branch: ledger.BranchID(req.GetBranch()), Sequence: req.GetFirstSequence()}
	var fork *ledger.Fork
	var open bool
	if req.GetId() != "" {
		if err := c.cfg.Engine.Visit(ctx, func(r *replica.Replica) { fork, open = r.Fork(req.GetId()) }); err != nil {
			return nil, err
		}
		if fork == nil && req.GetBranch() == 0 {
			return nil, code.Errorf(code.OutOfRange, "branch %d knows no fork whose alarm is %.20q", c.cfg.ID, req.GetId())
		}
		if fork != nil {
			at = ledger.Position{Branch: fork.Key().Branch, Sequence: fork.Key().First}
		}
	}
	if _, ok := c.cfg.Addresses[uint32(at.Branch)]; !ok {
		return nil, api.Fieldf("branch", "this bank has no branch %d", at.Branch)
	}
	if at.Sequence == 0 || at.Sequence > ledger.MaxSequence {
		return nil, api.Fieldf("first_sequence", "entries are counted from 1")
	}
	out := &bankv1.GetForkResponse{Branch: uint32(c.cfg.ID)}
	if fork != nil {
		out.Fork = forkToProto(fork, open)
	}
	if err := c.tellApplied(out, at); err != nil {
		return nil, err
	}
	if err := c.tellOthers(out, fork, at); err != nil {
		return nil, err
	}
	return out, c.tellDependents(out, at)
}

// tellApplied tells what is applied here of a journal that has forked.
func (c *Customers) tellApplied(out *bankv1.GetForkResponse, at ledger.Position) error {
	applied, err := c.cfg.Journal.BatchOf(at)
	if err != nil || applied == nil {
		return err
	}
	out.AppliedHash = hex.EncodeToString(applied.Hash[:])
	listed, _, err := c.cfg.Journal.Entries(at.Branch, journal.Page{Cursor: at.Sequence - 1, Limit: maxForkEntries})
	for i := range listed {
		out.Applied = append(out.Applied, forkEntryToProto(at.Branch, &listed[i].Entry))
	}
	end := c.cfg.Journal.End(at.Branch)
	out.AppliedUpTo = end
	out.AppliedMore = end - (at.Sequence - 1) - uint64(len(listed))
	return err
}

// tellOthers tells what this branch knows of the side that is not applied here.
func (c *Customers) tellOthers(out *bankv1.GetForkResponse, fork *ledger.Fork, at ledger.Position) error {
	told := map[ledger.Hash]bool{}
	tell := func(s *ledger.Sealed) bool {
		if told[s.Hash] {
			return true
		}
		told[s.Hash] = true
		for k := range s.Batch.Entries {
			if len(out.GetOthers()) < maxForkEntries {
				out.Others = append(out.Others, forkEntryToProto(at.Branch, &s.Batch.Entries[k]))
			} else {
				out.OthersMore++
			}
		}
		return true
	}
	if fork != nil {
		for _, side := range fork.Sides {
			if hex.EncodeToString(side.Hash[:]) == out.GetAppliedHash() {
				continue
			}
			s, err := ledger.OpenSealed(side.Bytes, side.Hash)
			if err != nil {
				return err
			}
			if out.GetAppliedHash() != "" || side.Hash != fork.Kept {
				tell(s)
			}
		}
	}
	return c.cfg.Journal.Dropped(at.Branch, at.Sequence, tell)
}

// tellDependents tells what depends here on a journal that has forked.
func (c *Customers) tellDependents(out *bankv1.GetForkResponse, at ledger.Position) error {
	deps, complete, err := c.cfg.Journal.Dependents(at)
	for _, d := range deps {
		out.Dependents = append(out.Dependents, &bankv1.ForkDependent{Branch: uint32(d.Branch), FirstSequence: d.First, LastSequence: d.Last})
	}
	out.DependentsTruncated = !complete
	return err
}

// forkToProto converts a fork. open says that it stops the journal at this branch.
func forkToProto(f *ledger.Fork, open bool) *bankv1.Fork {
	at := f.Key()
	out := &bankv1.Fork{Branch: uint32(at.Branch), FirstSequence: at.First, ShownBy: uint32(f.ShownBy)}
	if f.Decided() {
		out.Kept, out.DecidedBy, out.DecidedAtUnixMs, out.Note, out.Restart = hex.EncodeToString(f.Kept[:]), f.Decision.By, f.Decision.At, f.Decision.Note, open
	}
	for _, side := range f.Sides {
		s := &bankv1.ForkSide{Hash: hex.EncodeToString(side.Hash[:]), LastSequence: side.Span.Last}
		if opened, err := ledger.OpenSealed(side.Bytes, side.Hash); err == nil {
			s.Epoch = opened.Batch.Epoch
		}
		if side.Signature != nil {
			s.Certificate = side.Signature.Certificate.String()
		}
		out.Sides = append(out.Sides, s)
	}
	return out
}

// forkEntryToProto converts an entry of a fork.
func forkEntryToProto(writer ledger.BranchID, e *ledger.Entry) *bankv1.AlarmEntry {
	d := ledger.NewDoubleEntry(ledger.Position{Branch: writer, Sequence: e.Sequence}, e)
	out := alarmEntryToProto(&d)
	out.Customer, out.RequestId = e.Customer, e.RequestID
	if e.Kind == ledger.Grant {
		out.ToBranch = uint32(e.ToBranch)
	}
	return out
}

// LogFork logs that a journal has forked, when that is found.
func LogFork(logger *slog.Logger, f *ledger.Fork, at ledger.BranchID) {
	if f.Decided() {
		return
	}
	a := protocol.AlarmOfFork(*f, at)
	logger.Error("a journal has forked; see passbook alarms resolve", "alarm", a.ID, "problem", a.Text)
}
