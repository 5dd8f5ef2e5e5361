package history

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// EntryChangeKind is how an entry is changed.
type EntryChangeKind int

const (
	Edited  EntryChangeKind = iota + 1 // its text was changed
	Deleted                            // its text and reactions are gone
	Reacted                            // a reaction was put to it, or taken back
)

func (k EntryChangeKind) String() string {
	return [...]string{"addition", "edit", "deletion", "reaction"}[k]
}

// EntryChange is one editChatEntry, deleteChatEntry or reactToChatEntry with all its retries under one key.
type EntryChange struct {
	Kind EntryChangeKind
	Seq  int64  // the entry's
	Body string // of an edit; no add and no other edit has it
	Name string // of a reaction
	On   bool   // whether the reaction is put to it
	// Actors tried, in the order of their tries: the connections; for a reaction those that it may count for: the user, or
	// the connections where there is none. Empty for a connection that is not known, such as the server's own.
	Actors []string
	Began  time.Duration
	Tried  time.Duration // when the last try began
	Ended  time.Duration // when it was answered; Never where it was not, or was refused
	Answer Entry
}

// Answered says whether a client was told that the change is stored.
func (c *EntryChange) Answered() bool { return c.Ended != Never }

func (c *EntryChange) String() string {
	switch {
	case c.Kind == Edited:
		return fmt.Sprintf("the edit of %d to %q", c.Seq, c.Body)
	case c.Kind == Deleted:
		return fmt.Sprintf("the deletion of %d by %s", c.Seq, strings.Join(c.Actors, ", "))
	case c.On:
		return fmt.Sprintf("the reaction %s to %d of %s", c.Name, c.Seq, strings.Join(c.Actors, ", "))
	}
	return fmt.Sprintf("the end of the reaction %s to %d of %s", c.Name, c.Seq, strings.Join(c.Actors, ", "))
}

// Event is an event of the log.
type Event struct {
	Place  int64
	Change EntryChangeKind // 0 for an addition
	Entry  Entry
}

// LogReader is one reader of logEvents, which resumes after each break with the last place it saw.
type LogReader struct {
	Name     string
	After    int64 // the place it began after: 0 for the beginning of the log, or FromNow
	Page     *Page // the page whose lastCursor it began after; nil for none
	Began    time.Duration
	Seen     []EventSighting
	Resumes  int
	Complete bool // it had the time to read all of the log
	// Lags says that an event may show its entry as it was before what the reader was shown already, as the feed of all sessions does.
	Lags bool
}

// EventSighting is an event that a reader got, and the time.
type EventSighting struct {
	Event
	At    time.Duration
	Since time.Duration // when the subscription began, or was resumed, that it came by
}

// Page is one answered chatEntries: entries next to each other.
type Page struct {
	Asked, At time.Duration
	Entries   []Entry
	Newest    bool  // it was asked for the end of the log
	Last      int64 // the place of its lastCursor
}

// Read is one answered chatEntry.
type Read struct {
	Seq       int64 // the entry's that was asked for
	Asked, At time.Duration
	Entry     *Entry // nil for the answer null
}

// Place returns the place that a cursor of the API stands for. Clients can't know it: to them a cursor is opaque.
func Place(cursor string) int64 {
	if cursor == "0" {
		return 0
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) < 10 {
		return -1
	}
	place, _ := binary.Uvarint(b[9:])
	return int64(place)
}

// Reaction is a reaction to an entry.
type Reaction struct {
	Name  string
	Count int
}

// ReactionText writes the reactions to an entry so that they can be compared.
func ReactionText(reactions []Reaction) string {
	var b strings.Builder
	for _, r := range reactions {
		fmt.Fprintf(&b, "%d %q ", r.Count, r.Name)
	}
	return b.String()
}

// reactionCounts returns what ReactionText wrote, by name.
func reactionCounts(text string) map[string]int {
	counts := map[string]int{}
	for rest := text; rest != ""; {
		var n int
		var name string
		if _, err := fmt.Sscanf(rest, "%d %q ", &n, &name); err != nil {
			panic("history: the reactions are " + text)
		}
		counts[name] = n
		rest = strings.TrimPrefix(rest, ReactionText([]Reaction{{name, n}}))
	}
	return counts
}
