package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"chattok/session"
)

// EndMute implements session.Store.
func (s *Store) EndMute(ctx context.Context, sessionID, moderatorID string) (change session.RosterChange, changed bool, err error) {
	return s.changeRosterIf(ctx, "end a mute", sessionID, nil, s.admitChange, func(ctx context.Context, tx bun.Tx, at *sessionRow, _ int64) (session.RosterChange, bool, error) {
		moderator, err := moderatorOf(ctx, tx, moderatorID, sessionID)
		if err != nil || at.MutedBy == nil {
			return session.RosterChange{}, false, err
		}
		c := &session.StreamChange{Kind: session.MuteEnded, Moderator: moderator}
		return session.RosterChange{Stream: c}, true, setMutedBy(ctx, tx, at.ID, nil)
	})
}

// setMutedBy stores who muted the streams to come of a session; nil for nobody.
func setMutedBy(ctx context.Context, tx bun.Tx, sessionID string, moderatorID *string) error {
	_, err := tx.ExecContext(ctx, "UPDATE sessions SET muted_by = ? WHERE id = ?", moderatorID, sessionID)
	return err
}

// mutedBy returns the moderator that muted the streams to come of a session; nil for nobody. One whose row has been removed since
// has its id alone.
func mutedBy(ctx context.Context, db bun.IDB, at *sessionRow) (*session.Connection, error) {
	if at.MutedBy == nil {
		return nil, nil
	}
	row, err := selectConnection(ctx, db, *at.MutedBy)
	if session.CodeOf(err) == session.CodeNotFound {
		return goneModerator(*at.MutedBy, at.ID, toTime(at.CreatedAt)), nil
	}
	if err != nil {
		return nil, err
	}
	return row.toConnection(), nil
}

// goneModerator is a moderator whose row has been removed.
func goneModerator(id, sessionID string, createdAt time.Time) *session.Connection {
	return &session.Connection{ID: id, SessionID: sessionID, Role: session.RoleModerator, CreatedAt: createdAt}
}
