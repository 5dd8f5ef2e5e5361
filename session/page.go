package session

import "context"

// PageArgs selects a page of a log, after the Relay Cursor Connections Specification. Nil is absent.
type PageArgs struct {
	First, Last   *int64
	After, Before *string
	ConnectionID  *string // only this sender's entries
}

// EntryPage is a page of a log.
type EntryPage struct {
	Entries                      []*ChatEntry // ascending by seq
	HasPreviousPage, HasNextPage bool
}

// ChatEntries returns a page of the caller's session's log. Errors: UNAUTHENTICATED, FORBIDDEN; BAD_USER_INPUT, with
// ReasonCursorMismatch for a cursor; UNAVAILABLE.
func (s *Service) ChatEntries(ctx context.Context, c Caller, a PageArgs) (*EntryPage, error) {
	sess, err := s.Session(ctx, c)
	if err != nil {
		return nil, err
	}
	q, err := s.pageQuery(ctx, sess, a)
	if err != nil {
		return nil, err
	}
	page := &EntryPage{}
	if a.ConnectionID != nil && *a.ConnectionID == "" {
		return page, nil // nobody has this id
	}
	if a.Before != nil && q.Before == 0 { // before the beginning
		page.HasNextPage, err = s.anyAfter(ctx, q, 0)
		return page, err
	}
	if q.Limit > 0 {
		if page.Entries, err = s.store.Entries(ctx, q); err != nil {
			return nil, err
		}
	}
	from, to := edges(q, page.Entries)
	if page.HasPreviousPage, err = s.anyUpTo(ctx, q, from); err != nil {
		return nil, err
	}
	page.HasNextPage, err = s.anyAfter(ctx, q, to)
	return page, err
}

// edges returns the places directly before and after a page: an entry with a seq of at most from lies before it, one
// with more than to after it.
func edges(q EntryQuery, entries []*ChatEntry) (from, to int64) {
	switch {
	case len(entries) > 0:
		return entries[0].Seq - 1, entries[len(entries)-1].Seq
	case q.Backward && q.Before > 0:
		return q.Before - 1, q.Before - 1
	case q.Backward:
		return maxSeq, maxSeq
	default:
		return q.After, q.After
	}
}

// maxSeq is beyond every log.
const maxSeq = 1<<62 - 1

// anyUpTo says whether q's sender has an entry with seq <= from.
func (s *Service) anyUpTo(ctx context.Context, q EntryQuery, from int64) (bool, error) {
	if from <= 0 {
		return false, nil
	}
	return s.any(ctx, EntryQuery{SessionID: q.SessionID, Epoch: q.Epoch, ConnectionID: q.ConnectionID, Before: from + 1, Limit: 1})
}

// anyAfter says whether q's sender has an entry with seq > to.
func (s *Service) anyAfter(ctx context.Context, q EntryQuery, to int64) (bool, error) {
	return s.any(ctx, EntryQuery{SessionID: q.SessionID, Epoch: q.Epoch, ConnectionID: q.ConnectionID, After: to, Limit: 1})
}

func (s *Service) any(ctx context.Context, q EntryQuery) (bool, error) {
	found, err := s.store.Entries(ctx, q)
	return len(found) > 0, err
}

// pageQuery checks the arguments.
func (s *Service) pageQuery(ctx context.Context, sess *Session, a PageArgs) (EntryQuery, error) {
	q := EntryQuery{SessionID: sess.ID, Epoch: sess.Epoch, Limit: DefaultPage}
	switch {
	case a.First != nil && a.Last != nil:
		return q, Errorf(CodeBadUserInput, "first and last can't be given at once")
	case a.First != nil:
		q.Limit = int(min(*a.First, MaxPage+1))
	case a.Last != nil:
		q.Limit, q.Backward = int(min(*a.Last, MaxPage+1)), true
	}
	if q.Limit < 0 || q.Limit > MaxPage {
		argument := "first"
		if q.Backward {
			argument = "last"
		}
		return q, Errorf(CodeBadUserInput, "%s must be 0 to %d", argument, MaxPage)
	}
	if a.ConnectionID != nil {
		q.ConnectionID = *a.ConnectionID
	}
	var err error
	if q.After, err = s.position(ctx, sess, "after", a.After); err != nil {
		return q, err
	}
	q.Before, err = s.position(ctx, sess, "before", a.Before) // of "0" too, which ChatEntries looks at
	return q, err
}

// position returns the place of a cursor that must be one of the log as it is now; 0 for none.
func (s *Service) position(ctx context.Context, sess *Session, argument string, cursor *string) (int64, error) {
	if cursor == nil {
		return 0, nil
	}
	seq, err := ParseCursor(argument, sess.Epoch, *cursor)
	if err != nil || seq == 0 {
		return 0, err
	}
	head, err := s.head(ctx, sess)
	if err != nil {
		return 0, err
	}
	if seq > head {
		return 0, CursorMismatch(argument)
	}
	return seq, nil
}

// head returns the number of the newest entry that is committed now.
func (s *Service) head(ctx context.Context, sess *Session) (int64, error) {
	heads, err := s.store.Heads(ctx, []string{sess.ID})
	return heads[sess.ID].Seq, err
}
