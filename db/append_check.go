package db

import "chattok/session"

// check decides on entry i. It returns the entry with its number where the entry is to be stored, and the guest where
// the guest's name is new. Otherwise it fills in the result.
func (g *group) check(i int) (*session.ChatEntry, *connectionRow) {
	e, result := &g.entries[i], &g.results[i]
	log := g.logs[e.SessionID]
	if log == nil {
		if result.Err = sessionNotFound(); g.deleted[e.SessionID] {
			result.Err = session.SessionDeletedError()
		}
		return nil, nil
	}
	from, found := g.senders[e.ConnectionID]
	if result.Err = from.mayAppend(e, found); result.Err == nil && e.Guest {
		result.Err = g.guestBanned(e, log)
	}
	if result.Err != nil {
		return nil, nil
	}
	key := entryKey{e.SessionID, storeKey(e.UserID, e.IdempotencyKey)}
	if key.key != "" {
		if result.Entry, result.Err = g.used.replayed(e); result.Entry != nil || result.Err != nil {
			result.Replayed = result.Err == nil
			return nil, nil
		}
	}
	if e.ReplyTo < 0 || e.ReplyTo > log.seq || e.ReplyTo > 0 && e.ReplyTo <= log.removed || // all numbers in between are entries'
		e.ReplyEpoch != 0 && e.ReplyEpoch != log.epoch {
		result.Err = session.Errorf(session.CodeNotFound, "there is no such entry to reply to")
		return nil, nil
	}
	if result.Err = g.admit(e, log, from); result.Err != nil {
		return nil, nil
	}
	entry := &session.ChatEntry{
		SessionID:      e.SessionID,
		Epoch:          log.epoch,
		Seq:            log.seq + 1,
		Place:          log.seq + 1 + log.changes,
		Version:        1,
		ConnectionID:   e.ConnectionID,
		UserID:         e.UserID,
		Body:           e.Body,
		Data:           e.Data,
		ReplyTo:        e.ReplyTo,
		IdempotencyKey: e.IdempotencyKey,
		CreatedAt:      toTime(log.now),
	}
	if result.Err = log.grow(entry, e.SessionQuota); result.Err != nil {
		return nil, nil
	}
	result.Entry = entry
	if key.key != "" {
		g.used[key] = g.withPostedSum(e, entry)
	}
	return entry, g.noteGuest(e, from, found, log.now)
}

// noteGuest remembers a guest whose entry is to be stored, and its origin, and returns it where its name is new.
func (g *group) noteGuest(e *session.NewEntry, from sender, found bool, now int64) *connectionRow {
	if !found {
		g.senders[e.ConnectionID] = sender{sessionID: e.SessionID, guest: true, origin: e.Origin}
		return fromGuest(e, now)
	}
	if e.Guest && from.origin != e.Origin {
		from.origin = e.Origin
		g.senders[e.ConnectionID], g.moved[e.ConnectionID] = from, e.Origin
	}
	return nil
}

// withPostedSum returns a new entry as a later retry finds it by its key. Where the entry was posted with another body than is stored, it
// notes the digest of that body.
func (g *group) withPostedSum(e *session.NewEntry, entry *session.ChatEntry) usedEntry {
	if e.PostedBody == "" {
		return usedEntry{ChatEntry: entry}
	}
	sum := postedSum(e.SessionID, e.IdempotencyKey, e.PostedBody)
	if g.postedSums == nil {
		g.postedSums = make(map[*session.ChatEntry]int64)
	}
	g.postedSums[entry] = sum
	return usedEntry{entry, &sum}
}

// mayAppend returns why the sender of e may not append it. found says whether the database has the sender.
func (from sender) mayAppend(e *session.NewEntry, found bool) error {
	switch {
	case e.Guest && found && (!from.guest || from.sessionID != e.SessionID):
		return session.Errorf(session.CodeUnauthenticated,
			"connectionId is a connection's id: send its access token, or choose another name")
	case e.Guest && !storable(e.ConnectionID):
		return session.Errorf(session.CodeBadUserInput, "connectionId must be valid UTF-8 without U+0000")
	case e.Guest:
		return nil
	case from.bannedUntil != 0 && from.sessionID == e.SessionID:
		return session.Banned(toTime(from.bannedUntil))
	case e.Service && from.service && from.sessionID == e.SessionID && same(from.userID, e.UserID): // the user differs where it was erased
		return nil
	case e.Service || !from.live || from.sessionID != e.SessionID:
		return connectionDestroyed()
	}
	return from.role.RequirePublish()
}

func readOnly() *session.Error {
	return session.Errorf(session.CodeForbidden, "this session is read-only").WithReason(session.ReasonReadOnly)
}

// grow makes the entry the log's newest, unless the log would then be larger than the quota. A quota of 0 is none.
func (l *logState) grow(entry *session.ChatEntry, quota int64) error {
	bytes := l.bytes + entry.QuotaBytes()
	if quota > 0 && bytes > quota && !l.unlimited {
		return sessionFull(l.bytes, quota)
	}
	l.seq, l.bytes = entry.Seq, bytes
	return nil
}

func sessionFull(bytes, quota int64) *session.Error {
	return session.Errorf(session.CodeForbidden, "this session is full: what is stored in it takes %d of %d bytes", bytes, quota).
		WithReason(session.ReasonSessionFull)
}

// undo takes back an entry that passed the check and could not be stored.
func (g *group) undo(i int, entry *session.ChatEntry, guest *connectionRow) {
	e := &g.entries[i]
	log := g.logs[e.SessionID]
	log.seq--
	log.bytes -= entry.QuotaBytes()
	if entry.IdempotencyKey != "" {
		delete(g.used, entryKey{e.SessionID, storeKey(e.UserID, e.IdempotencyKey)})
	}
	delete(g.posted, posterOf(e))
	if guest != nil {
		delete(g.senders, guest.ID)
	}
}
