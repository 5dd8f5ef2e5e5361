package bus

import "sync/atomic"

// Stats are what a bus between nodes has done since it was opened.
type Stats struct {
	Published int64 // messages handed to other nodes
	Received  int64 // messages of other nodes
	Refused   int64 // messages that could not be handed to other nodes
	Lost      int64 // times that messages of other nodes may have been lost
}

// Counters count a bus's Stats. They are safe for concurrent use.
type Counters struct{ published, received, refused, lost atomic.Int64 }

func (c *Counters) Published() { c.published.Add(1) }
func (c *Counters) Received()  { c.received.Add(1) }
func (c *Counters) Refused()   { c.refused.Add(1) }
func (c *Counters) Lost()      { c.lost.Add(1) }

// Stats returns what was counted.
func (c *Counters) Stats() Stats {
	return Stats{Published: c.published.Load(), Received: c.received.Load(), Refused: c.refused.Load(), Lost: c.lost.Load()}
}
