package session

import "context"

// asksFirst says whether the Reviewer is asked about what a caller posts. It is not asked about what the holder of the API secret does,
// for whom it decides.
func (s *Service) asksFirst(c Caller) bool { return s.reviews != nil && c.Kind != Operator }

// addEntry stores an entry of the caller's, after the Reviewer where there is one. A retry with the key of an entry that is stored is
// answered without asking. Errors: those of chatLog.beginAdd and its result; FORBIDDEN with ReasonRefused; UNAVAILABLE with ReasonNotReviewed.
func (s *Service) addEntry(ctx context.Context, c Caller, e NewEntry) (*ChatEntry, error) {
	if !s.asksFirst(c) {
		return s.addInTurn(ctx, c, e)
	}
	if e.IdempotencyKey != "" {
		if stored, err := s.cfg.Store.StoredEntry(ctx, e); stored != nil || err != nil {
			return stored, err
		}
	}
	d := s.draft(c, DraftEntry, e.Body)
	d.ConnectionID, d.Data = e.ConnectionID, e.Data
	if e.ReplyTo != 0 {
		sess, err := s.rooms.session(ctx, e.SessionID)
		if err != nil {
			return nil, err
		}
		d.ReplyTo = EntryID(sess.Epoch, e.ReplyTo)
	}
	r, err := reviewed(ctx, s.reviews, e.SessionID, d, func(body string) (func(context.Context) (EntryResult, error), error) {
		if body != e.Body {
			e.Body, e.PostedBody = body, e.Body
		}
		return s.log.beginAdd(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return r.Entry, r.Err
}

// addInTurn stores an entry in a turn of the caller's. Errors: those of chatLog.beginAdd and its result.
func (s *Service) addInTurn(ctx context.Context, c Caller, e NewEntry) (*ChatEntry, error) {
	r, err := inTurn(ctx, c, func() (func(context.Context) (EntryResult, error), error) { return s.log.beginAdd(ctx, e) })
	if err != nil {
		return nil, err
	}
	return r.Entry, r.Err
}

// changeInTurn stores a change of an entry, no reaction, in a turn of the caller's. Errors: those of chatLog.beginChange and its result.
func (s *Service) changeInTurn(ctx context.Context, c Caller, change NewChange) (*ChatEntry, error) {
	r, err := inTurn(ctx, c, func() (func(context.Context) (ChangeResult, error), error) { return s.log.beginChange(ctx, change) })
	if err != nil {
		return nil, err
	}
	return r.Entry, r.Err
}

// storeChange stores an edit or a reaction of the caller's, as addEntry does. A reaction that is taken back has nothing to ask about.
func (s *Service) storeChange(ctx context.Context, c Caller, change NewChange) (*ChatEntry, error) {
	if change.Kind == EntryReacted && (!s.asksFirst(c) || !change.On) {
		return s.log.react(ctx, change) // without a turn: reactions of many callers are one write, and reactions.stores bounds these
	}
	if !s.asksFirst(c) {
		return s.changeInTurn(ctx, c, change)
	}
	if change.IdempotencyKey != "" {
		if stored, err := s.cfg.Store.StoredChange(ctx, change); stored != nil || err != nil {
			return stored, err
		}
	}
	sess, err := s.rooms.session(ctx, change.SessionID)
	if err != nil {
		return nil, err
	}
	d := s.draft(c, DraftEdit, change.Body)
	d.Data, d.EntryID = change.Data, EntryID(sess.Epoch, change.Seq)
	if change.Kind == EntryReacted {
		d.Kind, d.Body = DraftReaction, change.Name
	}
	r, err := reviewed(ctx, s.reviews, change.SessionID, d, func(body string) (func(context.Context) (ChangeResult, error), error) {
		if change.Kind == EntryEdited {
			change.Body = body
		}
		return s.log.beginChange(ctx, change)
	})
	if err != nil {
		return nil, err
	}
	return r.Entry, r.Err
}

// reviewData returns the data that a connection may have in place of what its holder chose. Errors: FORBIDDEN with ReasonRefused;
// UNAVAILABLE, with ReasonNotReviewed where the Reviewer has failed.
func (s *Service) reviewData(ctx context.Context, sessionID string, d Draft) (*string, error) {
	data := d.Body
	err := s.reviews.do(ctx, sessionID, d, func(body string) error {
		data = body
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &data, nil
}

// reviewNew asks the Reviewer about the data of a new connection, unless the holder of the API secret put it into a session token.
func (s *Service) reviewNew(ctx context.Context, n *NewConnection) (err error) {
	if s.reviews == nil || n.Data == nil || n.DataFixed {
		return nil
	}
	n.Data, err = s.reviewData(ctx, n.SessionID,
		Draft{Kind: DraftName, ConnectionID: n.ID, UserID: n.UserID, Role: n.Role, Body: *n.Data})
	return err
}

// reviewChosen asks about data that a caller chose for its connection, unless the connection has that data already.
func (s *Service) reviewChosen(ctx context.Context, c Caller, data string) (*string, error) {
	d := s.draft(c, DraftName, data)
	if !s.asksFirst(c) || d.ConnectionData != nil && *d.ConnectionData == data {
		return &data, nil
	}
	return s.reviewData(ctx, c.SessionID, d)
}

// draft returns what a caller wants to post.
func (s *Service) draft(c Caller, kind DraftKind, body string) Draft {
	d := Draft{Kind: kind, Role: RolePublisher, Body: body} // a guest's role
	if me, err := s.Me(c); err == nil {
		d.ConnectionID, d.UserID, d.Role, d.ConnectionData = me.ID, me.UserID, me.Role, me.Data
	}
	return d
}
