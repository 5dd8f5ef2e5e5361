package session

import "context"

// EditArgs are the arguments of EditChatEntry.
type EditArgs struct {
	ID, Body       string
	SetData        bool // Data replaces the entry's data; else that stays
	Data           *string
	IdempotencyKey *string
}

// EditChatEntry changes the text of an entry of the caller's, or with the API secret that acts as nobody of any entry, and returns
// the entry when the change is on disk. Errors: UNAUTHENTICATED; FORBIDDEN, with ReasonEntryDeleted, ReasonEditWindow or
// ReasonSessionFull where it is no other's, and with ReasonReadOnly or ReasonRefused; NOT_FOUND; BAD_USER_INPUT; UNAVAILABLE, with
// ReasonNotReviewed where it could not be reviewed.
func (s *Service) EditChatEntry(ctx context.Context, c Caller, a EditArgs) (*ChatEntry, error) {
	return s.changeEntry(ctx, c, a.ID, a.IdempotencyKey, NewChange{Kind: EntryEdited, Body: a.Body, SetData: a.SetData, Data: a.Data,
		EditedIn: s.cfg.EditWindow, SessionQuota: s.cfg.SessionBytes})
}

// ReactArgs are the arguments of ReactToChatEntry.
type ReactArgs struct {
	ID, Name       string
	On             bool // react so, or no longer
	IdempotencyKey *string
}

// ReactToChatEntry adds a reaction of the caller's to an entry, or takes it back, and returns the entry when that is on disk. Errors:
// UNAUTHENTICATED; FORBIDDEN, with ReasonEntryDeleted where it is deleted, and with ReasonReadOnly, ReasonSessionFull or ReasonRefused;
// NOT_FOUND; RATE_LIMITED, with ReasonTooManyReactions; BAD_USER_INPUT; UNAVAILABLE, with ReasonNotReviewed where it could not be
// reviewed.
func (s *Service) ReactToChatEntry(ctx context.Context, c Caller, a ReactArgs) (*ChatEntry, error) {
	return s.changeEntry(ctx, c, a.ID, a.IdempotencyKey, NewChange{Kind: EntryReacted, Name: a.Name, On: a.On, SessionQuota: s.cfg.SessionBytes})
}

// changeEntry stores a change of an entry by a connection that may post.
func (s *Service) changeEntry(ctx context.Context, c Caller, id string, key *string, change NewChange) (*ChatEntry, error) {
	by, err := s.actor(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := c.canPublish(); err != nil {
		return nil, err
	}
	if by.Service {
		change.SessionQuota = 0
	}
	if change.IdempotencyKey, err = givenKey(key); err != nil {
		return nil, err
	}
	if err := change.Validate(); err != nil {
		return nil, err
	}
	change.SessionID, change.Actor = c.SessionID, by
	if change.Seq, change.Epoch, err = s.seqOf(ctx, c, "id", id); err != nil {
		return nil, err
	}
	return s.storeChange(ctx, c, change)
}

// DeleteChatEntry deletes an entry and returns what is left of it, when that is on disk. Errors: UNAUTHENTICATED; FORBIDDEN for
// another's entry, unless the caller moderates or is the API secret that acts as nobody; NOT_FOUND; UNAVAILABLE.
func (s *Service) DeleteChatEntry(ctx context.Context, c Caller, id string) (*ChatEntry, error) {
	by, err := s.actor(ctx, c)
	if err != nil {
		return nil, err
	}
	seq, epoch, err := s.seqOf(ctx, c, "id", id)
	if err != nil {
		return nil, err
	}
	change := NewChange{SessionID: c.SessionID, Epoch: epoch, Seq: seq, Actor: by, Kind: EntryDeleted}
	return s.changeInTurn(ctx, c, change)
}

// actor returns the caller as the one that changes an entry: its connection, or that by which the holder of the API secret acts.
// Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) actor(ctx context.Context, c Caller) (Actor, error) {
	if c.Kind != Operator {
		if err := c.connected(); err != nil {
			return Actor{}, err
		}
		return actorOf(c.Connection), nil
	}
	if err := c.inSession(); err != nil {
		return Actor{}, err
	}
	connection, err := s.acting(ctx, c)
	if err != nil {
		return Actor{}, err
	}
	by := actorOf(connection)
	by.Service, by.Any = true, c.Connection == nil
	return by, nil
}

// actorOf returns a connection as the one that changes an entry.
func actorOf(c *Connection) Actor {
	return Actor{ConnectionID: c.ID, UserID: c.UserID, Moderator: c.Role.CanModerate()}
}

// MyReactions returns the names of the caller's reactions to entries of a session, in one read. A caller that is no connection
// of the session has none. Errors: UNAVAILABLE.
func (s *Service) MyReactions(ctx context.Context, c Caller, sessionID string, seqs []int64) (map[int64][]string, error) {
	if c.Kind != Member || c.SessionID != sessionID {
		return nil, nil
	}
	return s.cfg.Store.ReactionsOf(ctx, sessionID, actorOf(c.Connection), seqs)
}

// Reactors returns, for each of these reactions to entries of a session, the ids of the connections that reacted so first, limit at
// most, in one read. Errors: UNAVAILABLE.
func (s *Service) Reactors(ctx context.Context, sessionID string, reactions []ReactionKey, limit int) (map[ReactionKey][]string, error) {
	if limit <= 0 || len(reactions) == 0 {
		return nil, nil
	}
	return s.cfg.Store.Reactors(ctx, sessionID, reactions, min(limit, MaxReactors))
}
