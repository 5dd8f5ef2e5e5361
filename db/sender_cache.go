package db

import (
	"sync"

	"chattok/session"
)

// maxLiveSenders bounds a liveSenders.
const maxLiveSenders = 1 << 16

// liveSenders remembers the senders that were found to be live connections of their session, with their roles, so that a busy
// sender is not looked up for each of its entries. The memory of a session holds at one revision of the session's roster, which
// the appending transaction reads and locks: the end of a connection and a change of its role, in this process or another one,
// raise the revision in the same transaction.
type liveSenders struct {
	mu       sync.Mutex
	sessions map[string]*liveSession
	number   int
}

// liveSession is the roles of the live senders of a session at one revision.
type liveSession struct {
	epoch    session.Epoch
	revision int64
	ids      map[string]session.Role
}

// at returns the senders of a session at the revision of the transaction. l.mu is held.
func (l *liveSenders) at(sessionID string, log *logState) *liveSession {
	found := l.sessions[sessionID]
	if found != nil && found.epoch == log.epoch && found.revision == log.revision {
		return found
	}
	if found != nil {
		l.number -= len(found.ids)
	}
	if l.sessions == nil || l.number >= maxLiveSenders || len(l.sessions) >= maxLiveSenders {
		l.sessions, l.number = make(map[string]*liveSession), 0
	}
	found = &liveSession{epoch: log.epoch, revision: log.revision, ids: make(map[string]session.Role)}
	l.sessions[sessionID] = found
	return found
}

// find puts the senders that are remembered into found, and returns the ids of those that must be looked up.
func (l *liveSenders) find(logs map[string]*logState, keys []senderKey, found map[string]sender) (unknown []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		if log := logs[key.sessionID]; log != nil {
			if role, live := l.at(key.sessionID, log).ids[key.id]; live {
				found[key.id] = sender{sessionID: key.sessionID, live: true, role: role}
				continue
			}
		}
		unknown = append(unknown, key.id)
	}
	return unknown
}

// add remembers those of the senders that were looked up and are live connections of a session of the group.
func (l *liveSenders) add(logs map[string]*logState, ids []string, found map[string]sender) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		from, ok := found[id]
		log := logs[from.sessionID]
		if !ok || !from.live || from.guest || log == nil {
			continue
		}
		at := l.at(from.sessionID, log)
		if _, remembered := at.ids[id]; !remembered {
			at.ids[id] = from.role
			l.number++
		}
	}
}
