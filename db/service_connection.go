package db

import (
	"context"
	"crypto/rand"

	"github.com/uptrace/bun"

	"chattok/session"
)

// actorKey names an actor of a session in service_connections; "" for the server itself, whose connection the session's row names.
func actorKey(a session.ServiceActor) string {
	switch {
	case a.UserID != nil:
		return "u" + *a.UserID
	case a.Name != "":
		return "n" + a.Name
	}
	return ""
}

// ServiceConnection implements session.Store. The connection's row has no created_revision, so it is never live.
func (s *Store) ServiceConnection(ctx context.Context, sessionID string, actor session.ServiceActor) (*session.Connection, error) {
	if !storable(actorKey(actor)) || actor.Data != nil && !storable(*actor.Data) {
		return nil, session.Errorf(session.CodeBadUserInput, "as must be valid UTF-8 without U+0000")
	}
	known, err := read(ctx, s, "read a service connection", func(ctx context.Context) (found *connectionRow, err error) {
		err = s.readers.RunInTx(ctx, s.engine.snapshot, func(ctx context.Context, tx bun.Tx) error {
			at, err := selectSession(ctx, tx, sessionID)
			if err != nil {
				return err
			}
			if found, err = selectServiceConnection(ctx, tx, at, actor); err != nil || found == nil {
				return err
			}
			now, err := s.now(ctx, tx)
			if err != nil {
				return err
			}
			return notBanned(ctx, tx, at, actor, now)
		})
		return found, err
	})
	if err != nil {
		return nil, err
	}
	if known != nil && !changesData(known, actor) {
		return known.toConnection(), nil
	}
	var row *connectionRow
	err = s.write(ctx, "make a service connection", func(ctx context.Context, tx bun.Tx) error {
		at, now, err := s.lockSession(ctx, tx, sessionID)
		if err != nil {
			return err
		}
		if err := notBanned(ctx, tx, at, actor, now); err != nil {
			return err
		}
		row, err = selectServiceConnection(ctx, tx, at, actor) // another transaction may have been first
		switch {
		case err != nil:
			return err
		case row == nil:
			row, err = insertServiceConnection(ctx, tx, at, actor, now)
			return err
		case !changesData(row, actor):
			return nil
		}
		row.Data, row.DataRevision = actor.Data, row.DataRevision+1
		_, err = tx.NewUpdate().Model(row).Column("data", "data_revision").WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return row.toConnection(), nil
}

// changesData says whether an actor gives its connection other data.
func changesData(row *connectionRow, actor session.ServiceActor) bool {
	return actor.Data != nil && !same(row.Data, actor.Data)
}

// selectServiceConnection returns the connection of an actor in a session; nil where it has none yet.
func selectServiceConnection(ctx context.Context, db bun.IDB, at *sessionRow, actor session.ServiceActor) (*connectionRow, error) {
	key := actorKey(actor)
	if key == "" {
		if at.ServerConnection == nil {
			return nil, nil
		}
		return selectConnection(ctx, db, *at.ServerConnection)
	}
	var rows []*connectionRow
	if err := db.NewRaw(sqlServiceConnection, at.ID, key).Scan(ctx, &rows); err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

const sqlServiceConnection = "SELECT c.* FROM service_connections AS a JOIN connections AS c ON c.id = a.connection_id" +
	" WHERE a.session_id = ? AND a.actor = ?"

// insertServiceConnection makes the connection of an actor in a session. It has ended when it is made, so that it keeps no session.
func insertServiceConnection(ctx context.Context, tx bun.Tx, at *sessionRow, actor session.ServiceActor, now int64) (*connectionRow, error) {
	row := &connectionRow{ID: rand.Text(), SessionID: at.ID, Role: string(session.RolePublisher), UserID: actor.UserID, DataFixed: true,
		CreatedAt: now, DestroyedAt: &now}
	key := actorKey(actor)
	if key == "" {
		row.Role = string(session.RoleModerator)
	}
	var err error
	if row.Data, err = firstData(ctx, tx, at.ID, actor); err != nil {
		return nil, err
	}
	if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return nil, err
	}
	if key == "" {
		_, err := tx.ExecContext(ctx, "UPDATE sessions SET server_connection = ? WHERE id = ?", row.ID, at.ID)
		return row, err
	}
	// A row may be left of an earlier session with this id, which a node of an earlier version removed.
	const insert = "INSERT INTO service_connections (session_id, actor, connection_id) VALUES (?, ?, ?)" +
		" ON CONFLICT (session_id, actor) DO UPDATE SET connection_id = excluded.connection_id"
	_, err = tx.ExecContext(ctx, insert, at.ID, key, row.ID)
	return row, err
}

// firstData returns the data of a connection that is made for an actor.
func firstData(ctx context.Context, tx bun.Tx, sessionID string, actor session.ServiceActor) (*string, error) {
	switch {
	case actor.Data != nil:
		return actor.Data, nil
	case actor.Name != "":
		return &actor.Name, nil
	case actor.UserID == nil:
		return nil, nil
	}
	var newest []struct{ Data *string }
	const query = "SELECT data FROM connections WHERE session_id = ? AND user_id = ? ORDER BY created_at DESC, id LIMIT 1"
	if err := tx.NewRaw(query, sessionID, *actor.UserID).Scan(ctx, &newest); err != nil || len(newest) == 0 {
		return nil, err
	}
	return newest[0].Data, nil
}

// notBanned returns an error where an actor is a user that is banned from the session.
func notBanned(ctx context.Context, tx bun.Tx, at *sessionRow, actor session.ServiceActor, now int64) error {
	if actor.UserID == nil || at.BannedUntil <= now {
		return nil
	}
	subject := banSubject{sessionID: at.ID, userID: actor.UserID, role: session.RolePublisher}
	bans, err := selectActiveBans(ctx, tx, []banSubject{subject})
	if err != nil {
		return err
	}
	if until := bans.until(subject); until > now {
		return session.Banned(toTime(until))
	}
	return nil
}

// moderatorOf returns a live connection of a session with role MODERATOR, or one of its service connections. Errors: UNAUTHENTICATED
// with ReasonConnectionDestroyed; FORBIDDEN.
func moderatorOf(ctx context.Context, tx bun.Tx, id, sessionID string) (*session.Connection, error) {
	row, err := selectByID[connectionRow](ctx, tx, id, connectionDestroyed)
	if err != nil {
		return nil, err
	}
	if row.SessionID != sessionID || !row.live() && !row.isService() {
		return nil, connectionDestroyed()
	}
	if !row.isService() {
		if err := mayModerate(session.Role(row.Role)); err != nil {
			return nil, err
		}
	}
	return row.toConnection(), nil
}

// requireModerator returns why a connection may not moderate in a session; an empty id stands for a caller that needs no role. The session's
// row is locked, as it is by every change of a role. Errors: as moderatorOf.
func requireModerator(ctx context.Context, tx bun.Tx, id, sessionID string) error {
	if id == "" {
		return nil
	}
	_, err := moderatorOf(ctx, tx, id, sessionID)
	return err
}

// isService says whether the row is a service connection.
func (r *connectionRow) isService() bool { return !r.Guest && r.CreatedRevision == nil }

// sqlService is the condition of a service connection.
const sqlService = "NOT guest AND created_revision IS NULL"
