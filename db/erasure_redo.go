package db

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"chattok/session"
)

// redoErasures compares the database with the file of erasures. Erasures that the file lacks are written to it. Those that the database
// lacks, since it is an older copy, are done again before anything is answered. They are stored in session.PhaseRedo, in which
// renewEpochs also puts those that were running when the copy was made; so after a crash the next start goes on, and nodes that start
// together all wait.
func (s *Store) redoErasures(ctx context.Context, path string) error {
	if path == "" && !s.engine.locksRows() {
		path = s.path + erasuresName
	}
	records, kept, err := s.compareErasures(ctx, path)
	if err != nil {
		return err
	}
	if len(records) > 0 {
		s.logger.Warn("the database does not know of erasures that were asked for, as an older copy does not; they are done again",
			"database", s.path, "erasures", len(records))
		if err := s.insertAgain(ctx, records); err != nil {
			return err
		}
	}
	s.erasureRecords = kept
	return s.finishRedo(ctx)
}

// finishRedo returns when no erasure is in session.PhaseRedo. Other nodes may erase at the same time. Where another node is removing a
// deleted session, finishRedo waits for it.
func (s *Store) finishRedo(ctx context.Context) error {
	for try := 0; ; try++ {
		var ids []string
		const redo = "SELECT id FROM erasures WHERE phase = ? ORDER BY created_at, id"
		if err := s.readers.NewRaw(redo, string(session.PhaseRedo)).Scan(ctx, &ids); err != nil {
			return fmt.Errorf("look for erasures: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		if try > 0 {
			retry.Pause(try, s.closing)
		}
		for _, id := range ids {
			if err := s.eraseAll(ctx, id); err != nil {
				return fmt.Errorf("do an erasure again: %w", err)
			}
		}
	}
}

// compareErasures returns the erasures of the file that the database does not know, and completes the file.
func (s *Store) compareErasures(ctx context.Context, path string) (missing []erasureRecord, kept *erasureRecords, err error) {
	kept, records, err := readErasureRecords(path)
	if err != nil {
		return nil, nil, err
	}
	s.erasureRecords = kept
	var rows []*erasureRow
	if err := s.readers.NewSelect().Model(&rows).Order("created_at").Scan(ctx); err != nil {
		return nil, nil, err
	}
	known := make(map[string]bool, len(rows))
	for _, row := range rows {
		known[row.ID] = true
		if err := kept.keep(row.record()); err != nil {
			return nil, nil, err
		}
	}
	for _, r := range records {
		if !known[r.ID] {
			missing = append(missing, r)
		}
	}
	return missing, kept, nil
}

// againChunk is how many erasures are inserted in one transaction.
const againChunk = 100

// insertAgain finds out whom these erasures are about, and stores them: in session.PhaseRedo where the database has something of the
// subject, otherwise as done.
func (s *Store) insertAgain(ctx context.Context, records []erasureRecord) error {
	subjects, err := s.findSubjects(ctx, records)
	if err != nil {
		return err
	}
	for len(records) > 0 {
		some := records[:min(len(records), againChunk)]
		records = records[len(some):]
		err := s.writeFew(ctx, "record erasures again", func(ctx context.Context, tx bun.Tx) error {
			if err := s.lockSchema(ctx, tx); err != nil { // another node may be inserting the same erasures
				return err
			}
			if err := s.admitChange(ctx, tx); err != nil {
				return err
			}
			var known []string
			if err := tx.NewRaw("SELECT id FROM erasures WHERE id IN (?)", bun.List(idsOf(some))).Scan(ctx, &known); err != nil {
				return err
			}
			for _, r := range some {
				if slices.Contains(known, r.ID) {
					continue
				}
				row := &erasureRow{ID: r.ID, Kind: r.Kind, Digest: r.Digest, DigestKey: r.Key, Phase: string(session.PhaseRedo)}
				subject := subjects[r.ID]
				row.UserID, row.ConnectionID = subject.userID, subject.connectionID
				if subject == (erasedSubject{}) {
					row.Phase, row.DoneAt = string(session.PhaseDone), &r.CreatedAt
				}
				if err := s.insertErasure(ctx, tx, row, r.CreatedAt); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func idsOf(records []erasureRecord) []string {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	return ids
}

// erasedSubject is whom an erasure is about: one of its fields is set.
type erasedSubject struct{ userID, connectionID *string }

// sqlSubjects selects the ids of all users of whom the database has something.
const sqlSubjects = "SELECT user_id FROM connections WHERE user_id IS NOT NULL" +
	" UNION SELECT substr(reactor, 2) FROM reactions WHERE substr(reactor, 1, 1) = 'u'" +
	" UNION SELECT substr(reader, 2) FROM read_marks WHERE substr(reader, 1, 1) = 'u'" +
	" UNION SELECT user_id FROM bans WHERE user_id IS NOT NULL"

// findSubjects returns, for each of these erasures that is about somebody whom the database has, who that is.
func (s *Store) findSubjects(ctx context.Context, records []erasureRecord) (found map[string]erasedSubject, err error) {
	byKey, connections := make(map[string]map[string][]string), false // ids of erasures by key and digest
	for _, r := range records {
		if byKey[r.Key] == nil {
			byKey[r.Key] = make(map[string][]string)
		}
		byKey[r.Key][r.Digest] = append(byKey[r.Key][r.Digest], r.ID)
		connections = connections || r.Kind == erasedConnection
	}
	found = make(map[string]erasedSubject)
	note := func(text string, subject erasedSubject) {
		for key, digests := range byKey {
			for _, id := range digests[digestOf(key, text)] {
				found[id] = subject
			}
		}
	}
	err = s.eachText(ctx, sqlSubjects, func(id string) { note(subjectUser(id), erasedSubject{userID: &id}) })
	if err == nil && connections {
		err = s.eachText(ctx, "SELECT id FROM connections", func(id string) { note(subjectConnection(id), erasedSubject{connectionID: &id}) })
	}
	return found, err
}

// eachText calls f with each text that a query selects.
func (s *Store) eachText(ctx context.Context, query string, f func(text string)) error {
	return s.readers.RunInTx(ctx, s.engine.snapshot, func(ctx context.Context, tx bun.Tx) (err error) {
		if s.engine.unbounded != "" {
			if _, err := tx.ExecContext(ctx, s.engine.unbounded); err != nil {
				return err
			}
		}
		rows, err := tx.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			f(text)
		}
		return rows.Err()
	})
}

// redoLimit is how many entries, connections and reactions one transaction erases in a session while nobody is served, or how many rows
// of deleted sessions it removes.
const redoLimit = 500

// eraseAll erases all that the database has of an erasure's subject. The rest of the erasure is done while the server serves.
func (s *Store) eraseAll(ctx context.Context, id string) error {
	for after := ""; ; {
		at, err := s.ErasureSession(ctx, id, after, false)
		if err != nil {
			return err
		}
		if at == "" {
			break
		}
		for part := (session.ErasedPart{More: true}); part.More; {
			if part, err = s.EraseInSession(ctx, id, at, part.Next, redoLimit); err != nil {
				return err
			}
		}
		after = at
	}
	for more := true; more; {
		var err error
		if more, err = s.RemoveDeleted(ctx, redoLimit); err != nil {
			return err
		}
	}
	_, err := s.SettleErasure(ctx, id)
	return err
}
