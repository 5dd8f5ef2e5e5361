package session

// pendingChanges are those made since the last event was published. What came and went in between leaves no trace.
type pendingChanges struct {
	created          ordered[*Connection]
	destroyed        ordered[*ConnectionDestroyed]
	streamsCreated   ordered[*Stream]
	streamsUpdated   ordered[*Stream]
	streamsDestroyed ordered[*StreamDestroyed]
}

func (p *pendingChanges) add(e SessionEvent) {
	switch e := e.(type) {
	case *ConnectionCreated:
		p.created.put(e.Connection.ID, e.Connection)
	case *ConnectionDestroyed:
		if _, unseen := p.created.remove(e.Connection.ID); !unseen {
			p.destroyed.put(e.Connection.ID, e)
		}
	case *StreamCreated:
		p.streamsCreated.put(e.Stream.ID, e.Stream)
	case *StreamUpdated:
		if _, unseen := p.streamsCreated.get(e.Stream.ID); unseen {
			p.streamsCreated.put(e.Stream.ID, e.Stream)
		} else {
			p.streamsUpdated.put(e.Stream.ID, e.Stream)
		}
	case *StreamDestroyed:
		p.streamsUpdated.remove(e.Stream.ID)
		if _, unseen := p.streamsCreated.remove(e.Stream.ID); !unseen {
			p.streamsDestroyed.put(e.Stream.ID, e)
		}
	}
}

func (p *pendingChanges) connections() int { return p.created.len() + p.destroyed.len() }

func (p *pendingChanges) streams() int {
	return p.streamsCreated.len() + p.streamsUpdated.len() + p.streamsDestroyed.len()
}

func (p *pendingChanges) count() int { return p.connections() + p.streams() }

// singly returns an event for each change, in an order that leaves no stream without its connection.
func (p *pendingChanges) singly() []SessionEvent {
	events := make([]SessionEvent, 0, p.count())
	p.created.all(func(_ string, c *Connection) { events = append(events, &ConnectionCreated{c}) })
	p.streamsCreated.all(func(_ string, s *Stream) { events = append(events, &StreamCreated{s}) })
	p.streamsUpdated.all(func(_ string, s *Stream) { events = append(events, &StreamUpdated{s}) })
	p.streamsDestroyed.all(func(_ string, d *StreamDestroyed) { events = append(events, d) })
	p.destroyed.all(func(_ string, d *ConnectionDestroyed) { events = append(events, d) })
	return events
}

// gathered returns one event for all changes of connections, and one for all of streams.
func (p *pendingChanges) gathered(connectionCount, streamCount int) []SessionEvent {
	var events []SessionEvent
	if p.connections() > 0 {
		events = append(events, &ConnectionsChanged{
			Created:         p.created.first(MaxListConnections),
			Destroyed:       p.destroyed.first(MaxListConnections),
			ConnectionCount: connectionCount,
			Truncated:       max(p.created.len(), p.destroyed.len()) > MaxListConnections})
	}
	if p.streams() > 0 {
		events = append(events, &StreamsChanged{
			Created:     p.streamsCreated.first(MaxListStreams),
			Updated:     p.streamsUpdated.first(MaxListStreams),
			Destroyed:   p.streamsDestroyed.first(MaxListStreams),
			StreamCount: streamCount,
			Truncated:   max(p.streamsCreated.len(), p.streamsUpdated.len(), p.streamsDestroyed.len()) > MaxListStreams})
	}
	return events
}
