// Package journal keeps on disk what a branch has applied: the batches of all
// journals as the very bytes their writers sealed, the state of the ledger,
// and the indexes that find an entry by its request id or by its account. It
// is the one place that syncs, and so the root of the durability rule: nothing
// leaves a branch until [Journal.Commit] has returned.
//
// The store is Pebble. Its parts that know nothing of the journal's keys are
// packages of their own, which only the journal uses: internal/store opens and
// tunes it, internal/walcheck reads its logs, internal/idfilter tells which request
// ids are new, and internal/place tells where a file is. Everything that one commit
// changes is one atomic Pebble batch, so a crash leaves the state after some commit,
// never a part of one. A commit that asks for a sync makes durable all that came
// before it.
//
// # Keys
//
// The first byte of a key is its table; integers in keys are big endian, so
// that keys sort as numbers do.
//
//	key                              value
//	m "identity"                     bank and branch of the directory, and the format
//	m "epoch"                        the last epoch that a boot began
//	m "home"                         the number in the file "home", and where that is
//	m "state"                        Lamport time, settled, order of the last batch applied
//	h branch(4)                      head: sequence, hash, epoch
//	a account                        escrow, paid and last of every branch
//	b branch(4) last sequence(8)     hash, order, balances posted, the sealed bytes; before
//	                                 them, in a version of its own, the signature if there
//	                                 is one
//	c fingerprint(32)                a certificate that batches name, with its chain
//	r request                        branch and sequence of the entry, balance after it
//	d request                        an alarm: the entries that share the request id
//	f branch(4) first(8) hashes(64)  a fork: both of its batches, and which one counts
//	p last sequence(8)               an own batch that can't be posted yet
//	o branch(4) last(8) hash(32)     a batch that was left out because it does not count
//	s length(1) account order(8)     branch and last sequence of a batch, indexes of its
//	                                 entries that changed the account's balance
//
// A request is its id, or, where customers have names, what ledger.RequestKey makes of
// customer and id.
//
// The order counts the batches that this branch has applied, of whatever
// journal. Statements are in that order, which differs between branches. There
// is one statement key per account and batch, not per entry, so that a hot
// account costs one key per batch. The key of a batch has its last sequence, since
// that is what positions and hashes name; the batch that has an entry is the
// first one that ends at or after it.
//
// Request ids are written as Pebble merges of which the oldest wins: the first
// entry with an id keeps it, and no write has to read. An id that the filter calls
// new is set instead, which costs compactions less.
//
// Nearly every request id that a branch looks up is new. A Bloom filter in memory
// says so without reading the store (internal/idfilter): it has every id that was
// committed, at 18 bits each, or 37 when it has just grown; less than one new
// id in a hundred passes it and is looked up in vain. Close saves the filter in the
// file "filter" (requests.go), and the next opening loads it if the directory still
// has the same heads. Otherwise, as after a crash, the ids are read into the filter
// after the opening, in the background. Until then the store is asked for every id,
// as it is once the filter has been given up because it would have to grow over its
// bound.
//
// Every value begins with a version byte; the rest is varints and bytes. Only
// alarms that are resolved are ever deleted, and what does not count any more since an
// operator has decided about a fork (mend.go). Opening reads only meta, heads, alarms,
// accounts, the last batch of each journal, the saved filter, of 64 MiB at most, and
// the indexes and filters of the tables: it costs as much as the state is large, and
// little more for long journals. Only a filter that was not saved is then made from
// all request ids.
//
// The end of a log is filled with zeros before it is written
// (internal/store/log_file.go), so that syncing a small commit changes no metadata of
// the file. Room on disk is reserved as a log grows, not for a whole memtable at its
// first byte.
//
// The directory and all files in it are for their owner alone, whatever the umask. If
// their rights were widened, opening the directory narrows them
// (internal/store/private.go).
//
// # Failures
//
// The first write, sync or other change of the directory that fails stops the
// journal for good: from then on nothing more is written, as if the machine
// had crashed at that moment, and every Commit returns that first error.
//
// # Damage
//
// A directory can come back with less in it than was synced: bits rot, a file
// is cut short, a disk lies. Opening must not mistake that for the end that a
// crash leaves, and go on as if nothing had been lost. These checks find it:
//
//   - Every batch is compared with its hash whenever it is read, and every block
//     of a table with Pebble's checksum.
//   - Pebble treats the first chunk of a log that does not fit as the log's end. So
//     the logs are read beforehand, with Pebble's reader and with checks for what that
//     reader can't tell (internal/walcheck and survey.go): a flipped bit, a gap before
//     something that was written later, and a log that ends before the next one
//     begins are damage.
//   - The file "synced" (see mark.go) says how much of each journal there must
//     be at least: all, if the journal was closed; otherwise what there was at
//     the last opening, closing or flush.
//   - Heads, orders and accounts must fit the ends of the journals.
//   - A saved filter has a checksum, and a hash of the heads; unless both are right
//     it is made anew. [Verify] searches for ids that it lacks.
//   - The indexes and filters of the tables are read at the opening. The entries
//     are checked when they are read.
//   - The file "home" (see home.go) tells a directory from a copy of it, which may
//     be old.
//
// So no flipped bit goes unnoticed, anywhere, and no loss of any kind in a
// directory that was closed, or in what was written before the last flush. One
// loss can't be told from a crash: that of the end of the last log of a branch that
// crashed, by more than a bit. The peers know what such a log has lost:
// they say at once how much they have of this branch's journal, and the branch
// fetches it back before it writes. Entries that no peer had yet are lost
// silently; they can only have been acknowledged as LOCAL, or when no peer could be
// reached.
//
// Whatever is found is an error that names the file and offset, the key, or the
// branch and sequence. Opening changes nothing before it has checked the logs.
// [Verify] reads and checks everything else.
package journal
