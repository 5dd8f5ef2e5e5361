package db

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// connectionRow is a row of connections: a guest's name (Guest), or a connection, which is live until it has a
// DestroyedRevision.
type connectionRow struct {
	bun.BaseModel `bun:"table:connections"`

	ID                string  `bun:"id,pk"`
	SessionID         string  `bun:"session_id"`
	Role              string  `bun:"role"`
	Data              *string `bun:"data"`
	Guest             bool    `bun:"guest"`
	HadSocket         bool    `bun:"had_socket"`
	CreatedAt         int64   `bun:"created_at"`
	CreatedRevision   *int64  `bun:"created_revision"`
	ExpiresAt         *int64  `bun:"expires_at"`
	DestroyedAt       *int64  `bun:"destroyed_at"`
	DestroyedRevision *int64  `bun:"destroyed_revision"`
	Reason            *string `bun:"reason"`
	PurgeAt           *int64  `bun:"purge_at"`
}

// sqlLive is the condition of a live connection, as the indexes have it.
const sqlLive = "destroyed_revision IS NULL AND created_revision IS NOT NULL"

func fromNewConnection(c session.NewConnection, now, revision int64, idle time.Duration) *connectionRow {
	expires := now + idle.Milliseconds()
	return &connectionRow{
		ID:              c.ID,
		SessionID:       c.SessionID,
		Role:            string(c.Role),
		Data:            c.Data,
		CreatedAt:       now,
		CreatedRevision: &revision,
		ExpiresAt:       &expires,
	}
}

func fromGuest(name, sessionID string, now int64) *connectionRow {
	return &connectionRow{ID: name, SessionID: sessionID, Role: string(session.RolePublisher), Guest: true, CreatedAt: now}
}

func (r *connectionRow) toConnection() *session.Connection {
	return &session.Connection{
		ID:        r.ID,
		SessionID: r.SessionID,
		Data:      r.Data,
		Role:      session.Role(r.Role),
		Guest:     r.Guest,
		CreatedAt: toTime(r.CreatedAt),
	}
}

func (r *connectionRow) live() bool { return r.CreatedRevision != nil && r.DestroyedRevision == nil }

// CreateConnections implements session.Store.
func (s *Store) CreateConnections(ctx context.Context, connections []session.NewConnection, idle time.Duration) []session.ConnectionResult {
	results := make([]session.ConnectionResult, len(connections))
	if len(connections) == 0 {
		return results
	}
	err := s.write(ctx, "create connections", func(ctx context.Context, tx bun.Tx) error {
		return s.createConnections(ctx, tx, connections, idle, results)
	})
	if err != nil {
		for i := range results {
			results[i] = session.ConnectionResult{Err: err}
		}
	}
	return results
}

func (s *Store) createConnections(
	ctx context.Context, tx bun.Tx, connections []session.NewConnection, idle time.Duration, results []session.ConnectionResult,
) error {
	clear(results)
	sessionIDs, ids := make([]string, len(connections)), make([]string, len(connections))
	for i, c := range connections {
		sessionIDs[i], ids[i] = c.SessionID, c.ID
	}
	now, err := s.now(ctx, tx)
	if err != nil {
		return err
	}
	sessions, err := selectSessions(ctx, tx, sessionIDs)
	if err != nil {
		return err
	}
	taken, err := selectConnections(ctx, tx, ids)
	if err != nil {
		return err
	}
	admit := newAdmission(sessions, taken)
	if admit.crowd, err = readCrowd(ctx, tx, connections); err != nil {
		return err
	}
	var rows []*connectionRow
	for i, c := range connections {
		at, err := admit.judge(c, now)
		if err != nil {
			results[i].Err = err
			continue
		}
		at.Revision++
		row := fromNewConnection(c, now, at.Revision, idle)
		rows = append(rows, row)
		results[i] = session.ConnectionResult{
			Session: at.toSession(),
			Change:  session.RosterChange{SessionID: at.ID, Revision: at.Revision, Connection: row.toConnection()},
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if len(admit.made) > 0 {
		// In order, so that those who make the same sessions wait for each other in one direction.
		slices.SortFunc(admit.made, func(a, b *sessionRow) int { return cmp.Compare(a.ID, b.ID) })
		if _, err := tx.NewInsert().Model(&admit.made).Exec(ctx); err != nil {
			return err
		}
	}
	if err := setRevisions(ctx, tx, admit.changed()); err != nil {
		return err
	}
	if _, err = tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return err
	}
	return insertHolders(ctx, tx, connections, results)
}

// admission decides, connection by connection, who may come in.
type admission struct {
	sessions map[string]*sessionRow
	before   map[string]int64 // the revision that each session has in the database
	taken    map[string]bool  // ids
	crowd    crowd
	made     []*sessionRow // sessions to be inserted
}

func newAdmission(sessions []*sessionRow, taken []*connectionRow) *admission {
	a := &admission{sessions: map[string]*sessionRow{}, before: map[string]int64{}, taken: map[string]bool{}}
	for _, row := range sessions {
		a.sessions[row.ID], a.before[row.ID] = row, row.Revision
	}
	for _, row := range taken {
		a.taken[row.ID] = true
	}
	return a
}

// judge returns the session that c comes into, which is made where c asks for it.
func (a *admission) judge(c session.NewConnection, now int64) (*sessionRow, error) {
	if !storable(c.ID) || !storable(c.SessionID) || c.Data != nil && !storable(*c.Data) {
		return nil, session.Errorf(session.CodeBadUserInput, "sessionId and data must be valid UTF-8 without U+0000")
	}
	at, exists := a.sessions[c.SessionID]
	switch {
	case !exists && !c.MakeSession:
		return nil, sessionNotFound()
	case exists && at.TokenRequired && !c.TokenPresented:
		return nil, session.Errorf(session.CodeUnauthenticated, "this session asks for a session token")
	case a.taken[c.ID]:
		// Ids are random, but a guest may have taken this one for a name: another try has another id.
		return nil, session.Unavailable(errors.New("create connection: its id is taken"))
	}
	if err := a.crowd.admit(c); err != nil {
		return nil, err
	}
	if !exists {
		at = fromSession(session.Session{ID: c.SessionID, Epoch: c.NewEpoch, MediaMode: session.MediaRelayed}, now)
		a.sessions[at.ID] = at
		a.made = append(a.made, at)
	}
	a.taken[c.ID] = true
	return at, nil
}

// changed returns the new revisions of the stored sessions that someone came into.
func (a *admission) changed() map[string]int64 {
	grown := make(map[string]int64)
	for id, row := range a.sessions {
		if before, stored := a.before[id]; stored && row.Revision != before {
			grown[id] = row.Revision
		}
	}
	return grown
}

// Connections implements session.Store.
func (s *Store) Connections(ctx context.Context, ids []string) (map[string]session.ConnectionState, error) {
	rows, err := read(ctx, s, "read connections", func(ctx context.Context) ([]*connectionRow, error) {
		return selectConnections(ctx, s.readers, ids)
	})
	if err != nil {
		return nil, err
	}
	states := make(map[string]session.ConnectionState, len(rows))
	for _, row := range rows {
		states[row.ID] = session.ConnectionState{Connection: row.toConnection(), Destroyed: row.DestroyedRevision != nil}
	}
	return states, nil
}

// DestroyConnection implements session.Store.
func (s *Store) DestroyConnection(ctx context.Context, id string, reason session.DisconnectReason) (session.RosterChange, error) {
	var change session.RosterChange
	err := s.write(ctx, "destroy connection", func(ctx context.Context, tx bun.Tx) error {
		row, err := selectConnection(ctx, tx, id)
		if err != nil {
			return err
		}
		if !row.live() {
			return connectionNotFound()
		}
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		changes, err := destroy(ctx, tx, []*connectionRow{row}, reason, now, "TRUE")
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			return connectionNotFound() // somebody was quicker
		}
		change = changes[0]
		return nil
	})
	return change, err
}

// selectConnection returns one row. Errors: NOT_FOUND.
func selectConnection(ctx context.Context, db bun.IDB, id string) (*connectionRow, error) {
	return selectByID[connectionRow](ctx, db, id, connectionNotFound)
}

// selectConnections returns the rows of these ids; unknown ones are absent.
func selectConnections(ctx context.Context, db bun.IDB, ids []string) ([]*connectionRow, error) {
	ids = storableOnly(ids)
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []*connectionRow
	err := db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Scan(ctx)
	return rows, err
}
