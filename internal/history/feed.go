package history

// FeedReader is one reader of the feed of all sessions, which resumes after each break with the last cursor it saw.
type FeedReader struct {
	Name     string
	Seen     []FeedSighting
	Resumes  int
	Complete bool  // it began at the beginning, and had the time to read up to Through
	Through  int64 // a place
}

// FeedKind is the kind of a FeedSighting.
type FeedKind int

const (
	FeedLog            FeedKind = iota // an event of a session's log
	FeedRoster                         // a change of a session's connections, streams or settings
	FeedSessionCreated                 // a session was made
	FeedSessionDeleted                 // a session is gone
	_                                  // changes before are missing; the chaos readers begin before all
	_                                  // a user was erased, which no reader of chaos asks for
	FeedLogTruncated                   // all of a session's log up to a place was removed
)

// FeedSighting is an event that a reader of the feed got.
type FeedSighting struct {
	Place   int64
	ID      string
	Session string
	Kind    FeedKind
	Number  int64 // of FeedLog and FeedLogTruncated the place in the session's log, of FeedRoster the revision
}

// feed checks that readers of the feed got the same events at the same places, each once, and each session's in its order. That none of
// a log is missing is checked by a LogReader of each session, which has what the reader saw of it.
func (c *checker) feed() {
	at, placed := make(map[int64]FeedSighting), make(map[string]int64) // what readers saw at a place, and of an event: its place
	for _, r := range c.History.Feed {
		c.feedReader(r, at, placed)
		if n := len(r.Seen); r.Complete && (n == 0 || r.Seen[n-1].Place < r.Through) {
			c.breaks(Unfinished, "%s did not get the feed up to %d", r.Name, r.Through)
		}
	}
}

// feedSession is a session as a reader of the feed knows it.
type feedSession struct {
	log, revision int64
	gone          bool
}

func (c *checker) feedReader(r *FeedReader, at map[int64]FeedSighting, placed map[string]int64) {
	last, seen, sessions := int64(0), make(map[string]bool), make(map[string]*feedSession)
	for _, s := range r.Seen {
		if seen[s.ID] {
			c.breaks(SeenTwice, "%s got %+v again", r.Name, s)
			continue
		}
		if s.Place <= last {
			c.breaks(Backwards, "%s got %+v after place %d of the feed", r.Name, s, last)
		}
		last = max(last, s.Place)
		seen[s.ID] = true
		if s.Kind == FeedLogTruncated { // which is where the log begins by then, in the place of what others got
			c.feedEvent(r, s, sessions)
			continue
		}
		if other, ok := at[s.Place]; ok && other != s {
			c.breaks(Unordered, "%s got %+v, another reader %+v", r.Name, s, other)
		}
		if place, ok := placed[s.ID]; ok && place != s.Place {
			c.breaks(Unordered, "%s got %+v, which another reader got at %d", r.Name, s, place)
		}
		at[s.Place], placed[s.ID] = s, s.Place
		c.feedEvent(r, s, sessions)
	}
}

// feedEvent checks that an event may come next in its session. Revisions are never left out, and places of the log only where they were
// superseded.
func (c *checker) feedEvent(r *FeedReader, s FeedSighting, sessions map[string]*feedSession) {
	known := sessions[s.Session]
	if s.Kind == FeedSessionCreated {
		if known != nil && !known.gone {
			c.breaks(Impossible, "%s was told that %s was made, which was there", r.Name, s.Session)
		}
		sessions[s.Session] = &feedSession{}
		return
	}
	if known == nil || known.gone {
		if r.Complete {
			c.breaks(Impossible, "%s got %+v of a session that was not there", r.Name, s)
		}
		return
	}
	switch {
	case s.Kind == FeedSessionDeleted:
		known.gone = true
	case (s.Kind == FeedLog || s.Kind == FeedLogTruncated) && s.Number <= known.log:
		c.breaks(Unordered, "%s got %+v after place %d of the session's log", r.Name, s, known.log)
	case s.Kind == FeedLog || s.Kind == FeedLogTruncated:
		known.log = s.Number
	case s.Number <= known.revision:
		c.breaks(Unordered, "%s got %+v after revision %d of the session", r.Name, s, known.revision)
	case s.Number > known.revision+1:
		c.breaks(Skipped, "%s got %+v after revision %d of the session", r.Name, s, known.revision)
		known.revision = s.Number
	default:
		known.revision = s.Number
	}
}
