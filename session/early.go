package session

// Limits of earlyMessages.
const (
	earlyLimit = 1024
	earlyBytes = 4 << 20
)

// earlyMessages are the messages of the bus that came while a room was being loaded, oldest first. A slow Store makes them
// many, so only the newest are kept. An older one leaves its numbers with catchUp, by which the room reads its entries and
// changes from the Store; its signal or negotiation is lost, as it is for every reader that is so far behind.
type earlyMessages struct {
	list  []Message
	bytes int
}

// add adds a message. Numbers of messages that no longer fit are announced to c. room.mu is held.
func (e *earlyMessages) add(c *catchUp, m Message) {
	e.list = append(e.list, m)
	e.bytes += m.bytes()
	for len(e.list) > earlyLimit || e.bytes > earlyBytes && len(e.list) > 1 {
		dropped, _ := e.take()
		c.announce(dropped.Log.Through, dropped.Revision)
	}
}

// take removes and returns the oldest message.
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
