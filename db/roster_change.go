package db

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// changeRoster makes one change to what the roster of a session tells of, and gives the change the next revision. It locks the
// session's row first, so that changes of one session are made one after another on both engines. change gets the session's
// row, with the new revision, and the time, and stores its part; where it returns false, nothing is stored, and made has no
// revision. quota, which change may set, bounds the session's bytes; nil or 0 for no bound.
func (s *Store) changeRoster(
	ctx context.Context, tried, sessionID string, quota *int64,
	change func(ctx context.Context, tx bun.Tx, at *sessionRow, now int64) (c session.RosterChange, changed bool, err error),
) (made session.RosterChange, changed bool, err error) {
	return s.changeRosterIf(ctx, tried, sessionID, quota, knownToAll, change)
}

// changeRosterIf is changeRoster where admit, which is called before the session is locked, returns no error. Every transaction locks
// meta, as admitChange does, before sessions.
func (s *Store) changeRosterIf(
	ctx context.Context, tried, sessionID string, quota *int64, admit func(ctx context.Context, tx bun.Tx) error,
	change func(ctx context.Context, tx bun.Tx, at *sessionRow, now int64) (c session.RosterChange, changed bool, err error),
) (made session.RosterChange, changed bool, err error) {
	err = s.write(ctx, tried, func(ctx context.Context, tx bun.Tx) error {
		changed = false
		if err := admit(ctx, tx); err != nil {
			return err
		}
		at, now, err := s.lockSession(ctx, tx, sessionID)
		if err != nil {
			return err
		}
		at.Revision++
		made, changed, err = change(ctx, tx, at, now)
		made.SessionID = sessionID
		if err != nil || !changed {
			return err
		}
		made.Revision = at.Revision
		if err := recordChange(ctx, tx, at, orZero(quota), made, now); err != nil {
			return err
		}
		return storeRevision(ctx, tx, at)
	})
	if err != nil {
		return session.RosterChange{}, false, err
	}
	return made, changed, nil
}

// knownToAll admits a change that nodes of all versions know.
func knownToAll(context.Context, bun.Tx) error { return nil }

// lockSession reads a session's row, locks it until the end of the transaction, and reads the time. Errors: NOT_FOUND, with
// ReasonSessionDeleted where it was deleted.
func (s *Store) lockSession(ctx context.Context, tx bun.Tx, id string) (at *sessionRow, now int64, err error) {
	found, err := selectSessions(ctx, tx, []string{id})
	if err != nil {
		return nil, 0, err
	}
	if len(found) == 0 {
		return nil, 0, missingSession(ctx, tx, id)
	}
	now, err = s.now(ctx, tx)
	return found[0], now, err
}

// streamChangeRow is a row of stream_changes.
type streamChangeRow struct {
	bun.BaseModel `bun:"table:stream_changes"`

	SessionID string `bun:"session_id,pk"`
	Revision  int64  `bun:"revision,pk"`
	Change    string `bun:"change"` // a changeRecord
	PurgeAt   int64  `bun:"purge_at"`
}

// Kinds of a changeRecord that is no change of streams. Nodes of versions that do not know them pass over such a change.
const (
	connectionUpdated session.StreamChangeKind = "connectionUpdated" // a connection's data or role
	sessionUpdated    session.StreamChangeKind = "sessionUpdated"    // the session's settings
)

// changeRecord is a session.StreamChange as it is stored, or the change of a connection's data, or of the session's settings.
type changeRecord struct {
	Kind        session.StreamChangeKind `json:"kind"`
	Connection  string                   `json:"connectionId,omitempty"` // of a change of data or role
	Data        *string                  `json:"data,omitempty"`         // as it is from then on
	Role        session.Role             `json:"role,omitempty"`         // as it is from then on; versions before roles changed left it out
	Stream      *streamRow               `json:"stream,omitempty"`
	Reason      session.DisconnectReason `json:"reason,omitempty"`
	Except      []string                 `json:"except,omitempty"`
	Stay        bool                     `json:"stay,omitempty"`
	ModeratorID string                   `json:"moderatorId,omitempty"`
	Settings    *settingsRecord          `json:"settings,omitempty"` // as they are from then on
}

// settingsRecord are the settings of a session as they are stored in the record of a change.
type settingsRecord struct {
	SlowMode  int64   `json:"slowMode"` // milliseconds
	ReadOnly  bool    `json:"readOnly,omitempty"`
	Data      *string `json:"data,omitempty"`
	Retention *int64  `json:"retention,omitempty"` // milliseconds
}

// toRecord returns a change of streams, of a connection's data or of the session's settings, as it is stored.
func toRecord(c session.RosterChange) changeRecord {
	if c.Updated {
		return changeRecord{Kind: connectionUpdated, Connection: c.Connection.ID, Data: c.Connection.Data, Role: c.Connection.Role}
	}
	if c.Session != nil {
		return changeRecord{Kind: sessionUpdated, Settings: &settingsRecord{SlowMode: c.Session.SlowMode.Milliseconds(),
			ReadOnly: c.Session.ReadOnly, Data: c.Session.Data, Retention: fromRetention(c.Session.Retention)}}
	}
	record := changeRecord{Kind: c.Stream.Kind, Reason: c.Stream.Reason, Except: c.Stream.Except, Stay: c.Stream.Stay}
	if s := c.Stream.Stream; s != nil {
		record.Stream = fromStream(s, &streamRow{ID: s.ID, ConnectionID: s.Connection.ID, CreatedAt: s.CreatedAt.UnixMilli()})
	}
	if m := c.Stream.Moderator; m != nil {
		record.ModeratorID = m.ID
	}
	return record
}

// recordChange keeps a change of streams, of a connection's data or of the session's settings, for those who follow. at is the session's
// row, which is stored by storeRevision. Errors: FORBIDDEN with ReasonSessionFull where the change is more than quota allows; 0 for no
// bound.
func recordChange(ctx context.Context, tx bun.Tx, at *sessionRow, quota int64, c session.RosterChange, now int64) error {
	text, err := json.Marshal(toRecord(c))
	if err != nil {
		return err
	}
	bytes := quotaOfChange(string(text))
	if err := fits(quota, at, bytes); err != nil {
		return err
	}
	at.addBytes(bytes)
	row := &streamChangeRow{SessionID: c.SessionID, Revision: c.Revision, Change: string(text), PurgeAt: now + purgeAfter.Milliseconds()}
	_, err = tx.NewInsert().Model(row).Exec(ctx)
	return err
}

// quotaOfChange is how many bytes a change that is kept counts to its session's quota, by its text as it is stored.
func quotaOfChange(text string) int64 { return session.RosterChangeQuotaBytes + int64(len(text)) }

// purgeStreamChanges removes up to limit changes whose time is up, and gives their bytes back to their sessions.
func purgeStreamChanges(ctx context.Context, tx bun.Tx, now int64, limit int) error {
	return purgeCounted(ctx, tx, dueStreamChanges, now, limit, quotaOfChange)
}

// selectStreamChanges returns the changes of streams after one revision and up to another.
func selectStreamChanges(ctx context.Context, db bun.IDB, sessionID string, after, last int64) ([]session.RosterChange, error) {
	var rows []*streamChangeRow
	if err := db.NewRaw(sqlStreamChanges, sessionID, after, last).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	return readRecords(ctx, db, rows)
}

// readRecords returns the changes that rows of stream_changes tell of, of any sessions, without those that are as good as purged.
func readRecords(ctx context.Context, db bun.IDB, rows []*streamChangeRow) ([]session.RosterChange, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	records := make([]changeRecord, len(rows))
	var ids []string
	for i, row := range rows {
		if err := json.Unmarshal([]byte(row.Change), &records[i]); err != nil {
			return nil, fmt.Errorf("change %d of session %s: %w", row.Revision, row.SessionID, err)
		}
		if s := records[i].Stream; s != nil {
			ids = append(ids, s.ConnectionID)
		}
		for _, id := range []string{records[i].ModeratorID, records[i].Connection} {
			if id != "" {
				ids = append(ids, id)
			}
		}
	}
	connections, err := connectionsByID(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	changes := make([]session.RosterChange, 0, len(rows))
	for i, record := range records {
		change := session.RosterChange{SessionID: rows[i].SessionID, Revision: rows[i].Revision}
		ok := false
		switch record.Kind {
		case connectionUpdated:
			change.Connection, ok = record.toConnection(connections, change.Revision)
			change.Updated = true
		case sessionUpdated:
			change.Session, err = record.toSession(ctx, db, change.SessionID, change.Revision)
			ok = change.Session != nil
		default:
			change.Stream, ok = record.toChange(connections)
		}
		if err != nil {
			return nil, err
		}
		if ok {
			changes = append(changes, change)
		}
	}
	return changes, nil
}

const sqlStreamChanges = "SELECT * FROM stream_changes WHERE session_id = ? AND revision > ? AND revision <= ? ORDER BY revision"

// toConnection returns the connection as it was after the change; ok is false where it has been purged.
func (r changeRecord) toConnection(connections map[string]*session.Connection, revision int64) (c *session.Connection, ok bool) {
	now := connections[r.Connection]
	if now == nil {
		return nil, false
	}
	then := *now
	then.Data, then.DataRevision = r.Data, revision
	then.Role = cmp.Or(r.Role, then.Role)
	return &then, true
}

// toSession returns the session as it was after a change of its settings; nil where it has been removed.
func (r changeRecord) toSession(ctx context.Context, db bun.IDB, id string, revision int64) (*session.Session, error) {
	row, err := selectSession(ctx, db, id)
	if session.CodeOf(err) == session.CodeNotFound || r.Settings == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	then := row.toSession()
	then.SlowMode, then.SettingsRevision = time.Duration(r.Settings.SlowMode)*time.Millisecond, revision
	then.ReadOnly, then.Data, then.Retention = r.Settings.ReadOnly, r.Settings.Data, toRetention(r.Settings.Retention)
	return then, nil
}

// toChange returns the change. ok is false where a connection of the change has been purged: the change is as good as
// purged too.
func (r changeRecord) toChange(connections map[string]*session.Connection) (c *session.StreamChange, ok bool) {
	c = &session.StreamChange{Kind: r.Kind, Reason: r.Reason, Except: r.Except, Stay: r.Stay}
	if r.Stream != nil {
		publisher := connections[r.Stream.ConnectionID]
		if publisher == nil {
			return nil, false
		}
		c.Stream = r.Stream.toStream(publisher)
	}
	if r.ModeratorID != "" {
		c.Moderator = connections[r.ModeratorID]
		if c.Moderator == nil && r.Kind == session.StreamPublished { // it muted long before
			c.Moderator = goneModerator(r.ModeratorID, c.Stream.SessionID, c.Stream.CreatedAt)
		}
		if c.Moderator == nil {
			return nil, false
		}
	}
	return c, true
}
