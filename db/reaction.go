package db

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"chattok/session"
)

// reaction is a row of reactions.
type reaction struct {
	entrySeq
	reactor string
	name    string
}

// reactorOf returns by whom an actor's reactions are counted: its user, or its connection where it has none.
func reactorOf(by session.Actor) string {
	if by.UserID != nil {
		return "u" + *by.UserID
	}
	return "c" + by.ConnectionID
}

// storeReactions adds and removes the rows of reactions that have changed. The rows of deleted entries are gone.
func (g *changeGroup) storeReactions(ctx context.Context) error {
	type addition struct {
		reaction
		connectionID   string
		place, ordinal int64
	}
	var added []addition
	var removed []reaction
	done := make(map[reaction]bool)
	for i := range g.changes {
		c := &g.changes[i]
		r := reaction{entrySeq{c.SessionID, c.Seq}, reactorOf(c.Actor), c.Name}
		is, touched := g.reactions[r]
		entry := g.entries[r.entrySeq]
		if c.Kind != session.EntryReacted || !touched || done[r] || is == g.stored[r] || entry.Deleted() {
			continue
		}
		done[r] = true
		if is {
			added = append(added, addition{r, c.Actor.ConnectionID, entry.Changed, int64(i)})
		} else {
			removed = append(removed, r)
		}
	}
	appendRow := func(args []any, a addition) []any {
		return append(args, a.sessionID, a.seq, a.reactor, a.name, a.connectionID, a.place, a.ordinal)
	}
	if err := execList(ctx, g.statements, g.tx, insertReactions, added, appendRow); err != nil {
		return err
	}
	appendReaction := func(args []any, r reaction) []any { return append(args, r.sessionID, r.seq, r.reactor, r.name) }
	return execList(ctx, g.statements, g.tx, deleteReactions, removed, appendReaction)
}

// reactionsTo returns the names of a reactor's reactions to an entry, in the order of the entry's.
func (g *changeGroup) reactionsTo(e *session.ChatEntry, reactor string) (names []string) {
	for _, count := range e.Reactions {
		if g.reactions[reaction{entrySeq{e.SessionID, e.Seq}, reactor, count.Name}] {
			names = append(names, count.Name)
		}
	}
	return names
}

// ReactionsOf implements session.Store.
func (s *Store) ReactionsOf(ctx context.Context, sessionID string, by session.Actor, seqs []int64) (map[int64][]string, error) {
	reactor := reactorOf(by)
	if len(seqs) == 0 || !storable(sessionID) || !storable(reactor) {
		return map[int64][]string{}, nil
	}
	type row struct {
		Seq       int64
		Name      string
		Reactions string
	}
	rows, err := read(ctx, s, "read reactions", func(ctx context.Context) (rows []row, err error) {
		err = s.readers.NewRaw(sqlReactionsOf, sessionID, bun.List(seqs), reactor).Scan(ctx, &rows)
		return rows, err
	})
	if err != nil {
		return nil, err
	}
	names, order := make(map[int64][]string), make(map[int64][]session.ReactionCount)
	for _, row := range rows {
		names[row.Seq] = append(names[row.Seq], row.Name)
		order[row.Seq] = toReactions(row.Reactions)
	}
	for seq, names := range names {
		at := func(name string) int {
			return slices.IndexFunc(order[seq], func(c session.ReactionCount) bool { return c.Name == name })
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Compare(at(a), at(b)) })
	}
	return names, nil
}

const sqlReactionsOf = "SELECT r.seq, r.name, e.reactions FROM reactions AS r CROSS JOIN entries AS e" +
	" WHERE r.session_id = ? AND r.seq IN (?) AND r.reactor = ? AND e.session_id = r.session_id AND e.seq = r.seq"

// reactorsChunk is how many reactions one statement of Reactors looks up.
const reactorsChunk = 100

// Reactors implements session.Store.
func (s *Store) Reactors(
	ctx context.Context, sessionID string, reactions []session.ReactionKey, limit int,
) (map[session.ReactionKey][]string, error) {
	found := make(map[session.ReactionKey][]string, len(reactions))
	if !storable(sessionID) || limit <= 0 {
		return found, nil
	}
	type row struct {
		Seq                int64
		Name, ConnectionID string
		Place, Ordinal     int64
	}
	wanted := make([]session.ReactionKey, 0, len(reactions))
	asked := make(map[session.ReactionKey]bool, len(reactions))
	for _, r := range reactions {
		if storable(r.Name) && !asked[r] {
			wanted, asked[r] = append(wanted, r), true
		}
	}
	for chunk := range slices.Chunk(wanted, reactorsChunk) {
		query := strings.TrimSuffix(strings.Repeat(sqlReactors+" UNION ALL ", len(chunk)), " UNION ALL ")
		args := make([]any, 0, 4*len(chunk))
		for _, r := range chunk {
			args = append(args, sessionID, r.Seq, r.Name, limit)
		}
		rows, err := read(ctx, s, "read reactors", func(ctx context.Context) (rows []row, err error) {
			err = s.readers.NewRaw(query, args...).Scan(ctx, &rows)
			return rows, err
		})
		if err != nil {
			return nil, err
		}
		slices.SortFunc(rows, func(a, b row) int { // a union promises no order
			return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Ordinal, b.Ordinal))
		})
		for _, row := range rows {
			key := session.ReactionKey{Seq: row.Seq, Name: row.Name}
			found[key] = append(found[key], row.ConnectionID)
		}
	}
	return found, nil
}

const sqlReactors = "SELECT * FROM (SELECT seq, name, connection_id, place, ordinal FROM reactions" +
	" WHERE session_id = ? AND seq = ? AND name = ? ORDER BY place, ordinal LIMIT ?) AS r"
