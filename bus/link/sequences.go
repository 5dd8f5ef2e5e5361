package link

import "chattok/bus/wire"

// Sequences hold the highest sequence number that came from each publisher.
type Sequences map[uint64]uint64

// Late notes the sequence number of a message, and says whether a later one of the same publisher came before. A message whose
// publisher counts none is never late.
func (s Sequences) Late(e wire.Envelope) bool {
	if e.Sequence == 0 {
		return false
	}
	newest := s[e.Node]
	s[e.Node] = max(newest, e.Sequence)
	return e.Sequence <= newest
}
