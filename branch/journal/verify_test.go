package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// verify verifies directories, compares them, and returns all findings.
func verify(t *testing.T, fs vfs.FS, dirs ...string) (findings []string, checked []journal.Checked, lags []journal.Lag) {
	t.Helper()
	report := func(f journal.Finding) { findings = append(findings, f.String()) }
	var verified []*journal.Verified
	for _, dir := range dirs {
		v, err := journal.Verify(dir, fs, report)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		verified = append(verified, v)
	}
	lags, err := journal.Compare(verified, report)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verified {
		checked = append(checked, v.Checked)
	}
	return findings, checked, lags
}

// sample returns a directory with a few batches of two journals.
func sample(t testing.TB) vfs.FS {
	fs := vfs.NewMem()
	b := open(t, fs)
	b.write(1, withID("first", deposit("a", 100)), transfer("a", "b", 30), grant("b", 2, 10))
	b.write(2, withdrawal("b", 10))
	b.write(1, withID("second", deposit("a", 5)))
	b.write(2, withID("third", deposit("b", 1)))
	b.close()
	return fs
}

func TestVerifyFindsNothingWrong(t *testing.T) {
	for _, tt := range directories {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.make(t)
			fs := d.with(t, "", nil)
			findings, checked, _ := verify(t, fs, dir)
			if len(findings) > 0 {
				t.Errorf("found %v", findings)
			}
			if got := checked[0].Batches; got != uint64(d.synced) || checked[0].Accounts == 0 || checked[0].Requests == 0 {
				t.Errorf("checked %+v of %d batches", checked[0], d.synced)
			}
			if after := filesOf(t, fs); !maps.EqualFunc(d.files, after, bytes.Equal) {
				t.Errorf("the directory was changed: it has %v, and had %v", directory{files: after}.names(), d.names())
			}
		})
	}
}

func key(table byte, branch uint32, sequence ...uint64) string {
	out := binary.BigEndian.AppendUint32([]byte{table}, branch)
	for _, s := range sequence {
		out = binary.BigEndian.AppendUint64(out, s)
	}
	return string(out)
}

func statementKey(account string, order uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte("s"+string(rune(len(account)))+account), order))
}

func TestVerifyFinds(t *testing.T) {
	change := func(key string, edit func([]byte) []byte) func(*testing.T, vfs.FS) {
		return func(t *testing.T, fs vfs.FS) {
			editStore(t, fs, func(db *pebble.DB) {
				value, closer, err := db.Get([]byte(key))
				if err != nil {
					t.Fatalf("%q: %v", key, err)
				}
				defer closer.Close()
				if err := db.Set([]byte(key), edit(append([]byte(nil), value...)), pebble.Sync); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	flip := func(at int) func([]byte) []byte {
		return func(value []byte) []byte {
			value[(at+len(value))%len(value)] ^= 1
			return value
		}
	}
	gone := func(key string) func(*testing.T, vfs.FS) {
		return func(t *testing.T, fs vfs.FS) { remove(t, fs, []byte(key)) }
	}
	for _, tt := range []struct {
		name   string
		damage func(*testing.T, vfs.FS)
		want   string
	}{
		{"flipped bit in a batch", change(key('b', 1, 3), flip(-1)), "batch of branch 1 that ends at sequence 3: the hash does not match"},
		{"flipped bit in the hash of a batch", change(key('b', 1, 3), flip(1)), "batch of branch 1 that ends at sequence 3: the hash does not match"},
		{"wrong running balance", change(key('b', 1, 3), flip(35)), "batch of branch 1 that ends at sequence 3: entry 1 leads to balance 100, and 101 is stored"},
		{"wrong order", change(key('b', 2, 2), flip(33)), "batch of branch 2 that ends at sequence 2: it was applied as batch 5 of all, where 4 is next"},
		{"batch gone from the middle", gone(key('b', 1, 3)), "batch of branch 2 that ends at sequence 1: it was applied as batch 2 of all, where 1 is next"},
		{"last batch gone", gone(key('b', 2, 2)), "head of branch 2: it names sequence 2"},
		{"batch of another place", change(key('b', 1, 4), func([]byte) []byte { return otherBatch() }), "batch of branch 1 that ends at sequence 4: it does not follow the batch before it"},
		{"wrong head", change(key('h', 1), flip(1)), "head of branch 1: it names sequence 5"},
		{"wrong escrow", change("aa", flip(1)), `account "a": the escrow of branch 1 is 75, and`},
		{"wrong payment", change("aa", flip(2)), `account "a": branch 1 has paid`},
		{"wrong last", change("aa", flip(4)), `account "a": entry 4 of branch 1 changed it last, and 5 is stored`},
		{"account gone", gone("ab"), `account "b": it is missing`},
		{"account that nobody opened", func(t *testing.T, fs vfs.FS) { put(t, fs, "ac", make1(10)) }, `account "c": the escrow of branch 1 is 0, and 1 is stored`},
		{"malformed account", change("aa", func([]byte) []byte { return []byte{7} }), `account "a": the stored value is malformed`},
		{"request id gone", gone("rfirst"), `request id "first": it is missing: entry 1 of branch 1 has it`},
		{"request id of another entry", change("rfirst", flip(2)), `request id "first": `},
		{"request id with another balance", change("rfirst", flip(3)), `request id "first": entry 1 of branch 1 leads to balance 100, and 101 is stored`},
		{"request id of no entry", func(t *testing.T, fs vfs.FS) { put(t, fs, "rnew", []byte{1, 1, 2, 5}) }, `request id "new": entry 2 of branch 1 has request id ""`},
		{"statement gone", gone(statementKey("a", 1)), `statement of account "a" at order 1: it is missing`},
		{"statement of another entry", change(statementKey("a", 1), flip(-1)), `statement of account "a" at order 1: it does not name`},
		{"statement of no batch", func(t *testing.T, fs vfs.FS) { put(t, fs, statementKey("a", 9), []byte{1, 1, 3, 1, 0}) }, `statement of account "a" at order 9: no batch`},
		{"wrong clock", change("mstate", flip(1)), `meta "state": the clock of the entries is`},
		{"wrong order in the state", change("mstate", func(v []byte) []byte { v[len(v)-1] = 3; return v }), `meta "state": 4 batches are applied, and 3 is stored`},
		{"identity gone", gone("midentity"), `meta "identity": it is missing`},
		{"other format", change("midentity", flip(1)), "in format 5"},
		{"key of no table", func(t *testing.T, fs vfs.FS) { put(t, fs, "x", []byte{1}) }, `key "x": there is no such key`},
		{"journal of a stranger", func(t *testing.T, fs vfs.FS) { put(t, fs, key('h', 9), []byte{1}) }, `head of branch 9: there is no such key`},
		{"less than the mark", func(t *testing.T, fs vfs.FS) {
			editStore(t, fs, func(db *pebble.DB) {
				for _, k := range []string{key('b', 2, 2), key('b', 1, 4)} {
					if err := db.Delete([]byte(k), pebble.Sync); err != nil {
						t.Fatal(err)
					}
				}
			})
		}, "journal of branch 1: it ends at sequence 3, and was synced up to 4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := sample(t)
			tt.damage(t, fs)
			findings, checked, _ := verify(t, fs, dir)
			if len(findings) == 0 || !strings.Contains(strings.Join(findings, "\n"), tt.want) {
				t.Errorf("found %q, want %q", findings, tt.want)
			}
			if checked[0].Findings != len(findings) {
				t.Errorf("%d findings were counted, %d reported", checked[0].Findings, len(findings))
			}
		})
	}
}

func make1(n int) []byte {
	out := make([]byte, n)
	out[0], out[1] = 1, 1
	return out
}

// otherBatch returns the stored value of a batch that is whole, but belongs to
// another journal.
func otherBatch() []byte {
	s := ledger.NewSealed(&ledger.Batch{Branch: 1, Epoch: 1, FirstSequence: 4, PrevHash: ledger.Hash{1}, Entries: []ledger.Entry{
		{Sequence: 4, Clock: 9, Kind: ledger.Deposit, Account: "a", Amount: 5},
	}})
	return append(append(append([]byte{1}, s.Hash[:]...), 3, 1, 75), s.Bytes...)
}

// Each case is what a faulty branch might have written: the chain is right, the sums
// are not.
func TestVerifyFindsRulesBroken(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(*branch)
		want  string
	}{
		{"not causal", func(b *branch) {
			batch := b.post(2, deposit("a", 1))
			batch.Sealed = ledger.NewSealed(&ledger.Batch{Branch: 2, Epoch: 1, FirstSequence: 1, PrevHash: batch.Batch.PrevHash, Entries: batch.Batch.Entries, After: []ledger.Position{{Branch: 3, Sequence: 7}}})
			b.Ledger.Seal(1, batch.Hash, 1)
			b.commit(b.gather(batch))
		}, "it was applied before entry 7 of branch 3, which its writer had seen"},
		{"epoch goes back", func(b *branch) {
			b.write(2, deposit("a", 1))
			b.Epoch = 0
			b.write(2, deposit("a", 1))
		}, "batch of branch 2 that ends at sequence 2: its epoch is 0 after 1"},
		{"one request id in two journals", func(b *branch) {
			b.write(1, withID("x", deposit("a", 1)))
			b.write(2, withID("x", deposit("a", 1)))
		}, `request id "x": entry 1 of branch 1 and entry 1 of branch 2 both have it`},
		{"one request id of a customer in two journals", func(b *branch) {
			b.write(1, of("ann", withID("x", deposit("a", 1))), of("bob", withID("x", deposit("a", 1))))
			b.write(2, of("ann", withID("x", deposit("a", 1))))
		}, `request id "x" of customer "ann": entry 1 of branch 1 and entry 1 of branch 2 both have it`},
		{"a journal of another bank", func(b *branch) {
			batch := b.post(2, deposit("a", 1))
			batch.Sealed = ledger.NewSealed(&ledger.Batch{Branch: 2, Epoch: 1, FirstSequence: 1, PrevHash: ledger.Hash{7}, Entries: batch.Batch.Entries})
			b.Ledger.Seal(1, batch.Hash, 1)
			b.commit(b.gather(batch))
		}, "batch of branch 2 that ends at sequence 1: it does not follow the batch before it"},
		{"overdraft", func(b *branch) {
			batch := b.post(2, deposit("a", 1))
			entries := []ledger.Entry{batch.Batch.Entries[0]}
			entries[0].Kind = ledger.Withdrawal
			batch.Sealed = ledger.NewSealed(&ledger.Batch{Branch: 2, Epoch: 1, FirstSequence: 1, PrevHash: batch.Batch.PrevHash, Entries: entries})
			b.Ledger.Seal(1, batch.Hash, 1)
			b.commit(b.gather(batch))
		}, "entry 1 of branch 2: branch 2 holds escrow 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := vfs.NewMem()
			b := open(t, fs)
			tt.write(b)
			b.close()
			findings, _, _ := verify(t, fs, dir)
			if !strings.Contains(strings.Join(findings, "\n"), tt.want) {
				t.Errorf("found %q, want %q", findings, tt.want)
			}
		})
	}
}

// openAs opens a directory of any branch of any bank.
func openAs(t *testing.T, fs vfs.FS, dir string, id journal.Identity) *branch {
	t.Helper()
	j, s, err := journal.Open(dir, id, journal.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return &branch{Journal: j, State: s, t: t}
}

func TestCompare(t *testing.T) {
	second := bank
	second.Branch = 2
	other := second
	other.Opening = 1
	for _, tt := range []struct {
		name  string
		id    journal.Identity
		write func(one, two *branch)
		want  string
		lags  []journal.Lag
	}{
		{"equal", second, func(one, two *branch) {}, "", nil},
		{"each is behind", second, func(one, two *branch) {
			one.write(1, deposit("a", 1), deposit("a", 1))
			two.write(2, deposit("a", 1))
		}, "", []journal.Lag{
			{Dir: "two", Ahead: "one", Branch: 1, At: 1, Missing: 2},
			{Dir: "one", Ahead: "two", Branch: 2, At: 0, Missing: 1},
		}},
		{"fork", second, func(one, two *branch) {
			one.write(1, deposit("a", 1))
			two.write(1, deposit("a", 2))
			two.write(1, deposit("a", 2))
		}, "one: journal of branch 1: it has forked: at sequence 2 it has another batch than two", nil},
		{"other bank", other, func(one, two *branch) {}, `two: meta "identity": it belongs to branch 2 of bank "rent" (id ab000000000000000000000000000000) with branches [1 2 3] and opening balance 1, one to`, nil},
		{"one request id at two branches", second, func(one, two *branch) {
			one.write(1, withID("x", deposit("a", 1)))
			two.write(2, withID("x", deposit("a", 1)))
		}, `request id "x": entry 2 of branch 1 has it, and entry 1 of branch 2 in two`, []journal.Lag{
			{Dir: "two", Ahead: "one", Branch: 1, At: 1, Missing: 1},
			{Dir: "one", Ahead: "two", Branch: 2, At: 0, Missing: 1},
		}},
		{"one request id of two customers", second, func(one, two *branch) {
			one.write(1, of("ann", withID("x", deposit("a", 1))))
			two.write(2, of("bob", withID("x", deposit("a", 1))), withID("x", deposit("a", 1)))
		}, "", []journal.Lag{
			{Dir: "two", Ahead: "one", Branch: 1, At: 1, Missing: 1},
			{Dir: "one", Ahead: "two", Branch: 2, At: 0, Missing: 2},
		}},
		{"one request id of a customer at two branches", second, func(one, two *branch) {
			one.write(1, of("ann", withID("x", deposit("a", 1))))
			two.write(2, of("ann", withID("x", deposit("a", 1))))
		}, `request id "x" of customer "ann": entry 2 of branch 1 has it, and entry 1 of branch 2 in two`, []journal.Lag{
			{Dir: "two", Ahead: "one", Branch: 1, At: 1, Missing: 1},
			{Dir: "one", Ahead: "two", Branch: 2, At: 0, Missing: 1},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := vfs.NewMem()
			one, two := openAs(t, fs, "one", bank), openAs(t, fs, "two", tt.id)
			one.write(1, deposit("a", 10))
			two.write(1, deposit("a", 10))
			tt.write(one, two)
			one.close()
			two.close()
			findings, _, lags := verify(t, fs, "one", "two")
			if got := strings.Join(findings, "\n"); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
			if diff := cmp.Diff(tt.lags, lags); diff != "" {
				t.Errorf("lags (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	var held *journal.HeldError
	if _, err := journal.Verify(dir, fs, nil); !errors.As(err, &held) || held.Dir != dir {
		t.Errorf("held directory: %v", err)
	}
	b.close()
	if err := fs.MkdirAll("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Verify("empty", fs, nil); !errors.Is(err, journal.ErrNoJournal) {
		t.Errorf("empty directory: %v", err)
	}
	if _, err := journal.Verify("nowhere", fs, nil); err == nil {
		t.Error("no directory: no error")
	}
}

// Damage of the files is a finding, too, and does not end the process.
func TestVerifyFindsDamagedFiles(t *testing.T) {
	d := closedDirectory(t)
	for _, name := range d.names() {
		content := d.files[name]
		if len(content) < 100 {
			continue
		}
		for _, at := range []int{0, len(content) / 3, len(content) / 2, len(content) - 1} {
			t.Run(fmt.Sprintf("%s at %d", name, at), func(t *testing.T) {
				flipped := append([]byte(nil), content...)
				flipped[at] ^= 0xff
				findings, checked, _ := verify(t, d.with(t, name, flipped), dir)
				if len(findings) == 0 && checked[0].Batches != uint64(d.synced) {
					t.Errorf("%d of %d batches, and nothing was found", checked[0].Batches, d.synced)
				}
			})
		}
	}
}
