package session

// Limits of a signal.
const MaxSignalDataBytes = 8 << 10

// Signal is a short message to the connections that are there now. It is not stored.
type Signal struct {
	Type             string
	Data             *string
	FromConnectionID *string // nil where the server sent it
	To               *string // nil where it went to all of the session
	Missed           int     // how many signals this reader lost directly before this one
}
