//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// Sizes of the log whose unread entries are asked for.
const (
	unreadEntries = 1_000_000
	unreadDeleted = 1000 // behind the read mark
	unreadAsked   = 1000
)

// partUnread measures Session.unread of a user who has read next to nothing of a long log.
func partUnread(ctx context.Context, b *bench) (section, error) {
	s, err := b.chattok.start(ctx, b.dir)
	if err != nil {
		return section{}, err
	}
	defer s.kill()
	r, err := openUnread(s)
	if err != nil {
		return section{}, err
	}
	defer func() { r.client.close() }()
	begin := time.Now()
	if err := r.fill(b); err != nil {
		return section{}, err
	}
	b.progress("unread: %s entries in %v", grouped(unreadEntries), time.Since(begin).Round(time.Second))
	t := table{head: []string{"read", "deleted behind", "unread", "p50 ms", "p99 ms", "server CPU µs each"}}
	want := unreadEntries
	for _, row := range []struct {
		read    string
		before  func() error
		deleted int
	}{
		{"nothing", func() error { return nil }, 0},
		{"one entry", func() error { want--; return r.markFirst() }, 0},
		{"one entry", func() error { want -= unreadDeleted; return r.deleteLast(unreadDeleted) }, unreadDeleted},
	} {
		if err := row.before(); err != nil {
			return section{}, err
		}
		p50, p99, cpu, err := r.ask(want)
		if err != nil {
			return section{}, err
		}
		b.progress("unread: %d, p99 %s ms", want, figure(p99))
		t.add(row.read, grouped(row.deleted), grouped(want), figure(p50), figure(p99), figure(cpu))
	}
	return section{title: "Unread", tables: []table{t},
		text: fmt.Sprintf("`{session{unread}}` of a session of %s entries, asked %s times one after another over HTTP by a user who has read next to nothing; "+
			"every answer is checked.", grouped(unreadEntries), grouped(unreadAsked))}, nil
}

// unreader is a user that reads, and another that posts.
type unreader struct {
	server *server
	client *client
	me     member
	poster member
}

func openUnread(s *server) (*unreader, error) {
	c, err := dialClient(s.host)
	if err != nil {
		return nil, err
	}
	r := &unreader{server: s, client: c}
	session := newSession()
	for i, m := range []*member{&r.me, &r.poster} {
		var data struct {
			Connect struct {
				AccessToken string
				Connection  struct{ ID string }
			}
		}
		err := c.graphql("", `mutation($s:ID!,$k:String!){connect(sessionId:$s,userKey:$k){accessToken connection{id}}}`,
			map[string]any{"s": session, "k": fmt.Sprintf("the secret of bench's user %d", i)}, &data)
		if err != nil {
			c.close()
			return nil, err
		}
		*m = member{id: data.Connect.Connection.ID, access: data.Connect.AccessToken}
	}
	return r, nil
}

// fill adds the entries, flat out.
func (r *unreader) fill(b *bench) error {
	f, err := newFleet(1)
	if err != nil {
		return err
	}
	defer f.close()
	callers, left := newCallers(f, b.posters), int64(unreadEntries)
	var all []*doer
	for range b.posters {
		d := newAdder(r.server.host, r.poster, 20)
		all = append(all, d)
		err := callers.open(r.server.host, &caller{request: d.request, answer: d.answered, next: func(request []byte, now int64) bool {
			d.change(request, now)
			left-- // the fleet has one loop
			return left >= 0
		}})
		if err != nil {
			return err
		}
	}
	if _, err := callers.run(10*time.Minute, "the entries"); err != nil {
		return err
	}
	answered := 0
	for _, d := range all {
		answered += len(d.took)
	}
	if answered != unreadEntries {
		return fmt.Errorf("%d of %d adds were answered", answered, unreadEntries)
	}
	c, err := dialClient(r.server.host) // the server has closed the other, where it was idle for minutes
	if err != nil {
		return err
	}
	r.client.close()
	r.client = c
	return checkHead(r.server, r.poster, unreadEntries)
}

// markFirst marks the first entry as read.
func (r *unreader) markFirst() error {
	var page struct {
		ChatEntries struct{ Nodes []struct{ Cursor string } }
	}
	if err := r.client.graphql(r.me.access, `{chatEntries(first:1){nodes{cursor}}}`, nil, &page); err != nil {
		return err
	}
	if len(page.ChatEntries.Nodes) != 1 {
		return fmt.Errorf("the log has no beginning")
	}
	var data struct{ MarkRead struct{ ID string } }
	return r.client.graphql(r.me.access, `mutation($c:String!){markRead(upTo:$c){id}}`, map[string]any{"c": page.ChatEntries.Nodes[0].Cursor}, &data)
}

// deleteLast deletes the newest n entries.
func (r *unreader) deleteLast(n int) error {
	for before := ""; n > 0; {
		variables := map[string]any{"n": min(n, 200)}
		if before != "" {
			variables["b"] = before
		}
		var page struct {
			ChatEntries struct{ Nodes []struct{ ID, Cursor string } }
		}
		if err := r.client.graphql(r.poster.access, `query($n:Int,$b:String){chatEntries(last:$n,before:$b){nodes{id cursor}}}`, variables, &page); err != nil {
			return err
		}
		nodes := page.ChatEntries.Nodes
		if len(nodes) == 0 {
			return fmt.Errorf("there are no more entries, and %d are to be deleted", n)
		}
		for _, e := range nodes {
			var data struct{ DeleteChatEntry struct{ ID string } }
			if err := r.client.graphql(r.poster.access, `mutation($i:ID!){deleteChatEntry(id:$i){id}}`, map[string]any{"i": e.ID}, &data); err != nil {
				return err
			}
		}
		before, n = nodes[0].Cursor, n-len(nodes)
	}
	return nil
}

// ask asks for the unread entries again and again, and returns how long that took.
func (r *unreader) ask(want int) (p50, p99, cpu float64, err error) {
	request := graphqlRequest(r.server.host, r.me.access, `{session{unread}}`, nil)
	right := fmt.Sprintf(`{"data":{"session":{"unread":%d}}}`, want)
	used, err := measureCPU(r.server)
	if err != nil {
		return 0, 0, 0, err
	}
	var took []int64
	for range unreadAsked {
		begin := time.Now()
		body, err := r.client.do(request, requestTimeout)
		if err != nil {
			return 0, 0, 0, err
		}
		took = append(took, int64(time.Since(begin)))
		if string(body) != right && string(body) != right+"\n" {
			return 0, 0, 0, fmt.Errorf("unread answered %.500s, want %s", body, right)
		}
	}
	server, _, err := used.since(r.server)
	return float64(quantile(took, 0.5)) / 1e6, float64(quantile(took, 0.99)) / 1e6, micros(server) / unreadAsked, err
}
