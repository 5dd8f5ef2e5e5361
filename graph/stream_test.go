package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chattok/graph"
	"chattok/graph/transport"
	"chattok/internal/await"
	"chattok/internal/need"
)

const follow = `subscription($a:String){entryAdded(after:$a){seq}}`

// plainText undoes the escapes that encoding/json makes for HTML, which gqlgen's transport has and this one has not. No
// body of the test contains such an escape itself.
var plainText = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028", `\u2029`, "\u2029")

// The payloads of a shared subscription equal those of gqlgen's own transport over the same resolvers and events, byte
// for byte in each framing.
func TestSharedEqualsStock(t *testing.T) {
	w := newWorld(t, options{grace: time.Minute})
	me := w.join(t, "room", "MODERATOR")
	ours, stock := serve(t, w.handler, 0), serve(t, graph.Stock(w.service, w.tokens), 0)
	bodies := []string{"plain", "žluťoučký 🐎 \u2028\u2029", "tab\tquote\"back\\slash\u0001", "e\u0301 \u202e <b>&amp;</b>", strings.Repeat("x", 200)}
	signal := func() {
		for _, kind := range []string{"t", "other", "t"} {
			w.mustDo(t, me.token, sendSignal, map[string]any{"t": kind, "d": "ř\"\n" + kind})
		}
		w.mustDo(t, me.token, sendSignal, map[string]any{"t": "t", "d": "mine", "to": me.id})
		w.mustDo(t, me.token, sendSignal, map[string]any{"t": "t"})
	}
	for _, c := range []struct {
		query     string
		variables map[string]any
		events    int
		make      func() // causes the events once both follow; nil where they exist
	}{
		{query: `subscription{entryAdded(after:"0"){id seq cursor connectionId body createdAt}}`},
		{query: `subscription{e:entryAdded(after:"0"){b:body s:seq s2:seq body}}`},
		{query: follow, variables: map[string]any{"a": "0"}},
		{query: `subscription($a:String="0"){entryAdded(after:$a){seq}}`},
		{query: `subscription N{entryAdded(after:"0"){...F ...G}} fragment F on ChatEntry{body connection{...C}} fragment G on ChatEntry{seq body connection{data}} fragment C on Connection{id role}`},
		{query: `subscription{entryAdded(after:"0"){...on ChatEntry{seq ...on ChatEntry{body}} ...{cursor} __typename}}`},
		{query: `subscription{entryAdded(after:"0"){connection{id data role createdAt __typename} connectionId}}`},
		{query: `subscription($y:Boolean!,$n:Boolean!){entryAdded(after:"0"){seq @include(if:$y) body @skip(if:$y) cursor @include(if:$n) ...@skip(if:$n){connection{id}}}}`,
			variables: map[string]any{"y": true, "n": false}},
		{query: `subscription($y:Boolean!){entryAdded(after:"0"){seq @include(if:$y)}}`, variables: map[string]any{"y": false}},
		{query: `subscription{signalReceived(type:"t"){type data to fromConnectionId missed __typename}}`, events: 4, make: signal},
		{query: `subscription($t:String){s:signalReceived(type:$t){data}}`, variables: map[string]any{"t": "other"}, events: 1, make: signal},
		{query: `subscription{signalReceived{...on Signal{d:data} type}}`, events: 5, make: signal},
		{query: `subscription{sessionEvents{__typename ...on SessionState{connectionCount truncated connections{id role}} ...C ...on ConnectionDestroyed{reason connection{data}}}} fragment C on ConnectionCreated{connection{id data createdAt}}`,
			events: 3, make: func() {
				gone := w.join(t, "room", "SUBSCRIBER")
				w.mustDo(t, gone.token, `mutation{disconnect{id}}`, nil)
			}},
		{query: `subscription{sessionEvents{__typename ...on SessionState{streamCount streams{...S}} ...on StreamCreated{stream{...S}} ...on StreamUpdated{stream{...S}} ...on StreamDestroyed{reason stream{...S}} ...on MuteForced{except moderator{id}}}} fragment S on Stream{id name hasAudio hasVideo videoType width height createdAt connection{id data}}`,
			events: 7, make: func() {
				gone := w.join(t, "room", "PUBLISHER")
				w.publish(t, gone, `name:"\"ř",width:7`)
				w.mustDo(t, me.token, `mutation{forceMute(except:["x"]){id}}`, nil)
				w.mustDo(t, gone.token, `mutation{disconnect{id}}`, nil)
			}},
	} {
		t.Run(c.query, func(t *testing.T) {
			if c.make == nil && c.events == 0 {
				c.events = len(bodies)
			}
			if w.lastCursor(t, me.token) == "0" {
				for _, body := range bodies {
					w.add(t, me.token, me.id, body)
				}
			}
			const id = "a\"\\\u2028<é"
			overHTTP := []follower{mustFollow(t, ours, sse, me.token, c.query, c.variables), mustFollow(t, ours, multipartHTTP, me.token, c.query, c.variables)}
			var sockets []*stream
			for _, address := range []string{ours, stock} {
				s := mustDial(t, address, me.token)
				if err := s.subscribe(id, c.query, c.variables); err != nil {
					t.Fatal(err)
				}
				sockets = append(sockets, s)
			}
			if c.make != nil {
				w.settle(t, me, sockets, c.query)
				c.make()
			}
			for n := range c.events {
				var payloads [2]string
				for i, s := range sockets {
					for payloads[i] == "" || strings.Contains(payloads[i], "probe") {
						payloads[i] = s.next(t, id)
					}
				}
				if payloads[1] = plainText.Replace(payloads[1]); payloads[0] != payloads[1] {
					t.Errorf("event %d:\nours  %s\nstock %s", n, payloads[0], payloads[1])
				}
				for i, f := range overHTTP {
					got := ""
					for got == "" || strings.Contains(got, "probe") {
						got = mustRespond(t, f)
					}
					if got != payloads[1] {
						t.Errorf("event %d:\n%s %s\nstock %s", n, framings[1+i], got, payloads[1])
					}
				}
			}
			_ = sockets[0].Close()
			_ = sockets[1].Close()
			overHTTP[0].stop()
			overHTTP[1].stop()
			await.True(t, "our socket is gone", func() bool { n, _ := w.sockets(); return n == 0 })
		})
	}
}

// settle waits until both follow. Signals have no beginning to wait for, so it sends probes until one arrives.
func (w *world) settle(t *testing.T, me person, sockets []*stream, query string) {
	t.Helper()
	if strings.Contains(query, "sessionEvents") {
		for _, s := range sockets {
			if _, err := s.r.Peek(1); err != nil { // of the snapshot at the beginning
				t.Fatal(err)
			}
		}
		return
	}
	for _, s := range sockets {
		came := make(chan error, 1)
		go func() { _, err := s.r.Peek(1); came <- err }()
		await.True(t, "a probe has come", func() bool {
			for _, kind := range []string{"t", "other"} {
				w.mustDo(t, me.token, sendSignal, map[string]any{"t": kind, "d": "probe"})
			}
			select {
			case err := <-came:
				return err == nil
			default:
				return false
			}
		})
	}
}

// The same document in two sessions, over many sockets, is two groups. Within one group a directed signal reaches its
// addressee alone.
func TestSharedNeverCrossesSessions(t *testing.T) {
	w := newWorld(t, options{})
	address := serve(t, w.handler, 0)
	const each = 9
	rooms := []string{"one", "two"}
	people, entries, signalled := make([][]person, len(rooms)), make([][]follower, len(rooms)), make([][]follower, len(rooms))
	for r, room := range rooms {
		for i := range each {
			p := w.join(t, room, "PUBLISHER")
			e := mustFollow(t, address, framings[i%3], p.token, `subscription{entryAdded{body seq}}`, nil)
			g := mustFollow(t, address, framings[i%3], p.token, `subscription{signalReceived{data}}`, nil)
			people[r], entries[r], signalled[r] = append(people[r], p), append(entries[r], e), append(signalled[r], g)
		}
	}
	await.True(t, "all follow", func() bool { _, n := w.sockets(); return n == 2*len(rooms)*each })
	const rounds = 20
	for n := range rounds {
		for r, room := range rooms {
			from := people[r][0]
			w.add(t, from.token, from.id, room)
			to := n % each
			w.mustDo(t, from.token, sendSignal, map[string]any{"t": "t", "d": fmt.Sprint(room, " to ", to), "to": people[r][to].id})
			w.mustDo(t, from.token, sendSignal, map[string]any{"t": "t", "d": fmt.Sprint(room, " ", n)})
		}
	}
	for r, room := range rooms {
		for i := range each {
			for n := range rounds {
				same(t, json.RawMessage(mustRespond(t, entries[r][i])), fmt.Sprintf(`{"data":{"entryAdded":{"body":"%s","seq":%d}}}`, room, n+1))
				if n%each == i {
					same(t, json.RawMessage(mustRespond(t, signalled[r][i])), fmt.Sprintf(`{"data":{"signalReceived":{"data":"%s to %d"}}}`, room, i))
				}
				same(t, json.RawMessage(mustRespond(t, signalled[r][i])), fmt.Sprintf(`{"data":{"signalReceived":{"data":"%s %d"}}}`, room, n))
			}
		}
	}
}

// After a restart many clients come back at once, a whole log behind. The store reads in proportion to the log, not to
// the clients.
func TestStorm(t *testing.T) {
	need.Time(t, "hundreds of clients come back at once")
	for f, members := range map[framing]int{webSocket: 200, sse: 60, multipartHTTP: 60} {
		t.Run(string(f), func(t *testing.T) { testStorm(t, f, members) })
	}
}

func testStorm(t *testing.T, f framing, members int) {
	const length, chunk = 2000, 128
	first := newWorld(t, options{grace: time.Minute})
	me := first.join(t, "room", "PUBLISHER")
	first.post(t, me, length, "what was said")
	first.stop()

	w := newWorld(t, options{grace: time.Minute, path: first.path, sockets: members})
	address := serve(t, w.handler, 0)
	var work sync.WaitGroup
	var ready sync.WaitGroup
	ready.Add(members)
	for range members {
		work.Go(func() {
			ready.Done()
			ready.Wait() // all at once
			s, err := openFollower(address, f, me.token, follow, map[string]any{"a": "0"}, 0)
			if err == nil {
				defer s.stop()
				err = expectSeqs(s, 1, length)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if reads := w.service.Stats().OlderReads; reads > length/chunk+4 {
		t.Errorf("%d reads of the store for a log of %d chunks", reads, length/chunk+1)
	}
	w.leftNothing(t)
}

func (w *world) leftNothing(t testing.TB) {
	t.Helper()
	await.True(t, "no socket and no subscription is left", func() bool { s, n := w.sockets(); return s == 0 && n == 0 })
}

// A few clients stop reading until the kernel takes no more. All others, in every framing, get everything at once; the
// stalled ones are cut off at the write deadline, and resume by cursor.
func TestStalledReadersHoldUpNobody(t *testing.T) {
	for _, f := range framings {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel() // in parallel, as each waits for its deadline
			testStalled(t, f)
		})
	}
}

func testStalled(t *testing.T, stalling framing) {
	const members, stalled, before, length = 24, 4, 10, 100
	w := newWorld(t, options{grace: time.Minute, streams: transport.StreamConfig{WriteTimeout: 6 * time.Second}})
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 16<<10)
	all := make([]follower, members)
	for i := range all {
		f, readBuffer := framings[i%3], 0
		if i < stalled {
			f, readBuffer = stalling, 4<<10
		}
		var err error
		all[i], err = openFollower(address, f, me.token, `subscription($a:String){entryAdded(after:$a){seq cursor body}}`, map[string]any{"a": "0"}, readBuffer)
		if err != nil {
			t.Fatal(err)
		}
		defer all[i].stop()
	}
	await.True(t, "all follow", func() bool { _, n := w.sockets(); return n == members })
	body := strings.Repeat("x", 8<<10)
	var reading sync.WaitGroup
	for _, s := range all[stalled:] {
		reading.Go(func() {
			if err := expectSeqs(s, 1, length); err != nil {
				t.Error(err)
			}
		})
	}
	cursors := make([]string, stalled)
	for i, s := range all[:stalled] {
		reading.Go(func() {
			for range before {
				response, err := s.response()
				var e struct{ Data added }
				if err == nil {
					err = json.Unmarshal([]byte(response), &e)
				}
				if err != nil {
					t.Error(err)
					return
				}
				cursors[i] = e.Data.EntryAdded.Cursor
			}
		})
	}
	w.post(t, me, length, body)
	reading.Wait()
	await.True(t, "the stalled are cut off, and nobody else", func() bool { s, n := w.sockets(); return s == members-stalled && n == s })
	for _, cursor := range cursors {
		s := mustFollow(t, address, stalling, me.token, follow, map[string]any{"a": cursor})
		if err := expectSeqs(s, before+1, length); err != nil {
			t.Error(err)
		}
		s.stop()
	}
	w.add(t, me.token, me.id, "after")
	for _, s := range all[stalled:] {
		if err := expectSeqs(s, length+1, length+1); err != nil {
			t.Error(err)
		}
		s.stop()
	}
	w.leftNothing(t)
}
