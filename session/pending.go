package session

import "chattok/internal/ordered"

// pendingChanges are the roster changes since the last event was published. A connection or stream that was created and
// destroyed in between is dropped.
type pendingChanges struct {
	created          ordered.Map[string, *Connection]
	updated          ordered.Map[string, *Connection]
	destroyed        ordered.Map[string, *ConnectionDestroyed]
	streamsCreated   ordered.Map[string, *Stream]
	streamsUpdated   ordered.Map[string, *Stream]
	streamsDestroyed ordered.Map[string, *StreamDestroyed]
}

func (p *pendingChanges) add(e SessionEvent) {
	switch e := e.(type) {
	case *ConnectionCreated:
		p.created.Set(e.Connection.ID, e.Connection)
	case *ConnectionUpdated:
		if _, unseen := p.created.Get(e.Connection.ID); unseen {
			p.created.Set(e.Connection.ID, e.Connection)
		} else {
			p.updated.Set(e.Connection.ID, e.Connection)
		}
	case *ConnectionDestroyed:
		p.updated.Delete(e.Connection.ID)
		if _, unseen := p.created.Delete(e.Connection.ID); !unseen {
			p.destroyed.Set(e.Connection.ID, e)
		}
	case *StreamCreated:
		p.streamsCreated.Set(e.Stream.ID, e.Stream)
	case *StreamUpdated:
		if _, unseen := p.streamsCreated.Get(e.Stream.ID); unseen {
			p.streamsCreated.Set(e.Stream.ID, e.Stream)
		} else {
			p.streamsUpdated.Set(e.Stream.ID, e.Stream)
		}
	case *StreamDestroyed:
		p.streamsUpdated.Delete(e.Stream.ID)
		if _, unseen := p.streamsCreated.Delete(e.Stream.ID); !unseen {
			p.streamsDestroyed.Set(e.Stream.ID, e)
		}
	}
}

// replace exchanges a stream whose publication or change is pending; the change of its publisher alone is none of its own.
func (p *pendingChanges) replace(s *Stream) {
	for _, pending := range []*ordered.Map[string, *Stream]{&p.streamsCreated, &p.streamsUpdated} {
		if _, ok := pending.Get(s.ID); ok {
			pending.Set(s.ID, s)
		}
	}
}

func (p *pendingChanges) connections() int {
	return p.created.Len() + p.updated.Len() + p.destroyed.Len()
}

func (p *pendingChanges) streams() int {
	return p.streamsCreated.Len() + p.streamsUpdated.Len() + p.streamsDestroyed.Len()
}

func (p *pendingChanges) count() int { return p.connections() + p.streams() }

// singly returns an event for each change, in an order that leaves no stream without its connection.
func (p *pendingChanges) singly() []SessionEvent {
	events := make([]SessionEvent, 0, p.count())
	for _, c := range p.created.All() {
		events = append(events, &ConnectionCreated{c})
	}
	for _, c := range p.updated.All() {
		events = append(events, &ConnectionUpdated{c})
	}
	for _, s := range p.streamsCreated.All() {
		events = append(events, &StreamCreated{s})
	}
	for _, s := range p.streamsUpdated.All() {
		events = append(events, &StreamUpdated{s})
	}
	for _, d := range p.streamsDestroyed.All() {
		events = append(events, d)
	}
	for _, d := range p.destroyed.All() {
		events = append(events, d)
	}
	return events
}

// combined returns one event for all changes of connections, and one for all of streams.
func (p *pendingChanges) combined(connectionCount, streamCount int) []SessionEvent {
	var events []SessionEvent
	if p.connections() > 0 {
		e := &ConnectionsChanged{
			Created:         withinData(p.created.First(MaxListConnections), itself),
			Updated:         withinData(p.updated.First(MaxListConnections), itself),
			Destroyed:       withinData(p.destroyed.First(MaxListConnections), func(d *ConnectionDestroyed) *Connection { return d.Connection }),
			ConnectionCount: connectionCount}
		e.Truncated = len(e.Created)+len(e.Updated)+len(e.Destroyed) < p.connections()
		events = append(events, e)
	}
	if p.streams() > 0 {
		e := &StreamsChanged{
			Created:     withinData(p.streamsCreated.First(MaxListStreams), (*Stream).publisher),
			Updated:     withinData(p.streamsUpdated.First(MaxListStreams), (*Stream).publisher),
			Destroyed:   withinData(p.streamsDestroyed.First(MaxListStreams), func(d *StreamDestroyed) *Connection { return d.Stream.Connection }),
			StreamCount: streamCount}
		e.Truncated = len(e.Created)+len(e.Updated)+len(e.Destroyed) < p.streams()
		events = append(events, e)
	}
	return events
}
