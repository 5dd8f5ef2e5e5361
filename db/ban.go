package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// banRow is a row of bans.
type banRow struct {
	bun.BaseModel `bun:"table:bans"`

	ID           string  `bun:"id,pk"`
	SessionID    string  `bun:"session_id"`
	UserID       *string `bun:"user_id"`
	Origin       *int64  `bun:"origin"`
	ConnectionID string  `bun:"connection_id"`
	ModeratorID  string  `bun:"moderator_id"`
	CreatedAt    int64   `bun:"created_at"`
	Until        int64   `bun:"until"`
}

// fromNewBan returns the ban of a connection's user, or of its address where it has no user.
func fromNewBan(b session.NewBan, banned *connectionRow, now int64) *banRow {
	row := &banRow{ID: b.ID, SessionID: b.SessionID, UserID: banned.UserID, ConnectionID: banned.ID, ModeratorID: b.ModeratorID,
		CreatedAt: now, Until: now + b.Length.Milliseconds()}
	if row.UserID == nil {
		row.Origin = banned.Origin
	}
	return row
}

func (r *banRow) toBan(connections map[string]*session.Connection) *session.Ban {
	return &session.Ban{
		ID:         r.ID,
		SessionID:  r.SessionID,
		UserID:     r.UserID,
		Connection: r.connection(connections, r.ConnectionID, session.RoleSubscriber),
		Moderator:  r.connection(connections, r.ModeratorID, session.RoleModerator),
		CreatedAt:  toTime(r.CreatedAt),
		Until:      toTime(r.Until),
	}
}

// connection returns a connection that the ban names, or what is known of it where it has been purged, as by a node of an
// earlier version.
func (r *banRow) connection(connections map[string]*session.Connection, id string, role session.Role) *session.Connection {
	if c := connections[id]; c != nil {
		return c
	}
	return &session.Connection{ID: id, SessionID: r.SessionID, Role: role, CreatedAt: toTime(r.CreatedAt)}
}

func banNotFound() *session.Error {
	return session.Errorf(session.CodeNotFound, "there is no such ban")
}

// CreateBan implements session.Store.
func (s *Store) CreateBan(ctx context.Context, b session.NewBan) (ban *session.Ban, ended []session.RosterChange, err error) {
	err = s.write(ctx, "create ban", func(ctx context.Context, tx bun.Tx) error {
		if err := s.admitChange(ctx, tx); err != nil {
			return err
		}
		_, now, err := s.lockSession(ctx, tx, b.SessionID)
		if err != nil {
			return err
		}
		banned, err := bannable(ctx, tx, b)
		if err != nil {
			return err
		}
		row := fromNewBan(b, banned, now)
		if err := replaceBan(ctx, tx, row); err != nil {
			return err
		}
		if ended, err = endBanned(ctx, tx, row, now); err != nil {
			return err
		}
		found, err := withConnections(ctx, tx, []*banRow{row})
		if err != nil {
			return err
		}
		ban = found[0]
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return ban, ended, nil
}

// bannable returns the connection that a ban is for.
func bannable(ctx context.Context, tx bun.Tx, b session.NewBan) (*connectionRow, error) {
	if _, err := moderatorOf(ctx, tx, b.ModeratorID, b.SessionID); err != nil {
		return nil, err
	}
	row, err := selectConnection(ctx, tx, b.ConnectionID)
	if err != nil {
		return nil, err
	}
	if row.SessionID != b.SessionID || row.CreatedRevision == nil && row.UserID == nil && !row.Guest { // another session's, the server or a bot
		return nil, connectionNotFound()
	}
	if b.Protect {
		moderates, err := isModerator(ctx, tx, row)
		if err != nil {
			return nil, err
		}
		if moderates {
			return nil, session.Errorf(session.CodeForbidden, "a moderator can't be banned")
		}
	}
	return row, nil
}

// isModerator says whether a connection is a moderator's: its own role says so, or that of a live connection of its user, which a
// ban would end.
func isModerator(ctx context.Context, tx bun.Tx, row *connectionRow) (bool, error) {
	if session.Role(row.Role) == session.RoleModerator || row.UserID == nil {
		return session.Role(row.Role) == session.RoleModerator, nil
	}
	return tx.NewSelect().Model((*connectionRow)(nil)).Where("session_id = ?", row.SessionID).Where("user_id = ?", *row.UserID).
		Where("role = ?", string(session.RoleModerator)).Where(sqlLive).Exists(ctx)
}

// replaceBan stores a ban in place of an earlier one.
func replaceBan(ctx context.Context, tx bun.Tx, row *banRow) error {
	earlier := tx.NewDelete().Model((*banRow)(nil)).Where("session_id = ?", row.SessionID)
	switch {
	case row.UserID != nil:
		earlier = earlier.Where("user_id = ?", *row.UserID)
	case row.Origin != nil:
		earlier = earlier.Where("origin = ?", *row.Origin)
	default:
		earlier = earlier.Where("connection_id = ?", row.ConnectionID)
	}
	if _, err := earlier.Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return err
	}
	return setBannedUntil(ctx, tx, row.SessionID)
}

// setBannedUntil notes when the last of a session's bans ends: nobody is looked for among its bans after that.
func setBannedUntil(ctx context.Context, tx bun.Tx, sessionID string) error {
	const query = "UPDATE sessions SET banned_until = (SELECT coalesce(max(until), 0) FROM bans WHERE session_id = ?) WHERE id = ?"
	_, err := tx.ExecContext(ctx, query, sessionID, sessionID)
	return err
}

// endBanned ends the connection that a ban names, and the others that it holds for. A connection that a ban names is kept.
func endBanned(ctx context.Context, tx bun.Tx, row *banRow, now int64) (ended []session.RosterChange, err error) {
	var live []*connectionRow
	query := tx.NewSelect().Model(&live).Where("session_id = ?", row.SessionID).Where(sqlLive).Order("created_revision")
	switch {
	case row.UserID != nil:
		query = query.Where("id = ? OR user_id = ?", row.ConnectionID, *row.UserID)
	case row.Origin != nil:
		query = query.Where("id = ? OR origin = ? AND role <> ?", row.ConnectionID, *row.Origin, string(session.RoleModerator))
	default:
		query = query.Where("id = ?", row.ConnectionID)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, err
	}
	if len(live) > 0 {
		if ended, err = destroy(ctx, tx, live, session.ForceDisconnected, now, "TRUE"); err != nil {
			return nil, err
		}
	}
	const keep = "UPDATE connections SET purge_at = NULL WHERE id = ? AND purge_at IS NOT NULL"
	_, err = tx.ExecContext(ctx, keep, row.ConnectionID)
	return ended, err
}

// Bans implements session.Store.
func (s *Store) Bans(ctx context.Context, sessionID string) ([]*session.Ban, error) {
	if !storable(sessionID) {
		return nil, nil
	}
	return read(ctx, s, "read bans", func(ctx context.Context) (bans []*session.Ban, err error) {
		err = s.readers.RunInTx(ctx, s.engine.snapshot, func(ctx context.Context, tx bun.Tx) error {
			now, err := s.now(ctx, tx)
			if err != nil {
				return err
			}
			var rows []*banRow
			if err := tx.NewRaw(sqlBans, sessionID, now, session.MaxListBans).Scan(ctx, &rows); err != nil {
				return err
			}
			bans, err = withConnections(ctx, tx, rows)
			return err
		})
		return bans, err
	})
}

const sqlBans = "SELECT * FROM bans WHERE session_id = ? AND until > ? ORDER BY created_at DESC, id LIMIT ?"

// DeleteBan implements session.Store.
func (s *Store) DeleteBan(ctx context.Context, sessionID, id, moderatorID string) (ban *session.Ban, err error) {
	err = s.write(ctx, "delete ban", func(ctx context.Context, tx bun.Tx) error {
		_, now, err := s.lockSession(ctx, tx, sessionID)
		if err != nil {
			return err
		}
		if err := requireModerator(ctx, tx, moderatorID, sessionID); err != nil {
			return err
		}
		row, err := selectByID[banRow](ctx, tx, id, banNotFound)
		if err != nil {
			return err
		}
		if row.SessionID != sessionID || row.Until <= now {
			return banNotFound()
		}
		found, err := withConnections(ctx, tx, []*banRow{row})
		if err != nil {
			return err
		}
		ban = found[0]
		if _, err := tx.NewDelete().Model(row).WherePK().Exec(ctx); err != nil {
			return err
		}
		return setBannedUntil(ctx, tx, sessionID)
	})
	if err != nil {
		return nil, err
	}
	return ban, nil
}

// BannedUntil implements session.Store.
func (s *Store) BannedUntil(ctx context.Context, c session.NewConnection) (time.Time, error) {
	if !storable(c.SessionID) {
		return time.Time{}, nil
	}
	return read(ctx, s, "read ban", func(ctx context.Context) (until time.Time, err error) {
		err = s.readers.RunInTx(ctx, s.engine.snapshot, func(ctx context.Context, tx bun.Tx) error {
			now, err := s.now(ctx, tx)
			if err != nil {
				return err
			}
			bans, err := selectActiveBans(ctx, tx, []banSubject{subjectOf(c)})
			if end := bans.until(subjectOf(c)); end > now {
				until = toTime(end)
			}
			return err
		})
		return until, err
	})
}

// withConnections returns the bans of these rows, in the order of the rows.
func withConnections(ctx context.Context, db bun.IDB, rows []*banRow) ([]*session.Ban, error) {
	ids := make([]string, 0, 2*len(rows))
	for _, row := range rows {
		ids = append(ids, row.ConnectionID, row.ModeratorID)
	}
	connections, err := connectionsByID(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	bans := make([]*session.Ban, len(rows))
	for i, row := range rows {
		bans[i] = row.toBan(connections)
	}
	return bans, nil
}

// sqlPurgeBans leaves out rows that another transaction holds.
func sqlPurgeBans(e *engine) string {
	return "DELETE FROM bans WHERE id IN (SELECT id FROM bans WHERE until <= ? ORDER BY until LIMIT ?" + e.skipLocked + ")"
}

// banSubject is somebody for whom a ban may hold.
type banSubject struct {
	sessionID string
	userID    *string
	origin    int64 // 0 where no ban goes by it
	role      session.Role
}

// activeBans are the ends of bans that may hold for some subjects.
type activeBans struct {
	users   map[userAt]int64
	origins map[originAt]int64
}

type userAt struct{ sessionID, userID string }

type originAt struct {
	sessionID string
	origin    int64
}

// selectActiveBans reads the bans of these subjects. One that has ended may still be there: until says when each ends.
func selectActiveBans(ctx context.Context, tx bun.Tx, subjects []banSubject) (a activeBans, err error) {
	var sessionIDs, users []string
	var origins []int64
	for _, b := range subjects {
		sessionIDs = append(sessionIDs, b.sessionID)
		if b.userID != nil && storable(*b.userID) {
			users = append(users, *b.userID)
		}
		if b.origin != 0 {
			origins = append(origins, b.origin)
		}
	}
	a = activeBans{users: make(map[userAt]int64), origins: make(map[originAt]int64)}
	var ofUsers, ofOrigins []*banRow
	if len(users) > 0 {
		if err := tx.NewRaw(sqlBansOfUsers, bun.List(sessionIDs), bun.List(users)).Scan(ctx, &ofUsers); err != nil {
			return a, err
		}
	}
	if len(origins) > 0 {
		if err := tx.NewRaw(sqlBansOfOrigins, bun.List(sessionIDs), bun.List(origins)).Scan(ctx, &ofOrigins); err != nil {
			return a, err
		}
	}
	for _, row := range ofUsers {
		a.users[userAt{row.SessionID, *row.UserID}] = row.Until
	}
	for _, row := range ofOrigins {
		a.origins[originAt{row.SessionID, *row.Origin}] = row.Until
	}
	return a, nil
}

const (
	sqlBansOfUsers   = "SELECT * FROM bans WHERE session_id IN (?) AND user_id IN (?)"
	sqlBansOfOrigins = "SELECT * FROM bans WHERE session_id IN (?) AND origin IN (?)"
)

// until returns when the bans end that hold for a subject; 0 where there is none. The ban of an address does not hold for a
// moderator, who may share it.
func (a activeBans) until(b banSubject) (until int64) {
	if b.userID != nil {
		until = a.users[userAt{b.sessionID, *b.userID}]
	}
	if b.origin != 0 && b.role != session.RoleModerator {
		until = max(until, a.origins[originAt{b.sessionID, b.origin}])
	}
	return until
}
