//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sizes of the changes that are measured.
const (
	changeWatchers = 1000
	oneEditors     = 16 // of one entry, all by its author
	changeReactors = 1000
	changeRate     = 100 // a second, where adds and edits are compared
)

// doer sends one kind of request again and again, and records the answers.
type doer struct {
	request []byte
	change  func(request []byte, now int64) // prepares the next one
	prefix  string                          // of an answer, before its number
	number  int64                           // the largest that was answered
	took    []int64                         // nanoseconds of each answer
}

const (
	editQuery  = `mutation($i:ID!,$b:String!){editChatEntry(id:$i,body:$b){version}}`
	reactQuery = `mutation($i:ID!,$o:Boolean!){reactToChatEntry(id:$i,name:"+1",on:$o){version}}`
)

// answered records an answer, which must be a number and nothing else.
func (d *doer) answered(body []byte, sent, now int64) error {
	rest, found := bytes.CutPrefix(bytes.TrimSpace(body), []byte(d.prefix))
	n, digits := leadingNumber(rest)
	if !found || digits == 0 || string(rest[digits:]) != "}}}" {
		return fmt.Errorf("the answer is %.500s, not %s…", body, d.prefix)
	}
	d.number, d.took = max(d.number, n), append(d.took, now-sent)
	return nil
}

// newStamped returns a doer whose request has a body that begins with the time.
func newStamped(host string, m member, query, prefix string, variables map[string]any, size int) *doer {
	blank := strings.Repeat("0", stampDigits) + "|"
	variables["b"] = blank + strings.Repeat("x", max(0, size-len(blank)))
	request := graphqlRequest(host, m.access, query, variables)
	stamp := bytes.LastIndex(request, []byte(blank))
	return &doer{request: request, prefix: prefix, change: func(request []byte, now int64) { strconv.AppendInt(request[:stamp], now, 10) }}
}

func newAdder(host string, m member, size int) *doer {
	return newStamped(host, m, addQuery, `{"data":{"addChatEntry":{"seq":`, map[string]any{"c": m.id}, size)
}

func newEditor(host string, m member, entry string, size int) *doer {
	return newStamped(host, m, editQuery, `{"data":{"editChatEntry":{"version":`, map[string]any{"i": entry}, size)
}

// newReactor returns a doer that reacts to an entry and takes that back, in turn.
func newReactor(host string, m member, entry string) *doer {
	request := graphqlRequest(host, m.access, reactQuery, map[string]any{"i": entry, "o": false})
	at, on := bytes.LastIndex(request, []byte(`false`)), false
	return &doer{request: request, prefix: `{"data":{"reactToChatEntry":{"version":`, change: func(request []byte, _ int64) {
		if on = !on; on {
			copy(request[at:], "true ")
		} else {
			copy(request[at:], "false")
		}
	}}
}

// stage is a session with watchers, in which everybody who is to do something has an entry.
type stage struct {
	*watchers
	members []member
	entries []string // the ids of the entries, by number less one; the i-th member has the i-th
}

func openStage(s *server, members, size int) (*stage, error) {
	w, err := openWatchers(s, changeWatchers)
	if err != nil {
		return nil, err
	}
	st := &stage{watchers: w}
	if st.members, err = connectAll(s, members, func(int) string { return w.session }); err == nil {
		err = st.fill(size)
	}
	if err != nil {
		w.fleet.close()
		return nil, err
	}
	return st, nil
}

// fill adds an entry of each member, and waits until all watchers have them.
func (st *stage) fill(size int) error {
	c, err := dialClient(st.server.host)
	if err != nil {
		return err
	}
	defer c.close()
	for i, m := range st.members {
		add := func() error {
			var data struct{ AddChatEntry struct{ ID string } }
			err := c.graphql(m.access, `mutation($c:ID!,$b:String!){addChatEntry(connectionId:$c,body:$b){id}}`,
				map[string]any{"c": m.id, "b": strings.Repeat("0", max(stampDigits, size))}, &data)
			st.entries = append(st.entries, data.AddChatEntry.ID)
			return err
		}
		if i < len(st.members)-1 {
			if err := add(); err != nil {
				return err
			}
		} else if err := st.meet(int64(len(st.members)), add); err != nil {
			return err
		}
	}
	return nil
}

// changeResult holds the figures of one run.
type changeResult struct {
	perSecond, p50, p99        float64 // answered requests
	readP50, readP99           float64 // milliseconds from the request to the reader; 0 where the event has no time in it
	events                     float64 // a watcher got a second
	serverMicros, clientMicros float64 // a request
	addBytes, changeBytes      float64 // of a message with an event
}

// run lets the doers work, flat out or at a rate, until everything has reached every watcher. versions are those that
// entries must have in the end, asked for afterwards.
func (st *stage) run(doers []*doer, rate float64, lasts time.Duration, versions func() []int64) (r changeResult, err error) {
	events := st.events()
	for _, w := range st.all {
		w.late, w.size, w.count = nil, [2]int64{}, [2]int64{}
	}
	used, err := measureCPU(st.server)
	if err != nil {
		return r, err
	}
	begin := time.Now()
	if rate > 0 {
		err = st.paced(doers, begin, rate, lasts)
	} else {
		err = st.flatOut(doers, lasts)
	}
	if err != nil {
		return r, err
	}
	took := time.Since(begin)
	if err := st.meetNext(); err != nil {
		return r, err
	}
	whole := time.Since(begin)
	server, own, err := used.since(st.server)
	if err != nil {
		return r, err
	}
	if err := st.check(versions()); err != nil {
		return r, err
	}
	var answers, late []int64
	var size, count [2]int64
	for _, d := range doers {
		answers = append(answers, d.took...)
	}
	for _, w := range st.all {
		late = append(late, w.late...)
		for i := range size {
			size[i], count[i] = size[i]+w.size[i], count[i]+w.count[i]
		}
	}
	n := float64(len(answers))
	return changeResult{perSecond: n / took.Seconds(), p50: float64(quantile(answers, 0.5)) / 1e6, p99: float64(quantile(answers, 0.99)) / 1e6,
		readP50: float64(quantile(late, 0.5)) / 1e6, readP99: float64(quantile(late, 0.99)) / 1e6,
		events:       float64(st.events()-events-len(st.all)) / float64(len(st.all)) / whole.Seconds(),
		serverMicros: micros(server) / n, clientMicros: micros(own) / n,
		addBytes: float64(size[0]) / float64(max(1, count[0])), changeBytes: float64(size[1]) / float64(max(1, count[1]))}, nil
}

// meetNext adds one more entry and waits until all watchers have it. No time is in its body.
func (st *stage) meetNext() error {
	c, err := dialClient(st.server.host)
	if err != nil {
		return err
	}
	defer c.close()
	var data struct {
		ChatEntries struct{ Nodes []struct{ Seq int64 } }
	}
	if err := c.graphql(st.members[0].access, `{chatEntries(last:1){nodes{seq}}}`, nil, &data); err != nil {
		return err
	}
	if len(data.ChatEntries.Nodes) != 1 {
		return fmt.Errorf("the log has no end")
	}
	return st.meet(data.ChatEntries.Nodes[0].Seq+1, func() error {
		return c.graphql(st.members[0].access, `mutation($c:ID!){addChatEntry(connectionId:$c,body:"end"){seq}}`, map[string]any{"c": st.members[0].id}, &json.RawMessage{})
	})
}

func (st *stage) flatOut(doers []*doer, lasts time.Duration) error {
	callers := newCallers(st.fleet, len(doers))
	var until int64
	for _, d := range doers {
		err := callers.open(st.server.host, &caller{request: d.request, answer: d.answered, next: func(request []byte, now int64) bool {
			d.change(request, now)
			return now < until
		}})
		if err != nil {
			return err
		}
	}
	until = time.Now().Add(lasts).UnixNano()
	_, err := callers.run(lasts+requestTimeout, "the changes")
	return err
}

func (st *stage) paced(doers []*doer, begin time.Time, rate float64, lasts time.Duration) error {
	total := int(rate * lasts.Seconds())
	return parallel(st.server.host, len(doers), func(i int, c *client) error {
		for n := i; n < total; n += len(doers) {
			time.Sleep(time.Until(begin.Add(time.Duration(float64(n) / rate * float64(time.Second)))))
			sent := time.Now().UnixNano()
			doers[i].change(doers[i].request, sent)
			body, err := c.do(doers[i].request, requestTimeout)
			if err != nil {
				return err
			}
			if err := doers[i].answered(body, sent, time.Now().UnixNano()); err != nil {
				return err
			}
		}
		return nil
	})
}

// measureChanges starts the server and runs one kind of doer. make returns the doers, and which
// entry, by number less one, the answers of each tell versions of; -1 for adds.
func (b *bench) measureChanges(ctx context.Context, name string, members int, rate float64, lasts time.Duration, make func(st *stage) (doers []*doer, of []int)) (changeResult, error) {
	s, err := b.chattok.start(ctx, b.dir)
	if err != nil {
		return changeResult{}, err
	}
	defer s.kill()
	st, err := openStage(s, members, b.size)
	if err != nil {
		return changeResult{}, err
	}
	defer st.fleet.close()
	doers, of := make(st)
	r, err := st.run(doers, rate, lasts, func() []int64 {
		versions := slices.Repeat([]int64{1}, len(st.entries))
		for i, d := range doers {
			if of[i] >= 0 {
				versions[of[i]] = max(versions[of[i]], d.number)
			}
		}
		return versions
	})
	if err != nil {
		return r, fmt.Errorf("%s: %w", name, err)
	}
	b.progress("%s: %s/s, p99 %s ms, %s µs of server CPU each, %s events/s", name, figure(r.perSecond), figure(r.p99), figure(r.serverMicros), figure(r.events))
	return r, nil
}

func (b *bench) adders(st *stage) (doers []*doer, of []int) {
	for _, m := range st.members {
		doers, of = append(doers, newAdder(st.server.host, m, b.size)), append(of, -1)
	}
	return doers, of
}

func (b *bench) editors(st *stage) (doers []*doer, of []int) {
	for i, m := range st.members {
		doers, of = append(doers, newEditor(st.server.host, m, st.entries[i], b.size)), append(of, i)
	}
	return doers, of
}

func (b *bench) editorsOfOne(st *stage) (doers []*doer, of []int) {
	for range oneEditors {
		doers, of = append(doers, newEditor(st.server.host, st.members[0], st.entries[0], b.size)), append(of, 0)
	}
	return doers, of
}

func (b *bench) reactors(st *stage) (doers []*doer, of []int) {
	for _, m := range st.members {
		doers, of = append(doers, newReactor(st.server.host, m, st.entries[0])), append(of, 0)
	}
	return doers, of
}

// partChanges measures changes of entries before an audience, and compares an edit with an add.
func partChanges(ctx context.Context, b *bench) (section, error) {
	loads := []struct {
		name    string
		members int
		rate    float64
		lasts   time.Duration
		make    func(*stage) ([]*doer, []int)
	}{
		{"adds, 100/s", 16, changeRate, b.calmLasts, b.adders},
		{"edits of 16 entries, 100/s", 16, changeRate, b.calmLasts, b.editors},
		{"edits of one entry, flat out", 1, 0, b.lasts, b.editorsOfOne},
		{fmt.Sprintf("edits of %d entries, flat out", b.posters), b.posters, 0, b.lasts, b.editors},
		{fmt.Sprintf("reactions of %s people to one entry, flat out", grouped(changeReactors)), changeReactors, 0, b.lasts, b.reactors},
	}
	results := make([][]changeResult, len(loads))
	for range b.turns {
		for i, l := range loads {
			r, err := b.measureChanges(ctx, l.name, l.members, l.rate, l.lasts, l.make)
			if err != nil {
				return section{}, err
			}
			results[i] = append(results[i], r)
		}
	}
	t := table{head: []string{"load", "answered/s", "p50 / p99 ms of the answer", "p50 / p99 ms to the reader", "events/s of a subscriber",
		"server CPU µs each", "client CPU µs each", "bytes of an event"}}
	for i, l := range loads {
		m := func(f func(changeResult) float64) string { return figure(median(over(results[i], f))) }
		reader := "–" // a reaction's event has no time in it
		if results[i][0].readP99 > 0 && l.members != changeReactors {
			reader = m(func(r changeResult) float64 { return r.readP50 }) + " / " + m(func(r changeResult) float64 { return r.readP99 })
		}
		size := m(func(r changeResult) float64 { return max(r.changeBytes, 0) })
		if i == 0 {
			size = m(func(r changeResult) float64 { return r.addBytes })
		}
		t.add(l.name, spread(over(results[i], func(r changeResult) float64 { return r.perSecond })),
			m(func(r changeResult) float64 { return r.p50 })+" / "+m(func(r changeResult) float64 { return r.p99 }), reader,
			m(func(r changeResult) float64 { return r.events }), m(func(r changeResult) float64 { return r.serverMicros }),
			m(func(r changeResult) float64 { return r.clientMicros }), size)
	}
	cost := func(r changeResult) float64 { return r.serverMicros }
	ratio := median(over(results[1], cost)) / median(over(results[0], cost))
	return section{title: "Changes of entries", tables: []table{t},
		text: fmt.Sprintf("1,000 WebSocket subscribers of one session's log (`logEvents`: seq, version, body, reactions, cursor), bodies of %d bytes; every "+
			"subscriber has every addition once and in order, no version again or late, and in the end the version that was answered last. "+
			"Server CPU includes what the subscribers get. An edit seen by 1,000 costs %s adds (medians; the bound is 1.3). Reactions to one "+
			"entry are gathered into four changes a second. Medians of %d turns.", b.size, figure(ratio), b.turns)}, nil
}
