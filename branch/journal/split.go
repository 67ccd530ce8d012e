package journal

import (
	"encoding/binary"

	"passbook.example/passbook/branch/ledger"
)

// maxGroups bounds the groups of branches whose batches are kept apart: each
// flush writes a table for each of them.
const maxGroups = 8

// splitter says where Pebble's tables end at the latest. Journals only grow at their
// ends, and so do the statements of hot accounts, while new request ids and accounts
// lie anywhere. A table with some of each would overlap all others, and each
// compaction would rewrite all of them. A table with batches alone overlaps nothing,
// and is moved down as it is.
type splitter struct {
	// groups has the first branch of each group but the first, ascending.
	groups []ledger.BranchID
}

// groupsOf divides branches, which are ascending, into groups.
func groupsOf(branches []ledger.BranchID) (groups []ledger.BranchID) {
	size := (len(branches) + maxGroups - 1) / maxGroups
	for i := size; i < len(branches); i += size {
		groups = append(groups, branches[i])
	}
	return groups
}

// end returns the first key that must not be in a table with start, or nil.
func (s splitter) end(start []byte) []byte {
	if len(start) == 0 {
		return nil
	}
	switch table := start[0]; {
	case table < batchTable:
		return []byte{batchTable}
	case table == batchTable:
		for _, b := range s.groups {
			if len(start) < 5 || binary.BigEndian.Uint32(start[1:]) < uint32(b) {
				return appendBatchPrefix(nil, b)
			}
		}
		return []byte{batchTable + 1}
	case table < requestTable: // alarms, heads and meta, which are small
		return []byte{requestTable}
	case table == requestTable:
		return []byte{statementTable}
	}
	return nil
}
