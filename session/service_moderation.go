package session

import (
	"context"
	"time"
)

// BanArgs are the arguments of BanConnection.
type BanArgs struct {
	ConnectionID  string
	Seconds       int64
	DeleteEntries bool
}

// SessionArgs are the arguments of UpdateSession. Nil is absent.
type SessionArgs struct {
	SlowMode *int64 // seconds
	ReadOnly *bool
	SetData  bool // Data replaces the session's data; else that stays
	Data     *string
	// SetRetention says that Retention, in seconds, replaces the session's; else that stays.
	SetRetention bool
	Retention    *int64
}

// moderator returns the connection that moderates for the caller: its own, or the server's for the holder of the API secret. Errors:
// UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) moderator(ctx context.Context, c Caller, operation string) (*Connection, error) {
	if err := c.canModerate(operation); err != nil {
		return nil, err
	}
	return s.acting(ctx, c)
}

// BanConnection bans the user of a connection, or its address where it has no user, and ends its connections on every node.
// Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BAD_USER_INPUT; UNAVAILABLE, and then somebody may be banned whose entries are
// not all deleted.
func (s *Service) BanConnection(ctx context.Context, c Caller, a BanArgs) (*Ban, error) {
	by, err := s.moderator(ctx, c, "banConnection")
	if err != nil {
		return nil, err
	}
	if most := int64(MaxBan / time.Second); a.Seconds < 1 || a.Seconds > most {
		return nil, Errorf(CodeBadUserInput, "seconds must be 1 to %d", most)
	}
	ctx = context.WithoutCancel(ctx)
	ban, ended, err := s.cfg.Store.CreateBan(ctx, NewBan{ID: newID(), SessionID: by.SessionID, ConnectionID: a.ConnectionID,
		ModeratorID: by.ID, Protect: c.Kind != Operator, Length: time.Duration(a.Seconds) * time.Second})
	if CodeOf(err) == CodeNotFound {
		err = Errorf(CodeNotFound, "connectionId is not a connection of this session")
	}
	if err != nil {
		return nil, err
	}
	for _, change := range ended {
		s.publisher.change(ctx, change)
	}
	if a.DeleteEntries {
		err = s.log.deleteAll(ctx, by.SessionID, ban.Connection.ID, ban.UserID, Actor{ConnectionID: by.ID, UserID: by.UserID, Moderator: true})
	}
	return ban, err
}

// Bans returns the bans of a session that have not ended, newest first, MaxListBans at most. Errors: UNAUTHENTICATED, FORBIDDEN,
// UNAVAILABLE.
func (s *Service) Bans(ctx context.Context, c Caller) ([]*Ban, error) {
	if err := c.canModerate("bans"); err != nil {
		return nil, err
	}
	bans, err := s.cfg.Store.Bans(ctx, c.SessionID)
	return withinData(withinData(bans, (*Ban).banned), (*Ban).moderator), err
}

// Unban ends a ban and returns it as it was. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) Unban(ctx context.Context, c Caller, id string) (*Ban, error) {
	if err := c.canModerate("unban"); err != nil {
		return nil, err
	}
	ban, err := s.cfg.Store.DeleteBan(ctx, c.SessionID, id, c.moderatorID())
	if CodeOf(err) == CodeNotFound {
		err = Errorf(CodeNotFound, "id is not a ban of this session, or it has ended")
	}
	return ban, err
}

// UpdateSession changes settings of a session, tells everybody in it, and returns it as it is then. Errors: UNAUTHENTICATED,
// FORBIDDEN, BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE.
func (s *Service) UpdateSession(ctx context.Context, c Caller, a SessionArgs) (*Session, error) {
	if err := c.canModerate("updateSession"); err != nil {
		return nil, err
	}
	u := SessionUpdate{ReadOnly: a.ReadOnly, SetData: a.SetData, Data: a.Data, SetRetention: a.SetRetention, ModeratorID: c.moderatorID()}
	if a.SetRetention {
		if c.Kind != Operator {
			return nil, Errorf(CodeForbidden, "retention can be set with the API secret alone")
		}
		var err error
		if u.Retention, err = retentionOf(a.Retention); err != nil {
			return nil, err
		}
	}
	if a.Data != nil {
		if err := validText("data", *a.Data, MaxSessionDataBytes); err != nil {
			return nil, err
		}
	}
	if a.SlowMode != nil {
		if most := int64(MaxSlowMode / time.Second); *a.SlowMode < 0 || *a.SlowMode > most {
			return nil, Errorf(CodeBadUserInput, "slowMode must be 0 to %d seconds", most)
		}
		slow := time.Duration(*a.SlowMode) * time.Second
		u.SlowMode = &slow
	}
	ctx = context.WithoutCancel(ctx)
	change, changed, err := s.cfg.Store.UpdateSession(ctx, c.SessionID, u)
	if err != nil {
		return nil, err
	}
	if changed {
		s.publisher.change(ctx, change)
	}
	return change.Session, nil
}
