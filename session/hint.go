package session

// hint is told that something has changed. Several hints that nobody has heard are one.
type hint chan struct{}

func newHint() hint { return make(hint, 1) }

// tell does not wait.
func (h hint) tell() {
	select {
	case h <- struct{}{}:
	default:
	}
}
