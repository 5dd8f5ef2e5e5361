package session

import (
	"context"
	"time"
)

// commitEntries stores a group of entries and hands what is new to the bus, before anybody is answered: who posts,
// has the answer and then subscribes, gets only what comes later.
func (s *Service) commitEntries(group []NewEntry) []EntryResult {
	ctx := context.WithoutCancel(s.lifetime)
	start := time.Now()
	results := s.store.AppendEntries(ctx, group)
	fresh := make(map[string][]*ChatEntry, 1)
	n := 0
	var failed error
	for _, r := range results {
		if CodeOf(r.Err) == CodeUnavailable {
			failed = r.Err
		}
		if r.Err == nil && !r.Replayed {
			fresh[r.Entry.SessionID] = append(fresh[r.Entry.SessionID], r.Entry)
			n++
		}
	}
	if n > 0 || failed != nil {
		s.committed(failed)
	}
	if n > 0 {
		s.metrics.EntriesCommitted(n, time.Since(start))
	}
	for id, entries := range fresh {
		s.publish(ctx, Message{SessionID: id, Seq: entries[len(entries)-1].Seq, Entries: entries})
	}
	return results
}

// commitConnections stores a group of connections and hands their creations to the bus.
func (s *Service) commitConnections(group []NewConnection) []ConnectionResult {
	ctx := context.WithoutCancel(s.lifetime)
	results := s.store.CreateConnections(ctx, group, s.cfg.Idle)
	for _, r := range results {
		if r.Err != nil {
			continue
		}
		s.known.put(r.Change.Connection.ID, ConnectionState{Connection: r.Change.Connection})
		if open := s.peekRoom(r.Session.ID); open != nil && open.session.Epoch != r.Session.Epoch {
			s.forgetRoom(open)
		}
		s.publishChange(ctx, r.Change)
	}
	return results
}
