package session

import (
	"context"
	"log/slog"
)

// publisher tells every node of commits by the Bus. A message that is lost is found by its numbers, so a failure is only
// logged.
type publisher struct {
	bus   Bus
	cache *connectionCache
	hint  func(sessionIDs ...string) // that a session has something that the feed has not
	log   *slog.Logger
}

// entries publishes consecutive entries of one session that were committed. trace is the commit's.
func (p *publisher) entries(ctx context.Context, sessionID string, entries []*ChatEntry, trace Trace) {
	newest := entries[len(entries)-1]
	run := LogRun{After: entries[0].Place - 1, Through: newest.Place, Events: make([]*LogEvent, len(entries))}
	for i, e := range entries {
		run.Events[i] = &LogEvent{Place: e.Place, Entry: e}
	}
	p.publish(ctx, Message{SessionID: sessionID, Seq: newest.Seq, Log: run, Trace: trace})
}

// changes publishes events of one session's log that were committed. trace is the commit's.
func (p *publisher) changes(ctx context.Context, sessionID string, run LogRun, trace Trace) {
	seq := int64(0)
	for _, e := range run.Events {
		seq = max(seq, e.Entry.Seq)
	}
	p.publish(ctx, Message{SessionID: sessionID, Seq: seq, Log: run, Trace: trace})
}

// change publishes a roster change that was committed.
func (p *publisher) change(ctx context.Context, c RosterChange) {
	switch {
	case c.Destroyed():
		p.cache.put(c.Connection.ID, ConnectionState{Connection: c.Connection, Destroyed: true})
	case c.Updated:
		p.cache.put(c.Connection.ID, ConnectionState{Connection: c.Connection})
	}
	p.publish(ctx, Message{SessionID: c.SessionID, Revision: c.Revision, Changes: []RosterChange{c}})
}

func (p *publisher) publish(ctx context.Context, m Message) {
	if m.Seq > 0 || m.Revision > 0 {
		p.hint(m.SessionID)
	}
	if err := p.bus.Publish(ctx, m); err != nil {
		p.log.Debug("the bus did not take a message", "session", m.SessionID, "error", err)
	}
}
