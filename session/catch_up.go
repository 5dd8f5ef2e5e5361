package session

// catchUp is a room's progress towards the highest numbers that it has heard of. A room lags behind the Store: another
// node's commits come by the bus, late or never, and this node's own can be read from the Store shortly before the room has them.
// So a room is brought to where the Store is before a reader begins to follow it or reads its roster. Every cursor that any node
// answered before is then one to go on from.
//
// Its fields are guarded by room.mu.
type catchUp struct {
	announced LastSeqs     // the highest Place and Revision that the room has heard of
	fetching  bool         // a goroutine reads missing entries and changes from the Store
	waiting   []chan error // of callers that wait for the room to change; each buffers one
}

// announce notes numbers that the room has heard of.
func (c *catchUp) announce(place, revision int64) {
	c.announced.Place = max(c.announced.Place, place)
	c.announced.Revision = max(c.announced.Revision, revision)
}

// behind says whether a room that has these numbers lacks something it has heard of.
func (c *catchUp) behind(place, revision int64) bool {
	return place < c.announced.Place || revision < c.announced.Revision
}

// giveUp forgets numbers beyond these, which the Store turned out not to have. The next check tells the right ones.
func (c *catchUp) giveUp(place, revision int64) {
	c.announced = LastSeqs{Place: place, Revision: revision}
}

// watch returns a channel that gets nil when something was applied to the room, or the error when missing entries or changes
// can't be read.
func (c *catchUp) watch() <-chan error {
	changed := make(chan error, 1)
	c.waiting = append(c.waiting, changed)
	return changed
}

// tell answers the callers that wait for the room to change.
func (c *catchUp) tell(err error) {
	for _, changed := range c.waiting {
		changed <- err
	}
	c.waiting = nil
}
