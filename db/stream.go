package db

import (
	"context"

	"github.com/uptrace/bun"

	"chattok/session"
)

// streamRow is a row of streams, and is stored as JSON in the record of a change.
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

// fromStream returns a stored stream's row with the fields that a stream may change.
func fromStream(s *session.Stream, stored *streamRow) *streamRow {
	row := *stored
	row.Name, row.HasAudio, row.HasVideo = s.Name, s.HasAudio, s.HasVideo
	row.VideoType, row.Width, row.Height = string(s.VideoType), s.Width, s.Height
	return &row
}

// equal says whether two rows of a stream have the same of what it may change.
func (r *streamRow) equal(o *streamRow) bool {
	return same(r.Name, o.Name) && r.HasAudio == o.HasAudio && r.HasVideo == o.HasVideo && r.VideoType == o.VideoType &&
		same(r.Width, o.Width) && same(r.Height, o.Height)
}

// quieterThan says whether a row differs from the one before by audio or video that is off now, and by nothing else.
func (r *streamRow) quieterThan(before *streamRow) bool {
	as := *r
	as.HasAudio, as.HasVideo = before.HasAudio, before.HasVideo
	return as.equal(before) && (before.HasAudio || !r.HasAudio) && (before.HasVideo || !r.HasVideo)
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
	return s.changeStreams(ctx, "publish stream", n.SessionID, &n.SessionQuota, knownToAll, func(ctx context.Context, tx bun.Tx, at *sessionRow, now int64) (*session.StreamChange, error) {
		if n.Name != nil && !storable(*n.Name) {
			return nil, session.Errorf(session.CodeBadUserInput, "name must be valid UTF-8 without U+0000")
		}
		publisher, err := liveMember(ctx, tx, n.ConnectionID, n.SessionID)
		if err != nil {
			return nil, err
		}
		if err := publisher.Role.RequirePublish(); err != nil {
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
		change := &session.StreamChange{Kind: session.StreamPublished}
		if at.MutedBy != nil && n.HasAudio {
			n.HasAudio = false
			if change.Moderator, err = mutedBy(ctx, tx, at); err != nil {
				return nil, err
			}
		}
		row := fromNewStream(n, now, at.Revision)
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return nil, err
		}
		change.Stream = row.toStream(publisher)
		return change, nil
	})
}

// UpdateStream implements session.Store.
func (s *Store) UpdateStream(ctx context.Context, id string, u session.StreamUpdate, quota int64) (change session.RosterChange, changed bool, err error) {
	var found *session.Stream
	var bound int64
	change, err = s.changeStream(ctx, "update stream", id, &bound, func(ctx context.Context, tx bun.Tx, row *streamRow, stream *session.Stream) (*session.StreamChange, error) {
		if u.Name != nil && !storable(*u.Name) {
			return nil, session.Errorf(session.CodeBadUserInput, "name must be valid UTF-8 without U+0000")
		}
		found = u.Apply(*stream)
		updated := fromStream(found, row)
		if changed = !updated.equal(row); !changed {
			return nil, nil
		}
		if bound = quota; updated.quieterThan(row) {
			bound = 0 // a full session keeps nobody from saying that a microphone is off
		}
		_, err := tx.NewUpdate().Model(updated).
			Column("name", "has_audio", "has_video", "video_type", "width", "height").WherePK().Exec(ctx)
		return &session.StreamChange{Kind: session.StreamChanged, Stream: found}, err
	})
	if err == nil && !changed {
		change.Stream = &session.StreamChange{Kind: session.StreamChanged, Stream: found}
	}
	return change, changed, err
}

// DestroyStream implements session.Store.
func (s *Store) DestroyStream(ctx context.Context, id, moderatorID string, reason session.DisconnectReason) (session.RosterChange, error) {
	return s.changeStream(ctx, "destroy stream", id, nil, func(ctx context.Context, tx bun.Tx, row *streamRow, stream *session.Stream) (*session.StreamChange, error) {
		if err := requireModerator(ctx, tx, moderatorID, row.SessionID); err != nil {
			return nil, err
		}
		_, err := tx.NewDelete().Model(row).WherePK().Exec(ctx)
		return &session.StreamChange{Kind: session.StreamEnded, Stream: stream, Reason: reason}, err
	})
}

// MuteStreams implements session.Store.
func (s *Store) MuteStreams(ctx context.Context, m session.Mute) (change session.RosterChange, muted []*session.Stream, err error) {
	admit := knownToAll
	if m.Stay {
		admit = s.admitChange
	}
	change, err = s.changeStreams(ctx, "mute streams", m.SessionID, nil, admit, func(ctx context.Context, tx bun.Tx, at *sessionRow, _ int64) (*session.StreamChange, error) {
		moderator, err := moderatorOf(ctx, tx, m.ModeratorID, m.SessionID)
		if err != nil {
			return nil, err
		}
		if muted, err = muteStreams(ctx, tx, m); err != nil {
			return nil, err
		}
		c := &session.StreamChange{Kind: session.StreamsMuted, Except: storableOnly(m.Except), Stay: m.Stay, Moderator: moderator}
		if m.StreamID == "" {
			if m.Stay {
				err = setMutedBy(ctx, tx, at.ID, &moderator.ID)
			}
			return c, err
		}
		if len(muted) == 0 {
			return nil, streamNotFound()
		}
		c.Stream, c.Except, c.Stay = muted[0], nil, false
		return c, nil
	})
	if err != nil {
		return session.RosterChange{}, nil, err
	}
	return change, muted, nil
}

// muteStreams switches off the audio of the streams that m selects, and returns them.
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

// changeStream makes one change to a stream that has not ended, as changeStreams does.
func (s *Store) changeStream(
	ctx context.Context, tried, id string, quota *int64,
	change func(ctx context.Context, tx bun.Tx, row *streamRow, stream *session.Stream) (*session.StreamChange, error),
) (session.RosterChange, error) {
	// A stream never changes its session, so the session is read before the transaction. Whether the stream has ended
	// is read again within it.
	known, err := s.Stream(ctx, id)
	if err != nil {
		return session.RosterChange{}, err
	}
	return s.changeStreams(ctx, tried, known.SessionID, quota, knownToAll, func(ctx context.Context, tx bun.Tx, _ *sessionRow, _ int64) (*session.StreamChange, error) {
		row, stream, err := selectStream(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		return change(ctx, tx, row, stream)
	})
}

// changeStreams makes one change to a session's streams, and none where change returns nil.
func (s *Store) changeStreams(
	ctx context.Context, tried, sessionID string, quota *int64, admit func(ctx context.Context, tx bun.Tx) error,
	change func(ctx context.Context, tx bun.Tx, at *sessionRow, now int64) (*session.StreamChange, error),
) (session.RosterChange, error) {
	made, _, err := s.changeRosterIf(ctx, tried, sessionID, quota, admit, func(ctx context.Context, tx bun.Tx, at *sessionRow, now int64) (session.RosterChange, bool, error) {
		c, err := change(ctx, tx, at, now)
		return session.RosterChange{Stream: c}, c != nil, err
	})
	return made, err
}

// selectStream returns a stream's row, and the stream with its connection. Errors: NOT_FOUND.
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

// withPublishers returns the streams of these rows with their connections, in the order of the rows.
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
