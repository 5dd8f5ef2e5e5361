package graph_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/session"
)

// answerOf returns what an operation of the API secret's holder tells of the server.
func answerOf(t *testing.T, w *world, query string, variables map[string]any) map[string]any {
	t.Helper()
	var answer struct{ Server map[string]any }
	if err := json.Unmarshal(w.mustDo(t, testSecret, query, variables), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Server
}

// nodesOf asks for the nodes and returns, for each by id, what it tells as text.
func nodesOf(t *testing.T, w *world) map[string]string {
	t.Helper()
	nodes := map[string]string{}
	answer := answerOf(t, w, `{server{nodes{id version startedAt reportedAt answering sockets httpStreams subscriptions connections}}}`, nil)
	for _, n := range answer["nodes"].([]any) {
		n := n.(map[string]any)
		started, err := time.Parse(time.RFC3339, n["startedAt"].(string))
		if err != nil || time.Since(started) > time.Minute || time.Since(started) < -time.Minute {
			t.Errorf("started at %v", n["startedAt"])
		}
		nodes[n["id"].(string)] = fmt.Sprintf("%v answering %v: %v sockets, %v streams, %v subscriptions, %v connections",
			n["version"], n["answering"], n["sockets"], n["httpStreams"], n["subscriptions"], n["connections"])
	}
	return nodes
}

// Each node tells of all: of itself at once, of the others as they report themselves.
func TestServerNodes(t *testing.T) {
	loads := [2]session.NodeLoad{{Sockets: 11, HTTPStreams: 12, Subscriptions: 13}, {Sockets: 21, HTTPStreams: 22, Subscriptions: 23}}
	var store session.Store
	const grace = 2 * time.Second
	open := func(i int, wrap func(session.Store) session.Store) *world {
		return newWorld(t, options{grace: grace, store: wrap, domain: session.Config{Version: fmt.Sprint("1.0.", i),
			Load: func() session.NodeLoad { return loads[i] }}})
	}
	a := open(0, func(s session.Store) session.Store { store = s; return s })
	b := open(1, func(session.Store) session.Store { return store })
	defer b.stop()
	want := func(i int, answering bool) string {
		return fmt.Sprintf("1.0.%d answering %v: %d sockets, %d streams, %d subscriptions, 0 connections", i, answering,
			loads[i].Sockets, loads[i].HTTPStreams, loads[i].Subscriptions)
	}
	for i, w := range []*world{a, b} {
		await.True(t, "both are known", func() bool { return len(nodesOf(t, w)) == 2 })
		got := map[string]bool{}
		for _, n := range nodesOf(t, w) {
			got[n] = true
		}
		if !got[want(i, true)] || !got[want(1-i, false)] {
			t.Errorf("node %d tells %v", i, got)
		}
	}
	b.stop()
	await.True(t, "the node that has ended is left out", func() bool { return len(nodesOf(t, a)) == 1 })
}

// The samples are those of the node that answers, and only those after a time where one is given.
func TestServerMetrics(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 123_456_789, time.UTC)
	ms, bytes := 1.5, 5e9
	all := []*session.Sample{
		{At: at, Sockets: 1, HTTPStreams: 2, Subscriptions: 3, Connections: 4, CommitsPerSecond: 0.1, EntriesPerSecond: 2.5, DeliveriesPerSecond: 1e6, CommitMs: &ms,
			SlowestCommitMs: &ms, WaitingEntries: 5, MemoryBytes: 1e8, Goroutines: 6, DatabaseBytes: &bytes},
		{At: at.Add(session.SampleInterval)},
	}
	w := newWorld(t, options{domain: session.Config{Samples: func() []*session.Sample { return append([]*session.Sample(nil), all...) }}})
	ask := func(after string) string {
		t.Helper()
		server := answerOf(t, w, `query($after:Time){server{nodes{id answering} metrics(after:$after){nodeId interval samples{at sockets httpStreams subscriptions connections
			commitsPerSecond entriesPerSecond deliveriesPerSecond commitMs slowestCommitMs waitingEntries memoryBytes goroutines databaseBytes}}}}`, map[string]any{"after": after})
		metrics := server["metrics"].(map[string]any)
		if node := server["nodes"].([]any)[0].(map[string]any); node["id"] != metrics["nodeId"] || node["answering"] != true {
			t.Errorf("samples of %v on %v", metrics["nodeId"], node)
		}
		if fmt.Sprint(metrics["interval"]) != "10" {
			t.Errorf("an interval of %v", metrics["interval"])
		}
		text, err := json.Marshal(metrics["samples"])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const (
		first = `{"at":"2026-01-31T12:00:00.123Z","commitMs":1.5,"commitsPerSecond":0.1,"connections":4,"databaseBytes":5000000000,"deliveriesPerSecond":1000000,` +
			`"entriesPerSecond":2.5,"goroutines":6,"httpStreams":2,"memoryBytes":100000000,"slowestCommitMs":1.5,"sockets":1,"subscriptions":3,"waitingEntries":5}`
		second = `{"at":"2026-01-31T12:00:10.123Z","commitMs":null,"commitsPerSecond":0,"connections":0,"databaseBytes":null,"deliveriesPerSecond":0,` +
			`"entriesPerSecond":0,"goroutines":0,"httpStreams":0,"memoryBytes":0,"slowestCommitMs":null,"sockets":0,"subscriptions":0,"waitingEntries":0}`
	)
	for after, want := range map[string]string{"2026-01-31T11:00:00Z": "[" + first + "," + second + "]",
		"2026-01-31T12:00:00.123Z": "[" + second + "]", "2026-01-31T12:00:10.123Z": "[]"} {
		if got := ask(after); got != want {
			t.Errorf("after %s: %s", after, got)
		}
	}
	if got := w.code(t, testSecret, `{server{metrics(after:"yesterday"){nodeId}}}`, nil); got != "BAD_USER_INPUT" {
		t.Errorf("a time that is none: %s", got)
	}
}
