package pgbus

// SweepNow makes the bus sweep as if its last sweep were long ago.
func SweepNow(b *Bus) {
	b.sweepDue.Store(true)
	b.wake.up()
}
