package pgbus

// SweepNow has the bus sweep as if it had not for long.
func SweepNow(b *Bus) {
	b.sweepDue.Store(true)
	b.wake.up()
}
