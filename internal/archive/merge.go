package archive

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// changes are lines that come again since they changed while a session was exported, or are new.
type changes struct {
	connections map[string]string          // by id
	entries     map[int64]string           // by seq
	reactions   map[int64][]placedReaction // of each of the entries, all that it has
	removed     int64                      // entries up to this one were removed meanwhile
	bytes       int
}

func newChanges() *changes {
	return &changes{connections: make(map[string]string), entries: make(map[int64]string), reactions: make(map[int64][]placedReaction)}
}

// placedReaction is a reaction with what gives its place among those of its entry.
type placedReaction struct{ reactor, name, line string }

// fields are the fields by which lines have their places.
type fields struct {
	ID                   string
	Seq                  int64
	UserID, ConnectionID string
	Name                 string
	Removed              int64
}

// reactor is a reactor as the database orders them.
func (f fields) reactor() string {
	if f.UserID != "" {
		return "u" + f.UserID
	}
	return "c" + f.ConnectionID
}

func (c *changes) add(kind, line string) error {
	var f fields
	if err := read(line, &f); err != nil {
		return err
	}
	if c.bytes += len(line); c.bytes > maxChanges {
		return fmt.Errorf("more than %d MiB of a session have changed while it was exported; export it when less is going on", maxChanges>>20)
	}
	switch kind {
	case "connection":
		c.connections[f.ID] = line
	case "entry":
		c.entries[f.Seq], c.reactions[f.Seq] = line, nil // its reactions follow
	case "reaction":
		c.reactions[f.Seq] = append(c.reactions[f.Seq], placedReaction{f.reactor(), f.Name, line})
	default:
		return fmt.Errorf("the server has sent a line of type %q among changes", kind)
	}
	return nil
}

// remove takes out what is about entries up to a number, which were removed while the session was exported.
func (c *changes) remove(through int64) {
	c.removed = through
	maps.DeleteFunc(c.entries, func(seq int64, _ string) bool { return seq <= through })
	maps.DeleteFunc(c.reactions, func(seq int64, _ []placedReaction) bool { return seq <= through })
}

// Ranks are the order of the kinds of lines that a session has.
const (
	rankSession = iota
	rankConnection
	rankActor
	rankEntry
	rankReaction
	rankLast // of all other kinds
)

var ranks = map[string]int{"session": rankSession, "connection": rankConnection, "actor": rankActor, "entry": rankEntry, "reaction": rankReaction}

// merging is the work of merge.
type merging struct {
	*changes
	to     *bufio.Writer
	failed error // of a write

	// The changes that are not written yet, in the order of their places.
	nextConnections []string // ids
	nextEntries     []int64  // seqs
	nextReactions   []int64  // seqs of their entries
}

// merge writes a session's lines with the changes in their places.
func (c *changes) merge(from io.Reader, to *bufio.Writer) error {
	seqs := sortedKeys(c.entries)
	m := &merging{changes: c, to: to, nextConnections: sortedKeys(c.connections), nextEntries: seqs, nextReactions: seqs}
	lines := bufio.NewReaderSize(from, 1<<20)
	for m.failed == nil {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			break
		}
		if err != nil {
			return err
		}
		if err := m.place(line); err != nil {
			return err
		}
	}
	m.before(rankLast, fields{})
	return m.failed
}

// place writes a line of the session after the changes whose places are before it, unless one of them replaces it.
func (m *merging) place(line string) error {
	kind, err := kindOf(line)
	if err != nil {
		return err
	}
	rank, known := ranks[kind]
	if !known {
		rank = rankLast
	}
	var f fields
	switch rank {
	case rankConnection, rankEntry, rankReaction:
		if err := read(line, &f); err != nil {
			return err
		}
	}
	m.before(rank, f)
	if !m.replaced(rank, f) {
		m.write(line)
	}
	return nil
}

// before writes the changes whose places are before that of a line, and the one that replaces it.
func (m *merging) before(rank int, f fields) {
	for ; len(m.nextConnections) > 0 && comes(rankConnection, m.nextConnections[0], rank, f.ID); m.nextConnections = m.nextConnections[1:] {
		m.write(m.connections[m.nextConnections[0]])
	}
	for ; len(m.nextEntries) > 0 && comes(rankEntry, m.nextEntries[0], rank, f.Seq); m.nextEntries = m.nextEntries[1:] {
		m.write(m.entries[m.nextEntries[0]])
	}
	for ; len(m.nextReactions) > 0 && comes(rankReaction, m.nextReactions[0], rank, f.Seq); m.nextReactions = m.nextReactions[1:] {
		list := m.reactions[m.nextReactions[0]]
		slices.SortFunc(list, func(a, b placedReaction) int {
			return cmp.Or(cmp.Compare(a.reactor, b.reactor), cmp.Compare(a.name, b.name))
		})
		for _, r := range list {
			m.write(r.line)
		}
	}
}

// comes says whether a change has its place before that of a line, or at it.
func comes[K cmp.Ordered](rank int, key K, lineRank int, lineKey K) bool {
	return rank < lineRank || rank == lineRank && key <= lineKey
}

// replaced says whether a line comes again among the changes, or is about an entry that was removed.
func (m *merging) replaced(rank int, f fields) (replaced bool) {
	switch rank {
	case rankConnection:
		_, replaced = m.connections[f.ID]
	case rankEntry, rankReaction:
		_, replaced = m.entries[f.Seq]
		replaced = replaced || f.Seq <= m.removed
	}
	return replaced
}

func (m *merging) write(line string) {
	if m.failed == nil {
		_, m.failed = m.to.WriteString(line)
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
