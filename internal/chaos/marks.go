//go:build unix

package chaos

import (
	"context"

	"chattok/internal/history"
)

// mark is what a user is told that it has read, when all is well.
type mark struct {
	person *person
	place  int64
	unread int
}

const (
	markOperation   = `mutation($c:String!){markRead(upTo:$c){id}}`
	unreadOperation = `{session{readCursor unread}}`
)

// read marks the entries that the person, who is a user, has seen as read. As every call it may fail.
func (p *person) read(ctx context.Context, m member) {
	p.mu.Lock()
	cursor := p.logCursor
	p.mu.Unlock()
	var data struct{}
	if err := p.ask(ctx, p.node(), m.token, markOperation, map[string]any{"c": cursor}, &data); destroyed(err) {
		p.forget(m)
	}
}

// readMarks asks each user on each node what it has read, when all is well.
func (r *room) readMarks(ctx context.Context) (marks []mark) {
	for _, p := range r.people {
		if p.user == "" {
			continue
		}
		for node := range r.world.nodes {
			var data struct {
				Session struct {
					ReadCursor string
					Unread     int
				}
			}
			if err := p.ask(ctx, node, p.member().token, unreadOperation, nil, &data); err != nil {
				r.world.fault("%s: what is unread, when all was well: %v", p.name, err)
				continue
			}
			marks = append(marks, mark{p, history.Place(data.Session.ReadCursor), data.Session.Unread})
		}
	}
	return marks
}

// judgeMarks compares what users were told of the entries that they have not read with the log.
func (r *room) judgeMarks(log []history.Entry) {
	for _, m := range r.marks {
		unread := 0
		for _, e := range log {
			switch {
			case e.Place <= m.place:
			case m.person.had[e.Sender]:
				r.world.fault("%s has read up to %d, but posted %d at %d", m.person.name, m.place, e.Seq, e.Place)
			case e.DeletedBy == "":
				unread++
			}
		}
		if unread != m.unread {
			r.world.fault("%s has read up to %d, and was told of %d unread entries, but there are %d", m.person.name, m.place, m.unread, unread)
		}
	}
}
