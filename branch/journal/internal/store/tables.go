package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// EachTable visits the tables of a store by the names of their files.
func EachTable(db *pebble.DB, visit func(name string) error) error {
	levels, err := db.SSTables()
	if err != nil {
		return err
	}
	for _, level := range levels {
		for _, table := range level {
			if err := visit(fmt.Sprintf("%s%s", table.BackingSSTNum, TableSuffix)); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckTable reads every block of a table, or, unless whole is set, only those by
// which entries are found, which are a fraction of it. Damage there would let no
// entry be read.
func CheckTable(fs vfs.FS, path string, options sstable.ReaderOptions, whole bool) (err error) {
	defer func() {
		if r := recover(); r != nil { // Pebble panics on some damage that it does not expect
			err = fmt.Errorf("it can't be read: %v", r)
		}
	}()
	f, err := fs.Open(path)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r, err := sstable.NewReader(context.Background(), readable, options)
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	return errors.Join(checkBlocks(r, whole), r.Close())
}

// checkBlocks compares the blocks of a table with their checksums, as they are on
// disk.
func checkBlocks(r *sstable.Reader, whole bool) error {
	layout, err := r.Layout()
	if err != nil {
		return err
	}
	blocks := []block.Handle{layout.TopIndex, layout.RangeDel, layout.RangeKey, layout.ValueIndex, layout.Properties, layout.MetaIndex, layout.BlobReferenceIndex}
	blocks = append(blocks, layout.Index...)
	if whole {
		blocks = append(blocks, layout.ValueBlock...)
		for _, b := range layout.Data {
			blocks = append(blocks, b.Handle)
		}
	}
	for _, b := range layout.Filter {
		blocks = append(blocks, b.Handle)
	}
	slices.SortFunc(blocks, func(a, b block.Handle) int { return cmp.Compare(a.Offset, b.Offset) })
	var memory []byte
	for _, b := range blocks {
		if b.Length == 0 {
			continue // there is none of the kind
		}
		memory = slices.Grow(memory[:0], int(b.Length)+block.TrailerLen)[:int(b.Length)+block.TrailerLen]
		if err := r.BlockReader().Readable().ReadAt(context.Background(), memory, int64(b.Offset)); err != nil {
			return fmt.Errorf("block at offset %d: %w", b.Offset, err)
		}
		if err := block.ValidateChecksum(r.BlockReader().ChecksumType(), memory, b); err != nil {
			return fmt.Errorf("block at offset %d: %w", b.Offset, err)
		}
	}
	return nil
}

// ReaderOptions returns the options for reading the tables of a store.
func ReaderOptions(opts *pebble.Options) sstable.ReaderOptions {
	opts = opts.Clone()
	opts.EnsureDefaults()
	return opts.MakeReaderOptions()
}
