package session

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// guard is a Store that turns panics into INTERNAL errors. Most calls are made on goroutines that serve many callers, such as
// the write queues, the ticks and the loading of rooms, where a panic would end the process and everybody's connections.
type guard struct{ store Store }

var _ Store = guard{}

// recovered turns a panic into an error; it must be deferred.
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

func (g guard) StoredEntry(ctx context.Context, e NewEntry) (found *ChatEntry, err error) {
	defer recovered(&err)
	return g.store.StoredEntry(ctx, e)
}

func (g guard) Entries(ctx context.Context, q EntryQuery) (entries []*ChatEntry, err error) {
	defer recovered(&err)
	return g.store.Entries(ctx, q)
}

func (g guard) EntriesBySeq(ctx context.Context, sessionID string, epoch Epoch, seqs []int64) (found map[int64]*ChatEntry, err error) {
	defer recovered(&err)
	return g.store.EntriesBySeq(ctx, sessionID, epoch, seqs)
}

func (g guard) SeqAt(ctx context.Context, sessionID string, place int64) (seq int64, err error) {
	defer recovered(&err)
	return g.store.SeqAt(ctx, sessionID, place)
}

func (g guard) LogEvents(ctx context.Context, q LogQuery) (run LogRun, err error) {
	defer recovered(&err)
	return g.store.LogEvents(ctx, q)
}

func (g guard) ChangeEntries(ctx context.Context, changes []NewChange) (results []ChangeResult) {
	if err := recovering(func() { results = g.store.ChangeEntries(ctx, changes) }); err != nil {
		results = make([]ChangeResult, len(changes))
		for i := range results {
			results[i].Err = err
		}
	}
	return results
}

func (g guard) StoredChange(ctx context.Context, c NewChange) (found *ChatEntry, err error) {
	defer recovered(&err)
	return g.store.StoredChange(ctx, c)
}

func (g guard) DeleteEntries(
	ctx context.Context, sessionID, connectionID string, userID *string, by Actor, before int64, limit int,
) (run LogRun, next int64, err error) {
	defer recovered(&err)
	return g.store.DeleteEntries(ctx, sessionID, connectionID, userID, by, before, limit)
}

func (g guard) ReactionsOf(ctx context.Context, sessionID string, by Actor, seqs []int64) (names map[int64][]string, err error) {
	defer recovered(&err)
	return g.store.ReactionsOf(ctx, sessionID, by, seqs)
}

func (g guard) Reactors(ctx context.Context, sessionID string, reactions []ReactionKey, limit int) (ids map[ReactionKey][]string, err error) {
	defer recovered(&err)
	return g.store.Reactors(ctx, sessionID, reactions, limit)
}

func (g guard) ReadMark(ctx context.Context, sessionID, userID string) (mark ReadMark, err error) {
	defer recovered(&err)
	return g.store.ReadMark(ctx, sessionID, userID)
}

func (g guard) MarkRead(ctx context.Context, marks []NewReadMark) (moved []bool, err error) {
	defer recovered(&err)
	return g.store.MarkRead(ctx, marks)
}

func (g guard) UpdateSession(ctx context.Context, id string, u SessionUpdate) (change RosterChange, changed bool, err error) {
	defer recovered(&err)
	return g.store.UpdateSession(ctx, id, u)
}

func (g guard) SessionSizes(ctx context.Context, ids []string) (sizes map[string]SessionSize, err error) {
	defer recovered(&err)
	return g.store.SessionSizes(ctx, ids)
}

func (g guard) DeleteSession(ctx context.Context, id string) (epoch Epoch, err error) {
	defer recovered(&err)
	return g.store.DeleteSession(ctx, id)
}

func (g guard) RemoveDeleted(ctx context.Context, limit int) (more bool, err error) {
	defer recovered(&err)
	return g.store.RemoveDeleted(ctx, limit)
}

func (g guard) CreateErasure(ctx context.Context, n NewErasure) (e *Erasure, err error) {
	defer recovered(&err)
	return g.store.CreateErasure(ctx, n)
}

func (g guard) Erasure(ctx context.Context, id string) (e *Erasure, err error) {
	defer recovered(&err)
	return g.store.Erasure(ctx, id)
}

func (g guard) Erasures(ctx context.Context, limit int) (list []*Erasure, err error) {
	defer recovered(&err)
	return g.store.Erasures(ctx, limit)
}

func (g guard) PendingErasures(ctx context.Context) (pending []PendingErasure, err error) {
	defer recovered(&err)
	return g.store.PendingErasures(ctx)
}

func (g guard) ErasureSession(ctx context.Context, id, after string, live bool) (sessionID string, err error) {
	defer recovered(&err)
	return g.store.ErasureSession(ctx, id, after, live)
}

func (g guard) EraseInSession(ctx context.Context, id, sessionID string, from ErasurePlace, limit int) (part ErasedPart, err error) {
	defer recovered(&err)
	return g.store.EraseInSession(ctx, id, sessionID, from, limit)
}

func (g guard) SettleErasure(ctx context.Context, id string) (phase ErasurePhase, err error) {
	defer recovered(&err)
	return g.store.SettleErasure(ctx, id)
}

func (g guard) NoteErased(ctx context.Context, id, node string) (err error) {
	defer recovered(&err)
	return g.store.NoteErased(ctx, id, node)
}

func (g guard) KeepErasures(ctx context.Context) (err error) {
	defer recovered(&err)
	return g.store.KeepErasures(ctx)
}

func (g guard) ClearErased(ctx context.Context) (err error) {
	defer recovered(&err)
	return g.store.ClearErased(ctx)
}

func (g guard) ServiceConnection(ctx context.Context, sessionID string, actor ServiceActor) (c *Connection, err error) {
	defer recovered(&err)
	return g.store.ServiceConnection(ctx, sessionID, actor)
}

func (g guard) CreateBan(ctx context.Context, b NewBan) (ban *Ban, ended []RosterChange, err error) {
	defer recovered(&err)
	return g.store.CreateBan(ctx, b)
}

func (g guard) Bans(ctx context.Context, sessionID string) (bans []*Ban, err error) {
	defer recovered(&err)
	return g.store.Bans(ctx, sessionID)
}

func (g guard) DeleteBan(ctx context.Context, sessionID, id, moderatorID string) (ban *Ban, err error) {
	defer recovered(&err)
	return g.store.DeleteBan(ctx, sessionID, id, moderatorID)
}

func (g guard) BannedUntil(ctx context.Context, c NewConnection) (until time.Time, err error) {
	defer recovered(&err)
	return g.store.BannedUntil(ctx, c)
}

func (g guard) LastSeqs(ctx context.Context, sessionIDs []string) (last map[string]LastSeqs, err error) {
	defer recovered(&err)
	return g.store.LastSeqs(ctx, sessionIDs)
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

func (g guard) SetConnectionData(ctx context.Context, id string, data *string, quota int64) (change RosterChange, changed bool, err error) {
	defer recovered(&err)
	return g.store.SetConnectionData(ctx, id, data, quota)
}

func (g guard) SetRole(ctx context.Context, n NewRole) (connection *Connection, changes []RosterChange, err error) {
	defer recovered(&err)
	return g.store.SetRole(ctx, n)
}

func (g guard) DestroyConnection(ctx context.Context, id, moderatorID string, reason DisconnectReason) (change RosterChange, err error) {
	defer recovered(&err)
	return g.store.DestroyConnection(ctx, id, moderatorID, reason)
}

func (g guard) Roster(ctx context.Context, sessionID string) (roster Roster, err error) {
	defer recovered(&err)
	return g.store.Roster(ctx, sessionID)
}

func (g guard) ListSessions(ctx context.Context, q SessionQuery) (run SessionRun, err error) {
	defer recovered(&err)
	return g.store.ListSessions(ctx, q)
}

func (g guard) NewestEntries(ctx context.Context, sessionIDs []string) (found map[string]*ChatEntry, err error) {
	defer recovered(&err)
	return g.store.NewestEntries(ctx, sessionIDs)
}

func (g guard) RosterSizes(ctx context.Context, sessionIDs []string) (sizes map[string]RosterSize, err error) {
	defer recovered(&err)
	return g.store.RosterSizes(ctx, sessionIDs)
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

func (g guard) UpdateStream(ctx context.Context, id string, u StreamUpdate, quota int64) (change RosterChange, changed bool, err error) {
	defer recovered(&err)
	return g.store.UpdateStream(ctx, id, u, quota)
}

func (g guard) DestroyStream(ctx context.Context, id, moderatorID string, reason DisconnectReason) (change RosterChange, err error) {
	defer recovered(&err)
	return g.store.DestroyStream(ctx, id, moderatorID, reason)
}

func (g guard) MuteStreams(ctx context.Context, m Mute) (change RosterChange, muted []*Stream, err error) {
	defer recovered(&err)
	return g.store.MuteStreams(ctx, m)
}

func (g guard) EndMute(ctx context.Context, sessionID, moderatorID string) (change RosterChange, changed bool, err error) {
	defer recovered(&err)
	return g.store.EndMute(ctx, sessionID, moderatorID)
}

func (g guard) RenewNode(ctx context.Context, node string, lease time.Duration, report NodeReport) (held bool, err error) {
	defer recovered(&err)
	return g.store.RenewNode(ctx, node, lease, report)
}

func (g guard) Nodes(ctx context.Context) (nodes []*Node, err error) {
	defer recovered(&err)
	return g.store.Nodes(ctx)
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

func (g guard) HoldLease(ctx context.Context, name, node string, length time.Duration) (held bool, err error) {
	defer recovered(&err)
	return g.store.HoldLease(ctx, name, node, length)
}

func (g guard) RetentionDue(ctx context.Context, general time.Duration, after string, limit int) (ids []string, next string, err error) {
	defer recovered(&err)
	return g.store.RetentionDue(ctx, general, after, limit)
}

func (g guard) RemoveExpired(ctx context.Context, node string, sessionIDs []string, general time.Duration, limit int) (removed []Removal, left []string, err error) {
	defer recovered(&err)
	return g.store.RemoveExpired(ctx, node, sessionIDs, general, limit)
}

func (g guard) SequenceFeed(ctx context.Context, node string, sessionIDs []string) (end int64, again []string, err error) {
	defer recovered(&err)
	return g.store.SequenceFeed(ctx, node, sessionIDs)
}

func (g guard) FeedBehind(ctx context.Context, after string, limit int) (ids []string, next string, err error) {
	defer recovered(&err)
	return g.store.FeedBehind(ctx, after, limit)
}

func (g guard) FeedEnd(ctx context.Context) (end FeedEnd, err error) {
	defer recovered(&err)
	return g.store.FeedEnd(ctx)
}

func (g guard) FeedEvents(ctx context.Context, after, before int64) (run FeedRun, err error) {
	defer recovered(&err)
	return g.store.FeedEvents(ctx, after, before)
}

func (g guard) ExportPage(ctx context.Context, q ExportQuery) (page *ExportPage, err error) {
	defer recovered(&err)
	return g.store.ExportPage(ctx, q)
}

func (g guard) CreateWebhook(ctx context.Context, w Webhook) (made *Webhook, err error) {
	defer recovered(&err)
	return g.store.CreateWebhook(ctx, w)
}

func (g guard) Webhooks(ctx context.Context) (webhooks []*Webhook, err error) {
	defer recovered(&err)
	return g.store.Webhooks(ctx)
}

func (g guard) Webhook(ctx context.Context, id string) (w *Webhook, err error) {
	defer recovered(&err)
	return g.store.Webhook(ctx, id)
}

func (g guard) DeleteWebhook(ctx context.Context, id string) (was *Webhook, err error) {
	defer recovered(&err)
	return g.store.DeleteWebhook(ctx, id)
}

func (g guard) ReplayWebhook(ctx context.Context, id string, place int64) (w *Webhook, err error) {
	defer recovered(&err)
	return g.store.ReplayWebhook(ctx, id, place)
}

func (g guard) UpdateWebhooks(ctx context.Context, progress []WebhookProgress) (err error) {
	defer recovered(&err)
	return g.store.UpdateWebhooks(ctx, progress)
}

func (g guard) ParallelCommits() int { return g.store.ParallelCommits() }

func (g guard) Ping(ctx context.Context) (err error) {
	defer recovered(&err)
	return g.store.Ping(ctx)
}
