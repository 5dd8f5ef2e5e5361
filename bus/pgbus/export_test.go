package pgbus

import "chattok/session"

// SweepNow has the bus sweep as if it had not for long.
func SweepNow(b *Bus) {
	b.sweepDue.Store(true)
	b.wake.up()
}

// PublishLate has a message wait to be sent that was published before the bus was last cut off, and returns its answer.
func PublishLate(b *Bus, m session.Message) <-chan error {
	answer := make(chan error, 1)
	b.outgoing <- outgoing{m, answer, b.cuts.Load() - 1}
	b.wake.up()
	return answer
}
