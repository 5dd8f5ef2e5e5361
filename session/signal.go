package session

// MaxSignalDataBytes bounds a signal's data, in bytes of UTF-8.
const MaxSignalDataBytes = 8 << 10

// Signal is a short message to the connections that are there now. It is not stored.
type Signal struct {
	Type             string // empty for none
	Data             *string
	FromConnectionID *string // nil where the server sent it
	To               *string // nil where it went to all of the session
	Missed           int     // how many signals this reader lost directly before this one
}

// Validate checks the limits. Errors: BAD_USER_INPUT.
func (g Signal) Validate() error {
	if g.Type != "" {
		if err := validName("type", g.Type); err != nil {
			return err
		}
	}
	if g.Data == nil {
		return nil
	}
	return validText("data", *g.Data, MaxSignalDataBytes)
}

// bytes is about the memory that the signal takes.
func (g *Signal) bytes() int {
	n := 128 + len(g.Type)
	if g.Data != nil {
		n += len(*g.Data)
	}
	return n
}

// afterMissing returns a copy that says how many its reader lost before it.
func (g *Signal) afterMissing(count int) *Signal {
	marked := *g
	marked.Missed = count
	return &marked
}
