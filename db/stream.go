package db

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"chattok/session"
)

// streamRow is a row of streams, and part of a change's record.
type streamRow struct {
	bun.BaseModel `bun:"table:streams" json:"-"`

	ID              string  `bun:"id,pk" json:"id"`
	SessionID       string  `bun:"session_id" json:"-"`
	ConnectionID    string  `bun:"connection_id" json:"connectionId"`
	Name            *string `bun:"name" json:"name,omitempty"`
	HasAudio        bool    `bun:"has_audio" json:"hasAudio"`
	HasVideo        bool    `bun:"has_video" json:"hasVideo"`
	VideoType       string  `bun:"video_type" json:"videoType"`
	Width           *int64  `bun:"width" json:"width,omitempty"`
	Height          *int64  `bun:"height" json:"height,omitempty"`
	CreatedAt       int64   `bun:"created_at" json:"createdAt"`
	CreatedRevision int64   `bun:"created_revision" json:"createdRevision"`
}

// streamChangeRow is a row of stream_changes.
type streamChangeRow struct {
	bun.BaseModel `bun:"table:stream_changes"`

	SessionID string `bun:"session_id,pk"`
	Revision  int64  `bun:"revision,pk"`
	Change    string `bun:"change"` // a changeRecord
	PurgeAt   int64  `bun:"purge_at"`
}

// changeRecord is a session.StreamChange as it is stored.
type changeRecord struct {
	Kind        session.StreamChangeKind `json:"kind"`
	Stream      *streamRow               `json:"stream,omitempty"`
	Reason      session.DisconnectReason `json:"reason,omitempty"`
	Except      []string                 `json:"except,omitempty"`
	ModeratorID string                   `json:"moderatorId,omitempty"`
}

func fromNewStream(s session.NewStream, now, revision int64) *streamRow {
	return &streamRow{
		ID:              s.ID,
		SessionID:       s.SessionID,
		ConnectionID:    s.ConnectionID,
		Name:            s.Name,
		HasAudio:        s.HasAudio,
		HasVideo:        s.HasVideo,
		VideoType:       string(s.VideoType),
		Width:           s.Width,
		Height:          s.Height,
		CreatedAt:       now,
		CreatedRevision: revision,
	}
}

// fromStream is the row of a stream that is stored already, with what may have changed of it.
func fromStream(s *session.Stream, stored *streamRow) *streamRow {
	row := *stored
	row.Name, row.HasAudio, row.HasVideo = s.Name, s.HasAudio, s.HasVideo
	row.VideoType, row.Width, row.Height = string(s.VideoType), s.Width, s.Height
	return &row
}

func (r *streamRow) toStream(publisher *session.Connection) *session.Stream {
	return &session.Stream{
		ID:         r.ID,
		SessionID:  publisher.SessionID,
		Connection: publisher,
		Name:       r.Name,
		HasAudio:   r.HasAudio,
		HasVideo:   r.HasVideo,
		VideoType:  session.VideoType(r.VideoType),
		Width:      r.Width,
		Height:     r.Height,
		CreatedAt:  toTime(r.CreatedAt),
	}
}

// Stream implements session.Store.
func (s *Store) Stream(ctx context.Context, id string) (*session.Stream, error) {
	return read(ctx, s, "read stream", func(ctx context.Context) (stream *session.Stream, err error) {
		err = s.readers.RunInTx(ctx, s.engine.snapshot, func(ctx context.Context, tx bun.Tx) error {
			_, stream, err = selectStream(ctx, tx, id)
			return err
		})
		return stream, err
	})
}

// PublishStream implements session.Store.
func (s *Store) PublishStream(ctx context.Context, n session.NewStream, limit int) (session.RosterChange, error) {
	return s.changeStreams(ctx, "publish stream", n.SessionID, func(ctx context.Context, tx bun.Tx, now, revision int64) (*session.StreamChange, error) {
		if n.Name != nil && !storable(*n.Name) {
			return nil, session.Errorf(session.CodeBadUserInput, "name must be valid UTF-8 without U+0000")
		}
		publisher, err := liveMember(ctx, tx, n.ConnectionID, n.SessionID)
		if err != nil {
			return nil, err
		}
		count, err := tx.NewSelect().Model((*streamRow)(nil)).Where("connection_id = ?", n.ConnectionID).Count(ctx)
		if err != nil {
			return nil, err
		}
		if int(count) >= limit {
			return nil, session.Errorf(session.CodeRateLimited, "a connection may publish at most %d streams; unpublish one first", limit).
				WithReason(session.ReasonTooManyStreams)
		}
		row := fromNewStream(n, now, revision)
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return nil, err
		}
		return &session.StreamChange{Kind: session.StreamPublished, Stream: row.toStream(publisher)}, nil
	})
}

// UpdateStream implements session.Store.
func (s *Store) UpdateStream(ctx context.Context, id string, u session.StreamUpdate) (session.RosterChange, error) {
	return s.changeStream(ctx, "update stream", id, func(ctx context.Context, tx bun.Tx, row *streamRow, stream *session.Stream) (*session.StreamChange, error) {
		if u.Name != nil && !storable(*u.Name) {
			return nil, session.Errorf(session.CodeBadUserInput, "name must be valid UTF-8 without U+0000")
		}
		changed := u.Apply(*stream)
		_, err := tx.NewUpdate().Model(fromStream(changed, row)).
			Column("name", "has_audio", "has_video", "video_type", "width", "height").WherePK().Exec(ctx)
		return &session.StreamChange{Kind: session.StreamChanged, Stream: changed}, err
	})
}

// DestroyStream implements session.Store.
func (s *Store) DestroyStream(ctx context.Context, id string, reason session.DisconnectReason) (session.RosterChange, error) {
	return s.changeStream(ctx, "destroy stream", id, func(ctx context.Context, tx bun.Tx, row *streamRow, stream *session.Stream) (*session.StreamChange, error) {
		_, err := tx.NewDelete().Model(row).WherePK().Exec(ctx)
		return &session.StreamChange{Kind: session.StreamEnded, Stream: stream, Reason: reason}, err
	})
}

// MuteStreams implements session.Store.
func (s *Store) MuteStreams(ctx context.Context, m session.Mute) (change session.RosterChange, muted []*session.Stream, err error) {
	change, err = s.changeStreams(ctx, "mute streams", m.SessionID, func(ctx context.Context, tx bun.Tx, _, _ int64) (*session.StreamChange, error) {
		moderator, err := liveMember(ctx, tx, m.ModeratorID, m.SessionID)
		if err != nil {
			return nil, err
		}
		if muted, err = muteStreams(ctx, tx, m); err != nil {
			return nil, err
		}
		c := &session.StreamChange{Kind: session.StreamsMuted, Except: storableOnly(m.Except), Moderator: moderator}
		if m.StreamID == "" {
			return c, nil
		}
		if len(muted) == 0 {
			return nil, streamNotFound()
		}
		c.Stream, c.Except = muted[0], nil
		return c, nil
	})
	if err != nil {
		return session.RosterChange{}, nil, err
	}
	return change, muted, nil
}

// muteStreams switches off the audio of the streams that m names, and returns them.
func muteStreams(ctx context.Context, tx bun.Tx, m session.Mute) ([]*session.Stream, error) {
	var rows []*streamRow
	query := tx.NewSelect().Model(&rows).Where("session_id = ?", m.SessionID).Order("created_revision")
	if m.StreamID != "" {
		query = query.Where("id IN (?)", bun.List(storableOnly([]string{m.StreamID})))
	} else if except := storableOnly(m.Except); len(except) > 0 {
		query = query.Where("id NOT IN (?)", bun.List(except))
	}
	if err := query.Scan(ctx); err != nil || len(rows) == 0 {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i], row.HasAudio = row.ID, false
	}
	if _, err := tx.ExecContext(ctx, "UPDATE streams SET has_audio = FALSE WHERE id IN (?)", bun.List(ids)); err != nil {
		return nil, err
	}
	return withPublishers(ctx, tx, rows)
}

// changeStream runs one change of a stream that has not ended.
func (s *Store) changeStream(
	ctx context.Context, tried, id string,
	change func(ctx context.Context, tx bun.Tx, row *streamRow, stream *session.Stream) (*session.StreamChange, error),
) (session.RosterChange, error) {
	// A stream never changes its session, so this can be asked first; whether it has ended is asked again, in order.
	known, err := s.Stream(ctx, id)
	if err != nil {
		return session.RosterChange{}, err
	}
	return s.changeStreams(ctx, tried, known.SessionID, func(ctx context.Context, tx bun.Tx, _, _ int64) (*session.StreamChange, error) {
		row, stream, err := selectStream(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		return change(ctx, tx, row, stream)
	})
}

// changeStreams runs one change of a session's streams and gives it the next revision. The session's row is taken first,
// so that changes of one session are made one after the other on every engine.
func (s *Store) changeStreams(
	ctx context.Context, tried, sessionID string,
	change func(ctx context.Context, tx bun.Tx, now, revision int64) (*session.StreamChange, error),
) (session.RosterChange, error) {
	var made session.RosterChange
	err := s.write(ctx, tried, func(ctx context.Context, tx bun.Tx) error {
		sessions, err := selectSessions(ctx, tx, []string{sessionID})
		if err != nil {
			return err
		}
		if len(sessions) == 0 {
			return sessionNotFound()
		}
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		revision := sessions[0].Revision + 1
		c, err := change(ctx, tx, now, revision)
		if err != nil {
			return err
		}
		made = session.RosterChange{SessionID: sessionID, Revision: revision, Stream: c}
		if err := recordChange(ctx, tx, made, now); err != nil {
			return err
		}
		return setRevision(ctx, tx, sessionID, revision)
	})
	if err != nil {
		return session.RosterChange{}, err
	}
	return made, nil
}

// recordChange keeps a change of streams for those who follow.
func recordChange(ctx context.Context, tx bun.Tx, c session.RosterChange, now int64) error {
	record := changeRecord{Kind: c.Stream.Kind, Reason: c.Stream.Reason, Except: c.Stream.Except}
	if s := c.Stream.Stream; s != nil {
		record.Stream = fromStream(s, &streamRow{ID: s.ID, ConnectionID: s.Connection.ID, CreatedAt: s.CreatedAt.UnixMilli()})
	}
	if m := c.Stream.Moderator; m != nil {
		record.ModeratorID = m.ID
	}
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	row := &streamChangeRow{SessionID: c.SessionID, Revision: c.Revision, Change: string(text), PurgeAt: now + purgeAfter.Milliseconds()}
	_, err = tx.NewInsert().Model(row).Exec(ctx)
	return err
}

// selectStreamChanges returns the changes of streams after one revision and up to another.
func selectStreamChanges(ctx context.Context, db bun.IDB, sessionID string, after, last int64) ([]session.RosterChange, error) {
	var rows []*streamChangeRow
	if err := db.NewRaw(sqlStreamChanges, sessionID, after, last).Scan(ctx, &rows); err != nil || len(rows) == 0 {
		return nil, err
	}
	records := make([]changeRecord, len(rows))
	var ids []string
	for i, row := range rows {
		if err := json.Unmarshal([]byte(row.Change), &records[i]); err != nil {
			return nil, fmt.Errorf("change %d of session %s: %w", row.Revision, sessionID, err)
		}
		if s := records[i].Stream; s != nil {
			ids = append(ids, s.ConnectionID)
		}
		if records[i].ModeratorID != "" {
			ids = append(ids, records[i].ModeratorID)
		}
	}
	connections, err := connectionsByID(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	changes := make([]session.RosterChange, 0, len(rows))
	for i, record := range records {
		if change, ok := record.toChange(connections); ok {
			changes = append(changes, session.RosterChange{SessionID: sessionID, Revision: rows[i].Revision, Stream: change})
		}
	}
	return changes, nil
}

const sqlStreamChanges = "SELECT * FROM stream_changes WHERE session_id = ? AND revision > ? AND revision <= ? ORDER BY revision"

// toChange returns the change; ok is false where a connection of it has been purged, so that it is as good as purged too.
func (r changeRecord) toChange(connections map[string]*session.Connection) (c *session.StreamChange, ok bool) {
	c = &session.StreamChange{Kind: r.Kind, Reason: r.Reason, Except: r.Except}
	if r.Stream != nil {
		publisher := connections[r.Stream.ConnectionID]
		if publisher == nil {
			return nil, false
		}
		c.Stream = r.Stream.toStream(publisher)
	}
	if r.ModeratorID != "" {
		if c.Moderator = connections[r.ModeratorID]; c.Moderator == nil {
			return nil, false
		}
	}
	return c, true
}

// selectStream returns a stream, as its row and whole. Errors: NOT_FOUND.
func selectStream(ctx context.Context, db bun.IDB, id string) (*streamRow, *session.Stream, error) {
	row, err := selectByID[streamRow](ctx, db, id, streamNotFound)
	if err != nil {
		return nil, nil, err
	}
	publisher, err := selectConnection(ctx, db, row.ConnectionID)
	if err != nil {
		return nil, nil, err
	}
	return row, row.toStream(publisher.toConnection()), nil
}

// liveMember returns a live connection of a session. Errors: UNAUTHENTICATED with ReasonConnectionDestroyed.
func liveMember(ctx context.Context, tx bun.Tx, id, sessionID string) (*session.Connection, error) {
	row, err := selectByID[connectionRow](ctx, tx, id, connectionDestroyed)
	if err != nil {
		return nil, err
	}
	if !row.live() || row.SessionID != sessionID {
		return nil, connectionDestroyed()
	}
	return row.toConnection(), nil
}

// withPublishers returns the streams of these rows, in their order.
func withPublishers(ctx context.Context, db bun.IDB, rows []*streamRow) ([]*session.Stream, error) {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ConnectionID
	}
	connections, err := connectionsByID(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	streams := make([]*session.Stream, len(rows))
	for i, row := range rows {
		streams[i] = row.toStream(connections[row.ConnectionID])
	}
	return streams, nil
}

func connectionsByID(ctx context.Context, db bun.IDB, ids []string) (map[string]*session.Connection, error) {
	rows, err := selectConnections(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	connections := make(map[string]*session.Connection, len(rows))
	for _, row := range rows {
		connections[row.ID] = row.toConnection()
	}
	return connections, nil
}
