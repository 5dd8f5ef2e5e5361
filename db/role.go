package db

import (
	"context"

	"github.com/uptrace/bun"

	"chattok/session"
)

// SetRole implements session.Store. The new role is the connection's in every transaction that comes after this one, on any node: they
// read it from its row, or remember it for one revision of the roster.
func (s *Store) SetRole(ctx context.Context, n session.NewRole) (connection *session.Connection, changes []session.RosterChange, err error) {
	err = s.write(ctx, "set a role", func(ctx context.Context, tx bun.Tx) error {
		changes = nil
		at, now, err := s.lockSession(ctx, tx, n.SessionID)
		if err != nil {
			return err
		}
		if err := s.requireVersion(ctx, tx, readOnlyVersion); err != nil {
			return err
		}
		row, err := roleToSet(ctx, tx, n)
		if err != nil {
			return err
		}
		if connection = row.toConnection(); connection.Role == n.Role {
			return nil
		}
		if !n.Role.CanPublish() {
			if changes, err = endStreams(ctx, tx, at, row); err != nil {
				return err
			}
		}
		at.Revision++
		row.Role, row.DataRevision = string(n.Role), at.Revision
		if _, err := tx.NewUpdate().Model(row).Column("role", "data_revision").WherePK().Exec(ctx); err != nil {
			return err
		}
		connection = row.toConnection()
		changes = append(changes, session.RosterChange{SessionID: at.ID, Revision: at.Revision, Connection: connection, Updated: true})
		for _, change := range changes {
			if err := recordChange(ctx, tx, at, 0, change, now); err != nil {
				return err
			}
		}
		return storeRevision(ctx, tx, at)
	})
	if err != nil {
		return nil, nil, err
	}
	return connection, changes, nil
}

// roleToSet returns the row of the connection whose role is to change, where the moderator may change it.
func roleToSet(ctx context.Context, tx bun.Tx, n session.NewRole) (*connectionRow, error) {
	row, err := selectConnection(ctx, tx, n.ConnectionID)
	if err != nil {
		return nil, err
	}
	if !row.live() || row.SessionID != n.SessionID {
		return nil, connectionNotFound()
	}
	if n.ModeratorID == "" {
		return row, nil
	}
	moderator, err := liveMember(ctx, tx, n.ModeratorID, n.SessionID)
	if err != nil {
		return nil, err
	}
	if err := mayModerate(moderator.Role); err != nil {
		return nil, err
	}
	if row.ID != moderator.ID && session.Role(row.Role).CanModerate() && !n.Role.CanModerate() {
		return nil, session.Errorf(session.CodeForbidden, "a moderator's role can be changed by the API secret, or by itself, alone")
	}
	return row, nil
}

// mayModerate returns why a connection of this role may not moderate.
func mayModerate(role session.Role) error {
	if role.CanModerate() {
		return nil
	}
	return session.Errorf(session.CodeForbidden, "this needs role MODERATOR")
}

// endStreams ends the streams of a connection that may not publish any more, and gives each end a revision of its own.
func endStreams(ctx context.Context, tx bun.Tx, at *sessionRow, publisher *connectionRow) (changes []session.RosterChange, err error) {
	var streams []*streamRow
	if err := tx.NewSelect().Model(&streams).Where("connection_id = ?", publisher.ID).Order("created_revision").Scan(ctx); err != nil {
		return nil, err
	}
	for _, stream := range streams {
		at.Revision++
		ended := &session.StreamChange{Kind: session.StreamEnded, Stream: stream.toStream(publisher.toConnection()), Reason: session.ForceUnpublished}
		changes = append(changes, session.RosterChange{SessionID: at.ID, Revision: at.Revision, Stream: ended})
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM streams WHERE connection_id = ?", publisher.ID)
	return changes, err
}
