package session

import (
	"context"
	"slices"
	"time"
)

// connections creates connections, in groups, looks them up, and ends them.
type connections struct {
	store     Store
	shared    bool          // other nodes end connections too
	limit     int           // live connections of a session
	quota     int64         // of the bytes of a session that was made on first use; 0 for no bound
	idle      time.Duration // from a new connection to its end, unless it has a socket or makes requests
	cache     *connectionCache
	presence  *presence
	publisher *publisher
	rooms     *rooms
	queue     writeQueue[NewConnection, ConnectionResult]
}

func newConnections(cfg Config, cache *connectionCache, p *presence, pub *publisher, r *rooms) *connections {
	c := &connections{store: cfg.Store, shared: !cfg.Bus.SingleNode(), limit: cfg.SessionConnections, quota: cfg.SessionBytes, idle: cfg.Idle, cache: cache,
		presence: p, publisher: pub, rooms: r}
	c.queue = newWriteQueue(cfg.Store.ParallelCommits(), cfg.GroupLimit, cfg.QueueLimit,
		func(n NewConnection) string { return n.SessionID }, c.commit)
	return c
}

// run commits connections until close is called and none waits.
func (c *connections) run() { c.queue.Run() }

// close refuses further connections.
func (c *connections) close() { c.queue.Close() }

// create stores a connection, and its session where that is to be made. Errors: RATE_LIMITED with ReasonTooManyConnections;
// those of Store.CreateConnections; UNAVAILABLE.
func (c *connections) create(ctx context.Context, n NewConnection) (*Connection, *Session, error) {
	if err := c.checkSession(n.SessionID); err != nil {
		return nil, nil, err
	}
	r, err := c.queue.do(ctx, n)
	if err == nil {
		err = r.Err
	}
	if err != nil {
		return nil, nil, err
	}
	return r.Change.Connection, r.Session, nil
}

// checkSession checks that a session may have one more connection, as far as this node knows. Connections that are being
// made now, here or on other nodes, are not counted. Where the room is not open here, nothing is checked: no connection has joined here
// for a while.
func (c *connections) checkSession(id string) error {
	r := c.rooms.peek(id)
	if r == nil {
		return nil
	}
	if live, _ := r.roster.counts(); live >= c.limit {
		return TooManyConnections("session", c.limit)
	}
	return nil
}

// commit stores a group of connections and publishes them.
func (c *connections) commit(group []NewConnection) []ConnectionResult {
	ctx := context.Background() // many callers share the commit
	results := c.store.CreateConnections(ctx, group, c.idle)
	for _, r := range results {
		if r.Err != nil {
			continue
		}
		c.cache.put(r.Change.Connection.ID, ConnectionState{Connection: r.Change.Connection})
		if open := c.rooms.peek(r.Session.ID); open != nil && open.session.Epoch != r.Session.Epoch {
			c.rooms.removed(open)
		}
		c.publisher.change(ctx, r.Change)
	}
	return results
}

// destroy ends a connection, whatever becomes of the caller meanwhile. moderatorID is empty where no moderator ends it. Errors:
// NOT_FOUND, UNAVAILABLE, and those of the moderator.
func (c *connections) destroy(ctx context.Context, id, moderatorID string, reason DisconnectReason) (*Connection, error) {
	ctx = context.WithoutCancel(ctx)
	change, err := c.store.DestroyConnection(ctx, id, moderatorID, reason)
	if err != nil {
		return nil, err
	}
	c.publisher.change(ctx, change)
	return change.Connection, nil
}

// update changes a connection's data, and tells every node where that makes a difference. Errors: UNAUTHENTICATED with
// ReasonConnectionDestroyed; FORBIDDEN with ReasonSessionFull; UNAVAILABLE.
func (c *connections) update(ctx context.Context, id string, data *string) (*Connection, error) {
	change, changed, err := c.store.SetConnectionData(ctx, id, data, c.quota)
	if err != nil {
		return nil, err
	}
	if changed {
		c.publisher.change(ctx, change)
	}
	return change.Connection, nil
}

// cached returns a connection that this node remembers, and whether it had ended when the node last heard of it. It does not
// wait.
func (c *connections) cached(id string) (ConnectionState, bool) { return c.cache.get(id) }

// noteService remembers a service connection as the Store has it now.
func (c *connections) noteService(service *Connection) {
	c.cache.put(service.ID, ConnectionState{Connection: service, Destroyed: true})
}

// current returns a connection that this node knows to have other data or another role than it had. It does not wait.
func (c *connections) current(before *Connection) (now *Connection, ok bool) {
	if state, remembered := c.cache.get(before.ID); remembered {
		now = state.Connection
	} else if r := c.rooms.peek(before.SessionID); r != nil { // a busy node forgets
		now, _ = r.roster.connection(before.ID)
	}
	return now, now != nil && now.DataRevision > before.DataRevision
}

// believed returns a connection that this node remembers with data that is not out of date. An open room keeps what is remembered
// of its connections up to date; without one, another node may have changed them, as it may a service connection, of which rooms
// hear nothing. It does not wait.
func (c *connections) believed(id string) (ConnectionState, bool) {
	if state, ok := c.cache.recent(id); ok {
		return state, true
	}
	state, ok := c.cache.get(id)
	return state, ok && !state.Connection.Service && c.rooms.peek(state.Connection.SessionID) != nil
}

// state returns a connection as this node knows it; a zero state for an unknown id. It may miss an end on another node a moment
// ago. Errors: UNAVAILABLE.
func (c *connections) state(ctx context.Context, id string) (ConnectionState, error) {
	if state, ok := c.cache.fresh(id); ok {
		return state, nil
	}
	return c.read(ctx, id)
}

// committedState returns a connection as it is committed now, by whatever node; a zero state for an unknown id. Errors:
// UNAVAILABLE.
func (c *connections) committedState(ctx context.Context, id string) (ConnectionState, error) {
	if !c.shared {
		return c.state(ctx, id)
	}
	return c.read(ctx, id)
}

func (c *connections) read(ctx context.Context, id string) (ConnectionState, error) {
	found, err := c.store.Connections(ctx, []string{id})
	if err != nil {
		return ConnectionState{}, err
	}
	state, ok := found[id]
	if ok {
		c.cache.put(id, state)
	}
	return state, nil
}

// live returns a live connection of a session. Errors: NOT_FOUND, alike for every other id; UNAVAILABLE.
func (c *connections) live(ctx context.Context, argument, id, sessionID string) (*Connection, error) {
	state, err := c.committedState(ctx, id)
	if err != nil {
		return nil, err
	}
	found := state.Connection
	if found == nil || state.Destroyed || found.Guest || found.SessionID != sessionID {
		return nil, Errorf(CodeNotFound, "%s is not a live connection of this session", argument)
	}
	return found, nil
}

// checkLive checks that an id is a live connection of a session. Errors: those of live.
func (c *connections) checkLive(ctx context.Context, argument, id, sessionID string) error {
	_, err := c.live(ctx, argument, id, sessionID)
	return err
}

// byID returns the connections with these ids, ended ones too, in one read of the Store for all that the cache does not
// know of late.
// Unknown ids are absent. Errors: UNAVAILABLE.
func (c *connections) byID(ctx context.Context, ids []string) (map[string]*Connection, error) {
	found := make(map[string]*Connection, len(ids))
	var unknown []string
	for _, id := range ids {
		if state, ok := c.believed(id); ok {
			found[id] = state.Connection
		} else {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return found, nil
	}
	states, err := c.store.Connections(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for id, state := range states {
		c.cache.put(id, state)
		if newest, ok := c.cache.get(id); ok { // a message of the bus may have overtaken the read
			state = newest
		}
		found[id] = state.Connection
	}
	return found, nil
}

// checkGroup is how many connections one read of check asks for at most.
const checkGroup = 500

// check reads again the connections that made a request since the last check. Where another node ends one of them and its
// session is not open here, this node would not learn of it otherwise.
func (c *connections) check(ctx context.Context) error {
	for ids := range slices.Chunk(c.cache.takeUsed(), checkGroup) {
		states, err := c.store.Connections(ctx, ids)
		if err != nil {
			return err // and each is read when it is next used
		}
		for _, id := range ids {
			state, found := states[id]
			switch {
			case state.SessionDeleted:
				c.presence.sessionDeleted(state.Connection)
			case !found:
				c.cache.end(id)
			case state.Destroyed:
				c.presence.ended(state.Connection, "")
			default:
				c.cache.put(id, state)
			}
		}
	}
	return nil
}
