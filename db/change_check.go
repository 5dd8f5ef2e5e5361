package db

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"chattok/session"
)

// storableChange says whether all texts of a change can be in the database.
func storableChange(c *session.NewChange) bool {
	for _, text := range []string{c.SessionID, c.Actor.ConnectionID, orZero(c.Actor.UserID), c.Body, orZero(c.Data), c.Name, c.IdempotencyKey} {
		if !storable(text) {
			return false
		}
	}
	return true
}

// change makes change i in memory, or returns why not, or how long a reaction has to wait.
func (g *changeGroup) change(i int) (wait time.Duration, err error) {
	c := &g.changes[i]
	if !storableChange(c) {
		return 0, session.Errorf(session.CodeBadUserInput, "texts must be valid UTF-8 without U+0000")
	}
	log, entry := g.logs[c.SessionID], g.entries[entrySeq{c.SessionID, c.Seq}]
	if log == nil {
		if g.deleted[c.SessionID] {
			return 0, session.SessionDeletedError()
		}
		return 0, sessionNotFound()
	}
	if err := g.mayChange(c, log); err != nil {
		return 0, err
	}
	if entry == nil || c.Epoch != 0 && c.Epoch != session.Epoch(log.Epoch) {
		return 0, session.Errorf(session.CodeNotFound, "there is no such entry")
	}
	key := entryKey{c.SessionID, storeKey(c.Actor.UserID, c.IdempotencyKey)}
	if usedFor, used := g.used[key]; used && key.key != "" {
		if usedFor != usedForOf(c) {
			return 0, keyUsedForSomethingElse()
		}
		return 0, nil
	}
	if log.ReadOnly && c.Kind != session.EntryDeleted && !g.actors[c.Actor.ConnectionID].commands() {
		return 0, readOnly()
	}
	var keyBytes int64
	if key.key != "" {
		keyBytes = session.ChangeKeyQuotaBytes
	}
	switch c.Kind {
	case session.EntryEdited:
		err = g.edit(i, log, entry, keyBytes)
	case session.EntryDeleted:
		err = g.delete(i, log, entry)
	case session.EntryReacted:
		wait, err = g.react(i, log, entry, keyBytes)
	default:
		err = session.Errorf(session.CodeInternal, "unknown kind of change %q", c.Kind)
	}
	if err == nil && wait == 0 && key.key != "" {
		g.used[key] = usedForOf(c)
		g.newKeys = append(g.newKeys, usedKey{key, usedForOf(c)})
		log.addBytes(keyBytes)
	}
	return wait, err
}

// mayChange returns why the actor of an edit or a reaction may not change entries of its session. It goes by the actor's row: the actor's
// node may not have heard of its end or its new role.
func (g *changeGroup) mayChange(c *session.NewChange, log *sessionRow) error {
	if c.Kind == session.EntryDeleted {
		return nil
	}
	by := g.actors[c.Actor.ConnectionID]
	// The user of a service connection may have been erased.
	if !by.live && !by.service || by.sessionID != log.ID || by.service && !same(by.userID, c.Actor.UserID) {
		return connectionDestroyed()
	}
	return by.role.RequirePublish()
}

// moderates says whether the actor of a deletion may delete any entry of a session. Its node may not have heard yet that it has another
// role now, or has ended.
func (g *changeGroup) moderates(by session.Actor, sessionID string) bool {
	now, known := g.actors[by.ConnectionID]
	return by.Moderator && (!known || now.commands() && (now.service || now.live && now.sessionID == sessionID))
}

// commands says whether an actor may change a read-only session and others' entries: a moderator's connection, or one of the API
// secret's.
func (a actorState) commands() bool { return a.service || a.role.CanModerate() }

// fits returns an error where a change takes more bytes of its session than are left.
func fits(quota int64, log *sessionRow, more int64) error {
	if more > 0 && quota > 0 && log.Bytes+more > quota && !log.TokenRequired {
		return sessionFull(log.Bytes, quota)
	}
	return nil
}

// addBytes counts bytes that were stored, or with a negative number those that were given back. Bytes that an earlier version stored
// and did not count are given back too, but never more than there are.
func (r *sessionRow) addBytes(bytes int64) { r.Bytes = max(0, r.Bytes+bytes) }

// usedForOf returns a digest of what an idempotency key is used for. The digest leaves the body out: a text that was deleted could be
// guessed by it.
func usedForOf(c *session.NewChange) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %t %s", c.Kind, c.Seq, c.On, c.Name))
	return hex.EncodeToString(sum[:12])
}

func (g *changeGroup) edit(i int, log *sessionRow, entry *changedEntry, keyBytes int64) error {
	c := &g.changes[i]
	age := time.Duration(g.now-entry.CreatedAt.UnixMilli()) * time.Millisecond
	switch {
	case !c.Actor.Wrote(entry.ChatEntry) && !c.Actor.Any:
		return session.Errorf(session.CodeForbidden, "only its author may edit an entry")
	case entry.Deleted():
		return entryDeleted()
	case !c.Actor.Service && (c.EditedIn <= 0 || age >= c.EditedIn):
		return session.Errorf(session.CodeForbidden, "this entry can't be edited any more").WithReason(session.ReasonEditWindow)
	}
	data := entry.Data
	if c.SetData {
		data = c.Data
	}
	if c.Body == entry.Body && equalText(data, entry.Data) {
		return fits(c.SessionQuota, log, keyBytes)
	}
	edited := *entry.ChatEntry
	edited.Body, edited.Data = c.Body, data
	more := edited.QuotaBytes() - entry.QuotaBytes()
	if err := fits(c.SessionQuota, log, more+keyBytes); err != nil {
		return err
	}
	log.addBytes(more)
	edited.EditedAt = toTimeOrNil(&g.now)
	g.changed(i, entry, &edited)
	entry.rewritten = true
	return nil
}

func equalText(a, b *string) bool { return (a == nil) == (b == nil) && orZero(a) == orZero(b) }

func (g *changeGroup) delete(i int, log *sessionRow, entry *changedEntry) error {
	c := &g.changes[i]
	if !c.Actor.Wrote(entry.ChatEntry) && !g.moderates(c.Actor, c.SessionID) {
		return session.Errorf(session.CodeForbidden, "only its author or a moderator may delete an entry")
	}
	if entry.Deleted() {
		return nil
	}
	deleted := *entry.ChatEntry
	deleted.Body, deleted.Data, deleted.Reactions = "", nil, nil
	deleted.DeletedAt, deleted.DeletedBy = toTimeOrNil(&g.now), c.Actor.ConnectionID
	log.addBytes(deleted.QuotaBytes() - entry.QuotaBytes() - entry.ReactionBytes())
	g.changed(i, entry, &deleted)
	entry.rewritten = true
	return nil
}

func (g *changeGroup) react(i int, log *sessionRow, entry *changedEntry, keyBytes int64) (wait time.Duration, err error) {
	c := &g.changes[i]
	if entry.Deleted() {
		return 0, entryDeleted()
	}
	r := reaction{entrySeq{c.SessionID, c.Seq}, reactorOf(c.Actor), c.Name}
	if g.reactions[r] == c.On {
		return 0, fits(c.SessionQuota, log, keyBytes)
	}
	// A clock that was set back makes nobody wait.
	since := time.Duration(g.now-entry.changedAt) * time.Millisecond
	if entry.last < 0 && entry.change == session.EntryReacted && since >= 0 && since < session.ReactionPause {
		return session.ReactionPause - since, nil
	}
	counts, err := countReaction(entry.Reactions, c.Name, c.On)
	if err != nil {
		return 0, err
	}
	reacted := *entry.ChatEntry
	reacted.Reactions = counts
	more := reacted.ReactionBytes() - entry.ReactionBytes()
	if err := fits(c.SessionQuota, log, more+keyBytes); err != nil {
		return 0, err
	}
	log.addBytes(more)
	g.reactions[r] = c.On
	g.changed(i, entry, &reacted)
	return 0, nil
}

// countReaction returns the counts of an entry's reactions with one more of this name, or one less.
func countReaction(before []session.ReactionCount, name string, on bool) ([]session.ReactionCount, error) {
	counts := slices.Clone(before)
	at := slices.IndexFunc(counts, func(r session.ReactionCount) bool { return r.Name == name })
	switch {
	case !on && at < 0: // the row of a reaction without a count, which nothing writes
	case !on && counts[at].Count > 1:
		counts[at].Count--
	case !on:
		if counts = slices.Delete(counts, at, at+1); len(counts) == 0 {
			counts = nil // as it is read
		}
	case at >= 0:
		counts[at].Count++
	case len(counts) >= session.MaxReactionNames:
		return nil, session.Errorf(session.CodeRateLimited, "an entry has reactions of at most %d names", session.MaxReactionNames).
			WithReason(session.ReasonTooManyReactions)
	default:
		counts = append(counts, session.ReactionCount{Name: name, Count: 1})
	}
	return counts, nil
}

// changed gives an entry its next version by change i. Reactions that follow each other are one change.
func (g *changeGroup) changed(i int, entry *changedEntry, next *session.ChatEntry) {
	kind := g.changes[i].Kind
	if kind != session.EntryReacted || !entry.reacting {
		next.Version++
	}
	entry.ChatEntry, entry.change, entry.last, entry.reacting = next, kind, i, kind == session.EntryReacted
}

func entryDeleted() *session.Error {
	return session.Errorf(session.CodeForbidden, "this entry is deleted").WithReason(session.ReasonEntryDeleted)
}
