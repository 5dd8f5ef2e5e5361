package session

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// guard is a Store whose panics are INTERNAL errors to its callers. Most calls are made on goroutines that serve many
// (the writers, the look-outs, a room's loading), where a panic would end the process and everybody's connections.
type guard struct{ store Store }

var _ Store = guard{}

// recovered, deferred, turns a panic into an error.
func recovered(err *error) {
	if cause := recover(); cause != nil {
		*err = &Error{Code: CodeInternal, Message: "internal error",
			Err: fmt.Errorf("the store panicked: %v\n%s", cause, debug.Stack())}
	}
}

// recovering runs f and returns its panic as an error.
func recovering(f func()) (err error) {
	defer recovered(&err)
	f()
	return nil
}

func (g guard) Session(ctx context.Context, id string) (s *Session, err error) {
	defer recovered(&err)
	return g.store.Session(ctx, id)
}

func (g guard) CreateSession(ctx context.Context, s Session) (made *Session, err error) {
	defer recovered(&err)
	return g.store.CreateSession(ctx, s)
}

func (g guard) AppendEntries(ctx context.Context, entries []NewEntry) (results []EntryResult) {
	if err := recovering(func() { results = g.store.AppendEntries(ctx, entries) }); err != nil {
		results = make([]EntryResult, len(entries))
		for i := range results {
			results[i].Err = err
		}
	}
	return results
}

func (g guard) Entries(ctx context.Context, q EntryQuery) (entries []*ChatEntry, err error) {
	defer recovered(&err)
	return g.store.Entries(ctx, q)
}

func (g guard) Heads(ctx context.Context, sessionIDs []string) (heads map[string]Head, err error) {
	defer recovered(&err)
	return g.store.Heads(ctx, sessionIDs)
}

func (g guard) CreateConnections(ctx context.Context, connections []NewConnection, idle time.Duration) (results []ConnectionResult) {
	if err := recovering(func() { results = g.store.CreateConnections(ctx, connections, idle) }); err != nil {
		results = make([]ConnectionResult, len(connections))
		for i := range results {
			results[i].Err = err
		}
	}
	return results
}

func (g guard) Connections(ctx context.Context, ids []string) (states map[string]ConnectionState, err error) {
	defer recovered(&err)
	return g.store.Connections(ctx, ids)
}

func (g guard) DestroyConnection(ctx context.Context, id string, reason DisconnectReason) (change RosterChange, err error) {
	defer recovered(&err)
	return g.store.DestroyConnection(ctx, id, reason)
}

func (g guard) Roster(ctx context.Context, sessionID string) (roster Roster, err error) {
	defer recovered(&err)
	return g.store.Roster(ctx, sessionID)
}

func (g guard) ListConnections(ctx context.Context, sessionID string, after RosterPlace, limit int) (found []PlacedConnection, err error) {
	defer recovered(&err)
	return g.store.ListConnections(ctx, sessionID, after, limit)
}

func (g guard) RosterChanges(ctx context.Context, sessionID string, after int64, limit int) (changes []RosterChange, err error) {
	defer recovered(&err)
	return g.store.RosterChanges(ctx, sessionID, after, limit)
}

func (g guard) Stream(ctx context.Context, id string) (stream *Stream, err error) {
	defer recovered(&err)
	return g.store.Stream(ctx, id)
}

func (g guard) PublishStream(ctx context.Context, s NewStream, limit int) (change RosterChange, err error) {
	defer recovered(&err)
	return g.store.PublishStream(ctx, s, limit)
}

func (g guard) UpdateStream(ctx context.Context, id string, u StreamUpdate) (change RosterChange, err error) {
	defer recovered(&err)
	return g.store.UpdateStream(ctx, id, u)
}

func (g guard) DestroyStream(ctx context.Context, id string, reason DisconnectReason) (change RosterChange, err error) {
	defer recovered(&err)
	return g.store.DestroyStream(ctx, id, reason)
}

func (g guard) MuteStreams(ctx context.Context, m Mute) (change RosterChange, muted []*Stream, err error) {
	defer recovered(&err)
	return g.store.MuteStreams(ctx, m)
}

func (g guard) RenewNode(ctx context.Context, node string, lease time.Duration) (held bool, err error) {
	defer recovered(&err)
	return g.store.RenewNode(ctx, node, lease)
}

func (g guard) Attach(ctx context.Context, node string, connectionIDs []string) (refused map[string]error, err error) {
	defer recovered(&err)
	return g.store.Attach(ctx, node, connectionIDs)
}

func (g guard) Detach(ctx context.Context, node string, connectionIDs []string, grace time.Duration) (err error) {
	defer recovered(&err)
	return g.store.Detach(ctx, node, connectionIDs, grace)
}

func (g guard) Touch(ctx context.Context, connectionIDs []string, idle, grace time.Duration) (err error) {
	defer recovered(&err)
	return g.store.Touch(ctx, connectionIDs, idle, grace)
}

func (g guard) Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) (changes []RosterChange, err error) {
	defer recovered(&err)
	return g.store.Sweep(ctx, node, grace, idle, limit)
}

func (g guard) Lanes() int { return g.store.Lanes() }

func (g guard) Ping(ctx context.Context) (err error) {
	defer recovered(&err)
	return g.store.Ping(ctx)
}
