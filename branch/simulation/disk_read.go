package simulation

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// Request implements protocol.Storage.
func (d *Disk) Request(key ledger.RequestKey) (ledger.Recorded, bool, error) {
	rec, ok := d.requests[key]
	if d.mirror != nil {
		d.mirror.checkRequest(key, rec, ok)
	}
	return rec, ok, nil
}

// Positions implements protocol.Storage.
func (d *Disk) Positions(keys []ledger.RequestKey) ([]ledger.Position, error) {
	at := make([]ledger.Position, len(keys))
	for i, key := range keys {
		at[i] = d.requests[key].At
	}
	if d.mirror != nil {
		d.mirror.checkPositions(keys, at)
	}
	return at, nil
}

// HashAt implements protocol.Storage.
func (d *Disk) HashAt(branch ledger.BranchID, sequence uint64) (ledger.Hash, bool, error) {
	hash, ok := d.hashAt(branch, sequence)
	if d.mirror != nil {
		d.mirror.checkHash(branch, sequence, hash, ok)
	}
	return hash, ok, nil
}

func (d *Disk) hashAt(branch ledger.BranchID, sequence uint64) (ledger.Hash, bool) {
	i, ok := slices.BinarySearch(d.branches, branch)
	if !ok {
		return ledger.Hash{}, false
	}
	k := d.find(i, sequence)
	if k == len(d.journals[i]) || d.journals[i][k].Batch.LastSequence() != sequence {
		return ledger.Hash{}, false
	}
	return d.journals[i][k].Hash, true
}

// Batches implements protocol.Storage: it returns outlines, as the journal does.
func (d *Disk) Batches(branch ledger.BranchID, after uint64, maxBytes int) ([]*ledger.Outline, error) {
	batches, err := d.batches(branch, after, maxBytes)
	outlines := make([]*ledger.Outline, len(batches))
	for k, s := range batches {
		outlines[k] = &s.Outline
	}
	return outlines, err
}

func (d *Disk) batches(branch ledger.BranchID, after uint64, maxBytes int) ([]*ledger.Sealed, error) {
	i, ok := slices.BinarySearch(d.branches, branch)
	if !ok {
		return nil, nil
	}
	from := d.find(i, after+1)
	to := from
	for total := 0; to < len(d.journals[i]) && (to == from || total < maxBytes); to++ {
		total += len(d.journals[i][to].Bytes)
	}
	if d.checked {
		for _, s := range d.journals[i][from:to] {
			if _, err := ledger.OpenSealed(s.Bytes, s.Hash); err != nil {
				return nil, err
			}
		}
	}
	if d.mirror != nil {
		d.mirror.checkBatches(branch, after, maxBytes, d.journals[i][from:to])
	}
	return d.journals[i][from:to:to], nil
}
