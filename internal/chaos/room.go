//go:build unix

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"

	"chattok/internal/history"
)

// room is a session and its people.
type room struct {
	world    *world
	id       string
	recorder *history.Recorder
	people   []*person
	reader   *reader // nil for no reader over SSE
	// logReader follows the log over SSE; nil for none.
	logReader *reader
	marks     []mark // of users, when all was well

	mu      sync.Mutex
	ids     []string        // of all connections that people had
	entries []known         // in the order in which somebody came to know them
	byID    map[string]bool // the ids of those
}

func newRoom(w *world, id string, people int, seed uint64) *room {
	r := &room{world: w, id: id, recorder: history.NewRecorder(), byID: map[string]bool{}}
	for i := range people {
		name := fmt.Sprintf("%s.p%d", id, i+1)
		// Each person has an http.Client of its own, so that one person's wait does not hold up another.
		p := &person{room: r, name: name, home: anywhere, patience: silenceLimit, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}},
			random: rand.New(rand.NewPCG(seed, uint64(i))), cursor: "0", logCursor: "0", sent: map[string]int64{}, had: map[string]bool{}}
		if i%2 == 0 { // every other person is a user
			p.user, p.userKey = name, fmt.Sprintf("the secret of %s in %x", name, seed)
		}
		p.seen = r.recorder.Subscriber(name, 0)
		p.log = r.recorder.LogReader(name, 0)
		p.watching = r.recorder.Watcher(name)
		r.people = append(r.people, p)
	}
	return r
}

// met remembers the id of a connection.
func (r *room) met(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, id)
}

// anyone returns the id of a connection that a person has, or had not long ago.
func (r *room) anyone(p *person) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	recent := r.ids[max(0, len(r.ids)-2*len(r.people)):]
	return recent[p.n(len(recent))]
}

// log reads the session's whole log on a node. It may have to connect anew: nobody follows the session any more, and
// the reading of other logs takes time.
func (r *room) log(ctx context.Context, node int) (log []history.Entry, err error) {
	p := r.people[0]
	for after := "0"; ; {
		me, err := p.connect(ctx, node)
		if err != nil {
			return nil, fmt.Errorf("connect to read the log of %s on node %d: %w", r.id, node+1, err)
		}
		var page struct{ ChatEntries struct{ Nodes []entry } }
		err = p.ask(ctx, node, me.token, logOperation, map[string]any{"a": after}, &page)
		if destroyed(err) {
			p.drop(me)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the log of %s on node %d: %w", r.id, node+1, err)
		}
		nodes := page.ChatEntries.Nodes
		if len(nodes) == 0 {
			return log, nil
		}
		for _, e := range nodes {
			log = append(log, e.recorded())
		}
		after = nodes[len(nodes)-1].Cursor
	}
}

// head returns the number of the log's newest entry, as a node says.
func (r *room) head(ctx context.Context, node int) (int64, error) {
	p := r.people[0]
	var page struct{ ChatEntries struct{ Nodes []entry } }
	if err := p.ask(ctx, node, p.member().token, headOperation, nil, &page); err != nil {
		return 0, err
	}
	if len(page.ChatEntries.Nodes) == 0 {
		return 0, nil
	}
	return page.ChatEntries.Nodes[0].Seq, nil
}

// roster returns the session's connections, as a node says.
func (r *room) roster(ctx context.Context, node int) ([]string, error) {
	p := r.people[0]
	var data struct {
		Session struct{ Connections []struct{ ID string } }
	}
	if err := p.ask(ctx, node, p.member().token, rosterOperation, nil, &data); err != nil {
		return nil, err
	}
	ids := make([]string, len(data.Session.Connections))
	for i, c := range data.Session.Connections {
		ids[i] = c.ID
	}
	slices.Sort(ids)
	return ids, nil
}

// present returns the connections that people have now.
func (r *room) present() []string {
	var ids []string
	for _, p := range r.people {
		if m := p.member(); m.id != "" {
			ids = append(ids, m.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// converged returns nil when everybody has seen every entry and all agree on the connections.
func (r *room) converged(ctx context.Context) error {
	head, err := r.head(ctx, 0)
	if err != nil {
		return err
	}
	end, err := r.logEnd(ctx, 0)
	if err != nil {
		return err
	}
	present := r.present()
	if len(present) < len(r.people) {
		return fmt.Errorf("%d of %d people are connected", len(present), len(r.people))
	}
	for _, p := range r.people {
		p.mu.Lock()
		online := p.online
		p.mu.Unlock()
		if !online {
			return fmt.Errorf("%s has no socket", p.name)
		}
		if last := p.seen.Last(); last < head {
			return fmt.Errorf("%s has seen %d of %d", p.name, last, head)
		}
		there := p.watching.There()
		if len(there) != len(present) || slices.ContainsFunc(present, func(id string) bool { return !there[id] }) {
			return fmt.Errorf("%s has %d there, not the %d that are", p.name, len(there), len(present))
		}
	}
	if err := r.behind(end); err != nil {
		return err
	}
	if err := r.world.feedBehind(r, end); err != nil {
		return err
	}
	if r.reader != nil {
		if last := r.reader.seen.Last(); last < head {
			return fmt.Errorf("%s has seen %d of %d over SSE", r.reader.name, last, head)
		}
	}
	for node := range r.world.nodes {
		roster, err := r.roster(ctx, node)
		if err != nil {
			return err
		}
		if !slices.Equal(roster, present) {
			return fmt.Errorf("node %d has %d there, not the %d that are", node+1, len(roster), len(present))
		}
	}
	return nil
}

// unheard returns how many of the signals that must arrive have not arrived yet.
func (r *room) unheard() (missing int) {
	for _, p := range r.people {
		p.mu.Lock()
		listener := p.listener
		p.mu.Unlock()
		missing += listener.Missing()
	}
	return missing
}

// complete records that everybody had the time to get everything, and each node's roster.
func (r *room) complete(ctx context.Context) {
	rosters := map[string][]string{}
	for node := range r.world.nodes {
		roster, err := r.roster(ctx, node)
		if err != nil {
			r.world.fault("the roster of %s on node %d, when all was well: %v", r.id, node+1, err)
			continue
		}
		rosters[fmt.Sprintf("node %d", node+1)] = roster
	}
	r.recorder.Presence(r.present(), rosters)
	r.marks = r.readMarks(ctx)
	if r.reader != nil {
		r.reader.seen.Complete()
	}
	if r.logReader != nil {
		r.logReader.log.Complete()
	}
	for _, p := range r.people {
		p.seen.Complete()
		for _, l := range p.logReaders() {
			l.Complete()
		}
		p.watching.Complete()
		p.mu.Lock()
		p.listener.Complete()
		p.mu.Unlock()
	}
}
