package db

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// connectionRow is a row of connections. A row with Guest is a guest's name. Any other row is a connection, which is
// live until it has a DestroyedRevision.
type connectionRow struct {
	bun.BaseModel `bun:"table:connections"`

	ID                string  `bun:"id,pk"`
	SessionID         string  `bun:"session_id"`
	Role              string  `bun:"role"`
	UserID            *string `bun:"user_id"`
	Data              *string `bun:"data"`
	DataFixed         bool    `bun:"data_fixed"`
	DataRevision      int64   `bun:"data_revision"` // the role's too
	Guest             bool    `bun:"guest"`
	HadSocket         bool    `bun:"had_socket"`
	CreatedAt         int64   `bun:"created_at"`
	CreatedRevision   *int64  `bun:"created_revision"`
	ExpiresAt         *int64  `bun:"expires_at"`
	DestroyedAt       *int64  `bun:"destroyed_at"`
	DestroyedRevision *int64  `bun:"destroyed_revision"`
	Reason            *string `bun:"reason"`
	PurgeAt           *int64  `bun:"purge_at"`
	Origin            *int64  `bun:"origin"` // nil where no ban goes by it
}

// sqlLive is the condition of a live connection, word for word as the partial indexes have it.
const sqlLive = "destroyed_revision IS NULL AND created_revision IS NOT NULL"

func fromNewConnection(c session.NewConnection, now, revision int64, idle time.Duration) *connectionRow {
	expires := now + idle.Milliseconds()
	var origin *int64
	if c.Origin != 0 {
		origin = &c.Origin
	}
	return &connectionRow{
		ID:              c.ID,
		SessionID:       c.SessionID,
		Role:            string(c.Role),
		UserID:          c.UserID,
		Data:            c.Data,
		DataFixed:       c.DataFixed,
		CreatedAt:       now,
		CreatedRevision: &revision,
		ExpiresAt:       &expires,
		Origin:          origin,
	}
}

func fromGuest(e *session.NewEntry, now int64) *connectionRow {
	row := &connectionRow{ID: e.ConnectionID, SessionID: e.SessionID, Role: string(session.RolePublisher), Guest: true, CreatedAt: now}
	if e.Origin != 0 {
		row.Origin = &e.Origin
	}
	return row
}

func (r *connectionRow) toConnection() *session.Connection {
	return &session.Connection{
		ID:           r.ID,
		SessionID:    r.SessionID,
		UserID:       r.UserID,
		Data:         r.Data,
		DataFixed:    r.DataFixed,
		DataRevision: r.DataRevision,
		Role:         session.Role(r.Role),
		Guest:        r.Guest,
		Service:      r.isService(),
		CreatedAt:    toTime(r.CreatedAt),
	}
}

func (r *connectionRow) live() bool { return r.CreatedRevision != nil && r.DestroyedRevision == nil }

// CreateConnections implements session.Store.
func (s *Store) CreateConnections(ctx context.Context, connections []session.NewConnection, idle time.Duration) []session.ConnectionResult {
	results := make([]session.ConnectionResult, len(connections))
	if len(connections) == 0 {
		return results
	}
	err := s.writeFew(ctx, "create connections", func(ctx context.Context, tx bun.Tx) error {
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
	now, err := s.now(ctx, tx)
	if err != nil {
		return err
	}
	admit, err := readAdmission(ctx, tx, connections, now)
	if err != nil {
		return err
	}
	var rows []*connectionRow
	for i, c := range connections {
		at, err := admit.check(c, now)
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
	if err := admit.storeSessions(ctx, tx); err != nil {
		return err
	}
	if _, err = tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return err
	}
	return insertHolders(ctx, tx, connections, results)
}

// admission decides which of the new connections are created.
type admission struct {
	sessions map[string]*sessionRow
	before   map[string]int64 // the revision of each stored session before this transaction
	taken    map[string]bool  // the ids that are in use
	live     holderCounts
	bans     activeBans
	created  []*sessionRow   // sessions that are to be stored
	deleted  map[string]bool // sessions that were deleted
}

// readAdmission reads the sessions that the new connections join, the bans that may hold for them, the connections that have
// their ids, and the counts of their holders. It locks the sessions.
func readAdmission(ctx context.Context, tx bun.Tx, connections []session.NewConnection, now int64) (*admission, error) {
	sessionIDs, ids := make([]string, len(connections)), make([]string, len(connections))
	for i, c := range connections {
		sessionIDs[i], ids[i] = c.SessionID, c.ID
	}
	sessions, err := selectSessions(ctx, tx, sessionIDs)
	if err != nil {
		return nil, err
	}
	taken, err := selectConnections(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	live, err := countHolders(ctx, tx, connections)
	if err != nil {
		return nil, err
	}
	a := &admission{sessions: map[string]*sessionRow{}, before: map[string]int64{}, taken: map[string]bool{}, live: live}
	for _, row := range sessions {
		a.sessions[row.ID], a.before[row.ID] = row, row.Revision
	}
	if a.deleted, err = selectDeletedIDs(ctx, tx, a.unknown(sessionIDs)); err != nil {
		return nil, err
	}
	var subjects []banSubject
	for _, c := range connections {
		if at := a.sessions[c.SessionID]; at != nil && at.BannedUntil > now {
			subjects = append(subjects, subjectOf(c))
		}
	}
	if a.bans, err = selectActiveBans(ctx, tx, subjects); err != nil {
		return nil, err
	}
	for _, row := range taken {
		a.taken[row.ID] = true
	}
	return a, nil
}

// unknown returns those of the ids that no session has.
func (a *admission) unknown(sessionIDs []string) (ids []string) {
	for _, id := range sessionIDs {
		if a.sessions[id] == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func subjectOf(c session.NewConnection) banSubject {
	return banSubject{sessionID: c.SessionID, userID: c.UserID, origin: c.Origin, role: c.Role}
}

// check returns the session that c joins, which is created where c asks for it.
func (a *admission) check(c session.NewConnection, now int64) (*sessionRow, error) {
	if !storable(c.ID) || !storable(c.SessionID) || c.Data != nil && !storable(*c.Data) || c.UserID != nil && !storable(*c.UserID) {
		return nil, session.Errorf(session.CodeBadUserInput, "sessionId, data and the user's id must be valid UTF-8 without U+0000")
	}
	at, exists := a.sessions[c.SessionID]
	switch {
	case !exists && a.deleted[c.SessionID]:
		return nil, session.SessionDeletedError()
	case !exists && !c.MakeSession:
		return nil, sessionNotFound()
	case exists && at.TokenRequired && !c.TokenPresented:
		return nil, session.Errorf(session.CodeUnauthenticated, "this session asks for a session token")
	case a.taken[c.ID]:
		// Ids are random, but a guest may use this one as a name: the next try has another id.
		return nil, session.Unavailable(errors.New("create connection: its id is taken"))
	}
	if until := a.bans.until(subjectOf(c)); until > now {
		return nil, session.Banned(toTime(until))
	}
	if err := a.live.admit(c); err != nil {
		return nil, err
	}
	if !exists {
		at = fromSession(session.Session{ID: c.SessionID, Epoch: c.NewEpoch, MediaMode: session.MediaRelayed, TokenRequired: c.TakeTokens}, now)
		a.sessions[at.ID] = at
		a.created = append(a.created, at)
	}
	a.taken[c.ID] = true
	return at, nil
}

// storeSessions stores the sessions that are created and the new revisions of the others. The created ones are in the
// order of their ids, so that two transactions that create the same sessions don't wait for each other.
func (a *admission) storeSessions(ctx context.Context, tx bun.Tx) error {
	if len(a.created) > 0 {
		slices.SortFunc(a.created, func(a, b *sessionRow) int { return cmp.Compare(a.ID, b.ID) })
		if _, err := tx.NewInsert().Model(&a.created).Exec(ctx); err != nil {
			return err
		}
	}
	return setRevisions(ctx, tx, a.changed())
}

// changed returns the new revisions of the stored sessions that got a connection.
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
	return read(ctx, s, "read connections", func(ctx context.Context) (map[string]session.ConnectionState, error) {
		rows, err := selectConnections(ctx, s.readers, ids)
		if err != nil || len(rows) == 0 {
			return map[string]session.ConnectionState{}, err
		}
		sessionIDs := make(map[string]bool, 1)
		for _, row := range rows {
			sessionIDs[row.SessionID] = true
		}
		deleted, err := selectDeletedIDs(ctx, s.readers, slices.Collect(maps.Keys(sessionIDs)))
		if err != nil {
			return nil, err
		}
		states := make(map[string]session.ConnectionState, len(rows))
		for _, row := range rows {
			gone := deleted[row.SessionID]
			states[row.ID] = session.ConnectionState{Connection: row.toConnection(), Destroyed: !row.Guest && !row.live() || gone, SessionDeleted: gone}
		}
		return states, nil
	})
}

// SetConnectionData implements session.Store.
func (s *Store) SetConnectionData(ctx context.Context, id string, data *string, quota int64) (change session.RosterChange, changed bool, err error) {
	if data != nil && !storable(*data) {
		return change, false, session.Errorf(session.CodeBadUserInput, "data must be valid UTF-8 without U+0000")
	}
	known, err := read(ctx, s, "read connection", func(ctx context.Context) (*connectionRow, error) {
		return selectByID[connectionRow](ctx, s.readers, id, connectionDestroyed)
	})
	if err != nil {
		return change, false, err
	}
	if data == nil {
		quota = 0 // to take one's name back is never refused
	}
	change, changed, err = s.changeRoster(ctx, "set a connection's data", known.SessionID, &quota, func(ctx context.Context, tx bun.Tx, at *sessionRow, _ int64) (session.RosterChange, bool, error) {
		row, err := selectByID[connectionRow](ctx, tx, id, connectionDestroyed)
		if err != nil {
			return session.RosterChange{}, false, err
		}
		if !row.live() {
			return session.RosterChange{}, false, connectionDestroyed()
		}
		if same(row.Data, data) {
			return session.RosterChange{Connection: row.toConnection()}, false, nil
		}
		row.Data, row.DataRevision = data, at.Revision
		made := session.RosterChange{Connection: row.toConnection(), Updated: true}
		_, err = tx.NewUpdate().Model(row).Column("data", "data_revision").WherePK().Exec(ctx)
		return made, true, err
	})
	if e, ok := errors.AsType[*session.Error](err); ok && e.Code == session.CodeNotFound && e.Reason == "" { // the session was removed, with all its connections
		err = connectionDestroyed()
	}
	return change, changed, err
}

// same says whether two texts, which may be absent, are equal.
func same[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// selectConnection returns one row. Errors: NOT_FOUND.
func selectConnection(ctx context.Context, db bun.IDB, id string) (*connectionRow, error) {
	return selectByID[connectionRow](ctx, db, id, connectionNotFound)
}

// selectConnections returns the rows of these ids. Unknown ids have no row.
func selectConnections(ctx context.Context, db bun.IDB, ids []string) ([]*connectionRow, error) {
	ids = storableOnly(ids)
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []*connectionRow
	err := db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Scan(ctx)
	return rows, err
}
