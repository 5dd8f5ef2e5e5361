package session

// Limits of what a room that is being loaded keeps of what the bus brings meanwhile.
const (
	earlyLimit = 1024
	earlyBytes = 4 << 20
)

// earlyMessages are the newest that came for a room while it was being loaded, oldest first. A Store that is slow makes
// them many, so they are bounded: of an older one its numbers are noted, by which the room fetches what was in it. Signals
// and negotiations of the older ones are lost, as they are to every reader that far behind.
type earlyMessages struct {
	list  []Message
	bytes int
}

// add takes a message in. r.mu is held.
func (e *earlyMessages) add(r *room, m Message) {
	e.list = append(e.list, m)
	e.bytes += m.bytes()
	for len(e.list) > earlyLimit || e.bytes > earlyBytes && len(e.list) > 1 {
		dropped, _ := e.take()
		r.hear(dropped.Seq, dropped.Revision)
	}
}

// take takes the oldest message out.
func (e *earlyMessages) take() (m Message, ok bool) {
	if len(e.list) == 0 {
		return m, false
	}
	m = e.list[0]
	e.list[0] = Message{}
	e.list = e.list[1:]
	e.bytes -= m.bytes()
	return m, true
}

// changeBytes is about what a roster change takes, its connection's or stream's texts aside.
const changeBytes = 512

// bytes is about what a message takes in memory.
func (m Message) bytes() int {
	n := 0
	for _, e := range m.Entries {
		n += entryBytes(e)
	}
	for _, c := range m.Changes {
		n += changeBytes
		if c.Connection != nil && c.Connection.Data != nil {
			n += len(*c.Connection.Data)
		}
	}
	if m.Signal != nil {
		n += m.Signal.bytes()
	}
	if m.Negotiation != nil {
		n += m.Negotiation.bytes()
	}
	return n
}
