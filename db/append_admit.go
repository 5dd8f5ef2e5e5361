package db

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"chattok/session"
)

// lookUpBans finds out which of these senders are banned; they are those that were looked up. A sender that is remembered as live is
// not banned: a ban ends the connections that it holds for, and none is made while it lasts. So lookUpBans finds the connections that a
// node of an earlier version made, and users' service connections, which a ban does not end; and it tells a sender whose connection has
// just ended why.
func (g *group) lookUpBans(ctx context.Context, ids []string) error {
	var suspects []string
	for _, id := range ids {
		from := g.senders[id]
		if log := g.logs[from.sessionID]; log != nil && !from.guest && log.bannedUntil > log.now {
			suspects = append(suspects, id)
		}
	}
	rows, err := selectConnections(ctx, g.tx, suspects)
	if err != nil || len(rows) == 0 {
		return err
	}
	subjects := make([]banSubject, len(rows))
	for i, row := range rows {
		subjects[i] = row.subject()
	}
	bans, err := selectActiveBans(ctx, g.tx, subjects)
	if err != nil {
		return err
	}
	for i, row := range rows {
		if until := bans.until(subjects[i]); until > g.logs[row.SessionID].now {
			g.senders[row.ID] = sender{sessionID: row.SessionID, bannedUntil: until}
		}
	}
	return nil
}

// subject is the connection as somebody for whom a ban may hold.
func (r *connectionRow) subject() banSubject {
	b := banSubject{sessionID: r.SessionID, userID: r.UserID, role: session.Role(r.Role)}
	if r.Origin != nil {
		b.origin = *r.Origin
	}
	return b
}

// lookUpGuestBans reads the bans that may hold for the guests of the group: those of their addresses.
func (g *group) lookUpGuestBans(ctx context.Context) (err error) {
	var subjects []banSubject
	for i := range g.entries {
		e := &g.entries[i]
		if log := g.logs[e.SessionID]; e.Guest && e.Origin != 0 && log != nil && log.bannedUntil > log.now {
			subjects = append(subjects, guestSubject(e))
		}
	}
	if len(subjects) > 0 {
		g.bans, err = selectActiveBans(ctx, g.tx, subjects)
	}
	return err
}

// guestBanned returns an error where a guest's address is banned.
func (g *group) guestBanned(e *session.NewEntry, log *logState) error {
	if until := g.bans.until(guestSubject(e)); until > log.now {
		return session.Banned(toTime(until))
	}
	return nil
}

func guestSubject(e *session.NewEntry) banSubject {
	return banSubject{sessionID: e.SessionID, origin: e.Origin, role: session.RolePublisher}
}

// moveGuests stores the origins of guests that posted from another one before: a ban of a guest's name goes by the newest.
func (g *group) moveGuests(ctx context.Context) error {
	appendGuest := func(args []any, id string) []any {
		if g.moved[id] == 0 {
			return append(args, id, nil)
		}
		return append(args, id, g.moved[id])
	}
	return execList(ctx, g.statements, g.tx, moveGuests, slices.Sorted(maps.Keys(g.moved)), appendGuest)
}

// posterOf returns the poster whose last post counts in slow mode: the sender's user, or the sender where it has none.
func posterOf(e *session.NewEntry) readerAt {
	return readerAt{e.SessionID, postReader(e.UserID, e.ConnectionID)}
}

// lookUpAdmission reads when the senders in sessions with slow mode last posted. The sessions have been read.
func (g *group) lookUpAdmission(ctx context.Context) error {
	var posters []readerAt
	for i := range g.entries {
		e := &g.entries[i]
		if log := g.logs[e.SessionID]; log == nil || log.slowMode == 0 || e.Service || g.senders[e.ConnectionID].role.CanModerate() {
			continue
		}
		if at := posterOf(e); storable(at.reader) {
			posters = append(posters, at)
		}
	}
	appendPoster := func(args []any, at readerAt) []any { return append(args, at.sessionID, at.reader) }
	return selectList(ctx, g.statements, g.tx, selectPosts, posters, appendPoster, func(rows *sql.Rows) error {
		var at readerAt
		var posted int64
		if err := rows.Scan(&at.sessionID, &at.reader, &posted); err != nil {
			return err
		}
		g.posted[at] = posted
		return nil
	})
}

// admit returns why a new entry may not be added to the log now, though its sender is a live connection or a guest.
func (g *group) admit(e *session.NewEntry, log *logState, from sender) error {
	if e.Service || from.role.CanModerate() {
		return nil
	}
	if log.readOnly {
		return readOnly()
	}
	if log.slowMode == 0 {
		return nil
	}
	at := posterOf(e)
	if posted, ok := g.posted[at]; ok && posted+log.slowMode > log.now {
		return session.SlowMode(time.Duration(posted+log.slowMode-log.now) * time.Millisecond)
	}
	g.posted[at] = log.now
	return nil
}

// postMark is the mark of a poster after its last entry of the group.
type postMark struct {
	at    readerAt
	entry *session.ChatEntry
}

// noteAdmitted moves the marks of those whose entries have been inserted, since people who post have read everything above. A
// sender without a user has no mark, but slow mode needs the time of its post.
func (g *group) noteAdmitted(ctx context.Context) error {
	var marks []postMark
	for i := range g.entries {
		e, r := &g.entries[i], &g.results[i]
		if r.Err == nil && !r.Replayed && (e.UserID != nil || g.logs[e.SessionID].slowMode > 0) {
			marks = append(marks, postMark{posterOf(e), r.Entry})
		}
	}
	// The last one of each poster, and all in one order, in which every transaction locks rows.
	slices.SortStableFunc(marks, func(a, b postMark) int { return a.at.compare(b.at) })
	last := marks[:0]
	for i, m := range marks {
		if i == len(marks)-1 || marks[i+1].at != m.at {
			last = append(last, m)
		}
	}
	for len(last) > 0 {
		size := sizeWithin(len(last))
		args := make([]any, 0, 6*size)
		for _, m := range last[:size] {
			now := g.logs[m.at.sessionID].now
			purgeAt := purgeMarkAt(now)
			if m.entry.UserID == nil {
				purgeAt = now + session.MaxSlowMode.Milliseconds()
			}
			args = append(args, m.at.sessionID, m.at.reader, m.entry.Place, m.entry.Seq, now, purgeAt)
		}
		if err := g.statements.exec(ctx, g.tx, insertMarks, size, args...); err != nil {
			return err
		}
		last = last[size:]
	}
	return nil
}
