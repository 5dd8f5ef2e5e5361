package db

import (
	"sync"

	"chattok/session"
)

// maxLiveSenders bounds how many senders a liveSenders knows.
const maxLiveSenders = 1 << 16

// liveSenders remembers which senders were found to be live members of their session, so that a busy one is not looked up
// for each of its entries. What it knows holds at one revision of the session's roster, which the appending transaction
// reads and holds: whoever ends a connection, in this process or another, moves the revision on in the same transaction.
type liveSenders struct {
	mu     sync.Mutex
	rooms  map[string]*liveRoom // by session
	number int
}

// liveRoom is what is known of one session at one revision of one life of it.
type liveRoom struct {
	epoch    session.Epoch
	revision int64
	ids      map[string]struct{}
}

// at returns what is known of a session now. l.mu is held.
func (l *liveSenders) at(sessionID string, head *logHead) *liveRoom {
	room := l.rooms[sessionID]
	if room != nil && room.epoch == head.epoch && room.revision == head.revision {
		return room
	}
	if room != nil {
		l.number -= len(room.ids)
	}
	if l.rooms == nil || l.number >= maxLiveSenders || len(l.rooms) >= maxLiveSenders {
		l.rooms, l.number = make(map[string]*liveRoom), 0
	}
	room = &liveRoom{epoch: head.epoch, revision: head.revision, ids: make(map[string]struct{})}
	l.rooms[sessionID] = room
	return room
}

// fill puts the senders of a group that are known to be live into found, and returns those that must be looked up.
func (l *liveSenders) fill(heads map[string]*logHead, ids, sessionIDs []string, found map[string]sender) (unknown []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, id := range ids {
		if head := heads[sessionIDs[i]]; head != nil {
			if _, live := l.at(sessionIDs[i], head).ids[id]; live {
				found[id] = sender{sessionID: sessionIDs[i], live: true}
				continue
			}
		}
		unknown = append(unknown, id)
	}
	return unknown
}

// add remembers those of the senders that were looked up and are live members of a session of the group.
func (l *liveSenders) add(heads map[string]*logHead, ids []string, found map[string]sender) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		from, ok := found[id]
		head := heads[from.sessionID]
		if !ok || !from.live || from.guest || head == nil {
			continue
		}
		room := l.at(from.sessionID, head)
		if _, known := room.ids[id]; !known {
			room.ids[id] = struct{}{}
			l.number++
		}
	}
}
