package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
)

// generationRecord tells whether a database file is the one that was served last.
//
// A cursor is a place in a log. Where an operator puts back an older copy of the database, the log goes on from there, and
// numbers behind the copy are given a second time, to other entries: an old cursor would be answered from the wrong place.
// So every start gives the database a generation, a random id, and stores it twice: in the database, and in the lock file
// beside it, which a copy of the database does not bring along. The record in the lock file also has the number of
// entries that were committed. A database has been replaced where its generation is not the record's, where it has fewer
// entries than the record says, or where it has entries and there is no record. Every session then gets a new random
// epoch, which makes old cursors invalid.
//
// The number of entries follows the commits by maintainInterval at most, and is written last at Close. A start may be cut
// off after it has stored the generation in one place and before it has in the other: the record's next generation tells.
type generationRecord struct {
	file    *os.File
	id      string // the database's generation
	next    string // the generation that a start was about to give it; noGeneration where none was
	entries int64  // committed
}

const (
	keyGeneration = "life" // in meta; databases of every version have it by this name
	noGeneration  = "00000000000000000000000000000000"

	// recordOffset leaves out the file's first byte, which the lock holds where locks are mandatory.
	recordOffset = 1
	// recordBytes is the record's size. It is less than a disk's sector, so that a write replaces the whole record.
	recordBytes = 32 + 1 + 32 + 1 + 19 + 1
)

// readGeneration opens the generation record in the lock file; found says whether there is one.
func readGeneration(path string) (record *generationRecord, found bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("open generation record: %w", err)
	}
	record = &generationRecord{file: file, id: noGeneration, next: noGeneration}
	buf := make([]byte, recordBytes)
	if _, err := file.ReadAt(buf, recordOffset); err != nil {
		if errors.Is(err, io.EOF) {
			return record, false, nil
		}
		return nil, false, errors.Join(fmt.Errorf("read generation record: %w", err), file.Close())
	}
	fields := strings.Split(strings.TrimSuffix(string(buf), "\n"), " ")
	if len(fields) != 3 {
		return record, false, nil
	}
	entries, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return record, false, nil
	}
	record.id, record.next, record.entries = fields[0], fields[1], entries
	return record, true, nil
}

// matches says whether a database with this generation and number of entries is the one that the record was written for.
func (r *generationRecord) matches(generation string, total int64) bool {
	return generation == r.id && total >= r.entries || generation == r.next && generation != noGeneration
}

func (r *generationRecord) write() error {
	text := fmt.Sprintf("%s %s %019d\n", r.id, r.next, r.entries)
	if _, err := r.file.WriteAt([]byte(text), recordOffset); err != nil {
		return fmt.Errorf("write generation record: %w", err)
	}
	return nil
}

// update writes the number of entries where it has changed. After a failure the next update writes it again.
func (r *generationRecord) update(total int64) error {
	if r.entries == total {
		return nil
	}
	written := r.entries
	r.entries = total
	err := r.write()
	if err != nil {
		r.entries = written
	}
	return err
}

func (r *generationRecord) close() error { return r.file.Close() }

// checkRestored gives the database a new generation, and its sessions new epochs where it is not the one that was served
// last.
func (f *sqliteFile) checkRestored(ctx context.Context) (err error) {
	var found bool
	if f.generation, found, err = readGeneration(f.lock.Path()); err != nil {
		return err
	}
	generation, total, err := f.readDatabaseGeneration(ctx)
	if err != nil {
		return err
	}
	replaced := total > 0 && !found || found && !f.generation.matches(generation, total)
	f.generation.next = newGeneration()
	if err := errors.Join(f.generation.write(), f.generation.file.Sync()); err != nil {
		return err
	}
	err = f.writer.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := putMeta(ctx, tx, keyGeneration, f.generation.next); err != nil {
			return err
		}
		if replaced {
			return renewEpochs(ctx, tx)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if replaced {
		f.logger.Warn("the database is not the one that was here last, such as a restored copy: cursors from before are refused",
			"database", f.path)
	}
	f.total.Store(total)
	f.generation.id, f.generation.next, f.generation.entries = f.generation.next, noGeneration, total
	return errors.Join(f.generation.write(), f.generation.file.Sync())
}

func (f *sqliteFile) readDatabaseGeneration(ctx context.Context) (generation string, total int64, err error) {
	generation, err = getMeta(ctx, f.writer, keyGeneration)
	if errors.Is(err, sql.ErrNoRows) {
		generation, err = noGeneration, nil
	}
	if err != nil {
		return "", 0, err
	}
	err = f.writer.NewRaw(sqlEvents).Scan(ctx, &total)
	return generation, total, err
}
