package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"chattok/session"
)

// A cursor names a place in one life of a log. Where somebody puts back an older copy of the database, the log goes on
// from there, and the numbers behind the copy are given a second time, to other entries: an old cursor would be
// answered from the wrong place. So the lock file beside the database holds a life record, which a copy of the database
// does not bring along: the database's life, a random id that every start renews in both, and the mark, the number of
// entries that were seen committed. A database with another life than its record's, or with fewer entries than the
// mark, or with entries but without a record, has been replaced: every session then gets a new random epoch, which
// refuses the old cursors.
//
// The mark follows the commits by keepInterval at most, and is written last at Close. A start that is cut off between
// renewing the one life and the other is told by the record's next life.
type lifeRecord struct {
	file *os.File
	life string // the database's, as the record has it
	next string // the one that a start was about to give it; noLife where none was
	mark int64
}

const (
	keyLife = "life"
	noLife  = "00000000000000000000000000000000"

	// lifeOffset leaves the file's first byte alone: it is what the lock holds, where locks are mandatory.
	lifeOffset = 1
	// lifeBytes is the record's fixed size, well within a disk's sector: a write replaces it as a whole.
	lifeBytes = 32 + 1 + 32 + 1 + 19 + 1
)

// readLife opens the life record in the lock file; found says whether there is one.
func readLife(path string) (record *lifeRecord, found bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("open life record: %w", err)
	}
	record = &lifeRecord{file: file, life: noLife, next: noLife}
	buf := make([]byte, lifeBytes)
	if _, err := file.ReadAt(buf, lifeOffset); err != nil {
		if errors.Is(err, io.EOF) {
			return record, false, nil
		}
		return nil, false, errors.Join(fmt.Errorf("read life record: %w", err), file.Close())
	}
	fields := strings.Split(strings.TrimSuffix(string(buf), "\n"), " ")
	if len(fields) != 3 {
		return record, false, nil
	}
	mark, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return record, false, nil
	}
	record.life, record.next, record.mark = fields[0], fields[1], mark
	return record, true, nil
}

// knows says whether a database with this life and so many entries is the one that the record was written for.
func (r *lifeRecord) knows(life string, total int64) bool {
	return life == r.life && total >= r.mark || life == r.next && life != noLife
}

func (r *lifeRecord) write() error {
	text := fmt.Sprintf("%s %s %019d\n", r.life, r.next, r.mark)
	if _, err := r.file.WriteAt([]byte(text), lifeOffset); err != nil {
		return fmt.Errorf("write life record: %w", err)
	}
	return nil
}

// update raises the mark to what is committed. After a failure the next update writes again.
func (r *lifeRecord) update(total int64) error {
	if r.mark == total {
		return nil
	}
	written := r.mark
	r.mark = total
	err := r.write()
	if err != nil {
		r.mark = written
	}
	return err
}

func (r *lifeRecord) close() error { return r.file.Close() }

// beginLife gives the database a new life, and its sessions new epochs where it is not the one that was here last.
func (s *Store) beginLife(ctx context.Context) (err error) {
	var found bool
	if s.life, found, err = readLife(s.lock.Path()); err != nil {
		return err
	}
	life, total, err := s.readDatabaseLife(ctx)
	if err != nil {
		return err
	}
	replaced := total > 0 && !found || found && !s.life.knows(life, total)
	s.life.next = newLife()
	if err := errors.Join(s.life.write(), s.life.file.Sync()); err != nil {
		return err
	}
	err = s.writer.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := putMeta(ctx, tx, keyLife, s.life.next); err != nil {
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
		s.logger.Warn("the database is not the one that was here last, such as a restored copy: cursors from before are refused",
			"database", s.path)
	}
	s.total.Store(total)
	s.life.life, s.life.next, s.life.mark = s.life.next, noLife, total
	return errors.Join(s.life.write(), s.life.file.Sync())
}

func (s *Store) readDatabaseLife(ctx context.Context) (life string, total int64, err error) {
	life, err = getMeta(ctx, s.writer, keyLife)
	if errors.Is(err, sql.ErrNoRows) {
		life, err = noLife, nil
	}
	if err != nil {
		return "", 0, err
	}
	err = s.writer.NewRaw("SELECT coalesce(sum(last_seq), 0) FROM sessions").Scan(ctx, &total)
	return life, total, err
}

// renewEpochs has every cursor from before refused.
func renewEpochs(ctx context.Context, tx bun.Tx) error {
	_, err := tx.ExecContext(ctx, "UPDATE sessions SET epoch = "+engineOf(tx).epoch)
	return err
}

func newLife() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func newEpoch() session.Epoch {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return session.Epoch(binary.BigEndian.Uint64(b[:]))
}
