package session

import (
	"context"
	"errors"
)

// Sizes of a page of entries or connections.
const (
	MaxPage     = 200
	DefaultPage = 50
)

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
	LastCursor                   string // the end of the log, read before Entries
}

// pageReader reads pages of one session's log from the Store.
type pageReader struct {
	store   Store
	session *Session
}

// errRemoved says that the session is gone, and that another one may have its id.
var errRemoved = errors.New("the session was removed")

// read returns the page that the arguments select. Errors: errRemoved; BAD_USER_INPUT, with ReasonCursorMismatch for a cursor;
// UNAVAILABLE.
func (p pageReader) read(ctx context.Context, a PageArgs) (*EntryPage, error) {
	last, err := p.last(ctx) // before the entries are read, so that LastCursor is not beyond them
	if err != nil {
		return nil, err
	}
	if last.Epoch != p.session.Epoch {
		return nil, errRemoved
	}
	q, err := p.query(ctx, a, last)
	if err != nil {
		return nil, err
	}
	page := &EntryPage{LastCursor: Cursor(p.session.Epoch, last.Place)}
	if a.ConnectionID != nil && *a.ConnectionID == "" {
		return page, nil // no connection has this id
	}
	if a.Before != nil && q.Before == 0 { // before the log's beginning
		page.HasNextPage, err = p.anyAfter(ctx, q, 0)
		return page, err
	}
	if q.Limit > 0 {
		if page.Entries, err = p.store.Entries(ctx, q); err != nil {
			return nil, err
		}
		if err := p.unbroken(ctx, a.After, last); err != nil {
			return nil, err
		}
	}
	from, to := edges(q, page.Entries)
	if page.HasPreviousPage, err = p.anyUpTo(ctx, q, from); err != nil {
		return nil, err
	}
	if q.Limit > 0 && q.Before == 0 && !q.Backward && len(page.Entries) == 0 {
		return page, nil // an entry that has come since would make a next page that no cursor leads to
	}
	page.HasNextPage, err = p.anyAfter(ctx, q, to)
	return page, err
}

// query checks the arguments and turns them into a query.
func (p pageReader) query(ctx context.Context, a PageArgs, last LastSeqs) (EntryQuery, error) {
	q := EntryQuery{SessionID: p.session.ID, Epoch: p.session.Epoch, Limit: DefaultPage}
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
	after, err := p.place("after", a.After, last)
	if err != nil {
		return q, err
	}
	before, err := p.place("before", a.Before, last)
	if err != nil {
		return q, err
	}
	if q.After, err = p.seqAt(ctx, after, last); err != nil || before == 0 {
		return q, err // Before is 0 for "0" too, which read tells from no cursor
	}
	q.Before, err = p.seqAt(ctx, before-1, last)
	q.Before++
	return q, err
}

// unbroken returns an error where the log's front has passed a cursor since last was read: entries between the two may be missing.
func (p pageReader) unbroken(ctx context.Context, after *string, last LastSeqs) error {
	if after == nil || *after == StartCursor {
		return nil
	}
	now, err := p.last(ctx)
	if err != nil || now.Front == last.Front {
		return err
	}
	_, err = p.place("after", after, now)
	return err
}

// place returns the place of a cursor, which must be one of the log as it is now; 0 for no cursor.
func (p pageReader) place(argument string, cursor *string, last LastSeqs) (int64, error) {
	if cursor == nil {
		return 0, nil
	}
	place, err := ParseCursor(argument, p.session.Epoch, *cursor)
	switch {
	case err != nil:
	case place > last.Place:
		err = CursorMismatch(argument)
	case place > 0 && place < last.Front.Place && argument == "after": // nothing is before an entry that was removed
		err = removedCursor(argument, p.session.Epoch, last.Front)
	}
	return place, err
}

// seqAt returns how many entries were added up to a place. last is where the log ended at some time since the place was there.
func (p pageReader) seqAt(ctx context.Context, place int64, last LastSeqs) (int64, error) {
	if place == 0 || last.Place == last.Seq { // a log without changes
		return place, nil
	}
	return p.store.SeqAt(ctx, p.session.ID, place)
}

// last returns where the log ends now.
func (p pageReader) last(ctx context.Context) (LastSeqs, error) {
	last, err := p.store.LastSeqs(ctx, []string{p.session.ID})
	return last[p.session.ID], err
}

// edges returns the places directly before and after a page: an entry with a seq of at most from lies before the page, one
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
func (p pageReader) anyUpTo(ctx context.Context, q EntryQuery, from int64) (bool, error) {
	if from <= 0 {
		return false, nil
	}
	return p.any(ctx, EntryQuery{SessionID: q.SessionID, Epoch: q.Epoch, ConnectionID: q.ConnectionID, Before: from + 1, Limit: 1})
}

// anyAfter says whether q's sender has an entry with seq > to.
func (p pageReader) anyAfter(ctx context.Context, q EntryQuery, to int64) (bool, error) {
	return p.any(ctx, EntryQuery{SessionID: q.SessionID, Epoch: q.Epoch, ConnectionID: q.ConnectionID, After: to, Limit: 1})
}

func (p pageReader) any(ctx context.Context, q EntryQuery) (bool, error) {
	found, err := p.store.Entries(ctx, q)
	return len(found) > 0, err
}
