//go:build unix

package chaos

import (
	"context"
	"fmt"

	"chattok/internal/history"
)

const logEventsOperation = `subscription($a:String){logEvents(after:$a){__typename ...on EntryAdded{entry{` + entryFields + `} cursor} ...on EntryChanged{entry{` + entryFields + `} change cursor}}}`

// logEvent is a LogEvent of any type.
type logEvent struct {
	Typename string `json:"__typename"`
	Entry    entry
	Change   string
	Cursor   string
}

func (e *logEvent) recorded() history.Event {
	kinds := map[string]history.EntryChangeKind{"": 0, "EDITED": history.Edited, "DELETED": history.Deleted, "REACTED": history.Reacted}
	return history.Event{Place: history.Place(e.Cursor), Change: kinds[e.Change], Entry: e.Entry.recorded()}
}

// Subscriptions to logEvents of a visit, by the ids of their operations.
const (
	logID        = "log"
	logFromNowID = "logFromNow"
	logPageID    = "logPage"
)

// followLog subscribes to the log: after the last event that the person has, and sometimes from now on and from a page.
func (v *visit) followLog(ctx context.Context) error {
	recorder := v.room.recorder
	v.mu.Lock()
	after := v.logCursor
	v.passing = nil
	v.mu.Unlock()
	v.logs = map[string]history.RecordedLogReader{logID: v.log}
	if v.n(fromNowProbability) == 0 {
		r := recorder.LogReader(fmt.Sprintf("%s, from now on, on node %d", v.name, v.node+1), history.FromNow)
		if err := v.followAs(ctx, logFromNowID, r, nil); err != nil {
			return err
		}
	}
	if v.n(fromNowProbability) == 0 {
		read, err := v.readPage(ctx, v.n(len(v.room.world.nodes)), v.me)
		if err != nil {
			return err
		}
		r := recorder.PageReader(fmt.Sprintf("%s, from a page, on node %d", v.name, v.node+1), read.page)
		if err := v.followAs(ctx, logPageID, r, map[string]any{"a": read.last}); err != nil {
			return err
		}
	}
	if after != "0" {
		v.log.Resumes()
	}
	return v.socket.subscribe(ctx, logID, logEventsOperation, map[string]any{"a": after})
}

// followAs subscribes to the log for the time of the visit.
func (v *visit) followAs(ctx context.Context, id string, r history.RecordedLogReader, variables map[string]any) error {
	v.logs[id] = r
	v.mu.Lock()
	v.passing = append(v.passing, r)
	v.mu.Unlock()
	return v.socket.subscribe(ctx, id, logEventsOperation, variables)
}

// takeLog records an event of the log.
func (v *visit) takeLog(id string, e *logEvent) {
	v.logs[id].Saw(e.recorded())
	e.Entry.quotes(v.logs[id].Quoted)
	v.room.knows(e.Entry, nil, member{})
	if id == logID {
		v.mu.Lock()
		v.logCursor = e.Cursor
		v.mu.Unlock()
	}
}

// logEnd returns the place at which the log ends, as a node says.
func (r *room) logEnd(ctx context.Context, node int) (int64, error) {
	var data struct{ Session struct{ LastCursor string } }
	err := r.people[0].ask(ctx, node, r.people[0].member().token, `{session{lastCursor}}`, nil, &data)
	return history.Place(data.Session.LastCursor), err
}

// logReaders returns the readers of the log that read to the end.
func (p *person) logReaders() []history.RecordedLogReader {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]history.RecordedLogReader{p.log}, p.passing...)
}

// behind returns an error where a reader of the log has not come to its end.
func (r *room) behind(end int64) error {
	for _, p := range r.people {
		for _, l := range p.logReaders() {
			if last := l.Last(); last < end && last != history.FromNow {
				return fmt.Errorf("%s has the log up to %d of %d", p.name, last, end)
			}
		}
	}
	if r.logReader != nil {
		if last := r.logReader.log.Last(); last < end {
			return fmt.Errorf("%s has the log up to %d of %d over SSE", r.logReader.name, last, end)
		}
	}
	return nil
}

// events reads the log's events on a node.
func (r *room) events(ctx context.Context, node int) (events []history.Event, err error) {
	p := r.people[0]
	me, err := p.connect(ctx, node)
	if err != nil {
		return nil, err
	}
	end, err := r.logEnd(ctx, node)
	if err != nil {
		return nil, err
	}
	s, err := dial(ctx, r.world.nodes[node], me.token)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.subscribe(ctx, logID, logEventsOperation, map[string]any{"a": "0"}); err != nil {
		return nil, err
	}
	for place := int64(0); place < end; {
		m, err := s.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("the events of %s on node %d after %d of %d: %w", r.id, node+1, place, end, err)
		}
		e, err := logEventOf(m.Payload)
		if err != nil {
			return nil, err
		}
		place = history.Place(e.Cursor)
		events = append(events, e.recorded())
	}
	return events, nil
}
