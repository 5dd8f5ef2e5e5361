package graph_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/client"

	"chattok/internal/await"
	"chattok/internal/budget"
	"chattok/internal/need"
	"chattok/internal/wsclient"
	"chattok/session"
)

// worst returns the text that grows most when it is written as JSON.
func worst(bytes int) string { return strings.Repeat("\x01", bytes) }

// fill posts entries of the longest text that grows most.
func (w *world) fill(t testing.TB, p person, entries int) {
	t.Helper()
	for range entries {
		w.mustDo(t, p.token, `mutation($c:ID!,$b:String!){addChatEntry(connectionId:$c,body:$b){seq}}`,
			map[string]any{"c": p.id, "b": worst(session.MaxBodyBytes)})
	}
}

func aliases(n int, field string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d:%s ", i, field)
	}
	return b.String()
}

const tooLarge = "BAD_USER_INPUT ANSWER_TOO_LARGE"

// An operation that may weigh too much is refused before it is executed, on every transport.
func TestTooHeavyIsRefused(t *testing.T) {
	w := newWorld(t, options{})
	ann := w.connect(t, map[string]any{"s": "room"})
	server := httptest.NewServer(w.handler)
	defer server.Close()
	heavy := `{chatEntries(first:200){nodes{` + aliases(49, "body") + `}}}`
	people := `{session{connections{` + aliases(49, "data") + `}}}`
	for _, query := range []string{heavy, people, strings.Replace(heavy, "first:200", "last:200", 1),
		`query($n:Int){chatEntries(first:$n){nodes{` + aliases(49, "body") + `}}}`,
		`{chatEntries(first:200){nodes{...A ...B}}} fragment A on ChatEntry{` + aliases(24, "body") + `} fragment B on ChatEntry{...C} fragment C on ChatEntry{` +
			strings.ReplaceAll(aliases(24, "body"), "a", "b") + `}`} {
		query = strings.ReplaceAll(query, ":bbody", ":body")
		if got := w.code(t, ann.token, query, nil); got != tooLarge {
			t.Errorf("POST %.40s: %s", query, got)
		}
	}
	if got := w.code(t, ann.token, `mutation{disconnect{id} forceMute{`+aliases(9, "name")+`}}`, nil); got != tooLarge {
		t.Errorf("a mutation: %s", got)
	}
	if got := w.code(t, ann.token, `{connection{id}}`, nil); got != "ok" {
		t.Errorf("the mutation was carried out: %s", got)
	}
	events := `subscription{sessionEvents{...on SessionState{connections{` + aliases(9, "data") + `}}}}`
	for _, c := range []struct{ name, method, accept, query string }{
		{"GET", http.MethodGet, "", heavy},
		{"SSE", http.MethodPost, "text/event-stream", events},
		{"SSE by GET", http.MethodGet, "text/event-stream", events},
		{"multipart", http.MethodPost, `multipart/mixed;subscriptionSpec="1.0"`, events},
	} {
		body := w.send(t, server.URL, c.method, c.accept, ann.token, c.query)
		if !strings.Contains(body, "ANSWER_TOO_LARGE") || len(body) > 2000 {
			t.Errorf("%s: %.300s", c.name, body)
		}
	}
	s := w.subscribe(t, ann.token, events, nil)
	var event any
	if err := s.Next(&event); err == nil || !strings.Contains(err.Error(), "8388608 bytes") {
		t.Errorf("WebSocket: %.300v", err)
	}
}

// send sends an operation and returns the answer unchanged.
func (w *world) send(t testing.TB, to, method, accept, raw, query string) string {
	t.Helper()
	var r *http.Request
	if method == http.MethodGet {
		r, _ = http.NewRequest(method, to+"?query="+url.QueryEscape(query), nil)
	} else {
		body, _ := json.Marshal(map[string]any{"query": query})
		r, _ = http.NewRequest(method, to, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	r.Header.Set("Authorization", "Bearer "+raw)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// sdkPage is the largest page that the project's clients ask for.
const sdkPage = `{chatEntries(first:200){nodes{id seq cursor connectionId connection{id data role createdAt} body createdAt} ` +
	`pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}}`

// The largest page of the worst text is answered as a whole. A longer answer is refused as it is written, though its
// weight passed. Clients that do not take their answers hold as much memory as the budget has room for, and none once
// they have gone.
func TestWorstAnswers(t *testing.T) {
	need.Time(t, "answers of many megabytes")
	memory := budget.New(64 << 20)
	w := newWorld(t, options{budget: memory})
	ann := w.connect(t, map[string]any{"s": "room", "d": worst(session.MaxDataBytes)})
	w.fill(t, ann, 200)
	server := httptest.NewServer(w.handler)
	defer server.Close()

	for _, method := range []string{http.MethodPost, http.MethodGet} {
		var page struct {
			Data struct {
				ChatEntries struct{ Nodes []struct{ Body string } }
			}
		}
		body := w.send(t, server.URL, method, "", ann.token, sdkPage)
		if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Data.ChatEntries.Nodes) != 200 {
			t.Fatalf("%s: %d nodes, %v, %.200s", method, len(page.Data.ChatEntries.Nodes), err, body)
		}
		for _, node := range page.Data.ChatEntries.Nodes {
			if node.Body != worst(session.MaxBodyBytes) {
				t.Fatalf("%s: a body of %d bytes", method, len(node.Body))
			}
		}
	}
	if got := w.code(t, ann.token, `{chatEntries(first:200){nodes{a:body b:body c:body}}}`, nil); got != tooLarge {
		t.Errorf("three times the worst page: %s", got)
	}
	if memory.Reserved() != 0 {
		t.Errorf("%d bytes are reserved after the answers", memory.Reserved())
	}

	idle := heap()
	body, _ := json.Marshal(map[string]any{"query": sdkPage})
	var stalled []net.Conn
	for range 24 {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		stalled = append(stalled, conn)
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", ann.token, len(body), body)
	}
	await.True(t, "answers are under way", func() bool { return memory.Reserved() > 16<<20 })
	if got := w.code(t, ann.token, `{latestChatEntry(connectionId:"`+ann.id+`"){body}}`, nil); got != "ok" {
		t.Errorf("a small query meanwhile: %s", got)
	}
	if more := heap() - idle; more > 128<<20 {
		t.Errorf("%d MiB more are alive while 24 clients take nothing", more>>20)
	}
	if memory.Reserved() > memory.Limit() {
		t.Errorf("%d bytes are reserved of %d", memory.Reserved(), memory.Limit())
	}
	for _, conn := range stalled {
		_ = conn.Close()
	}
	await.True(t, "all is given back", func() bool { return memory.Reserved() == 0 })
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A connection follows 32 different selections at once at most; equal ones count once, however they are spelt.
func TestSelectionsOfOneCaller(t *testing.T) {
	w := newWorld(t, options{})
	ann, bob := w.connect(t, map[string]any{"s": "room"}), w.connect(t, map[string]any{"s": "room"})
	var open []*client.Subscription
	for i := range 32 {
		open = append(open, w.subscribe(t, ann.token, fmt.Sprintf("subscription{entryAdded(after:\"0\"){x%d:seq}}", i), nil))
	}
	open = append(open, w.subscribe(t, ann.token, "subscription S{entryAdded(after:\"0\"){...F}} fragment F on ChatEntry{x7: seq}", nil))
	w.mustDo(t, bob.token, `mutation($c:ID!){addChatEntry(connectionId:$c,body:"a"){seq}}`, map[string]any{"c": bob.id})
	for _, s := range open {
		next[any](t, s)
	}
	var event any
	if err := w.subscribe(t, ann.token, "subscription{entryAdded(after:\"0\"){x:seq}}", nil).Next(&event); err == nil || !strings.Contains(err.Error(), "at most 32") {
		t.Errorf("the 33rd: %v", err)
	}
	next[any](t, w.subscribe(t, bob.token, "subscription{entryAdded(after:\"0\"){x:seq}}", nil))
	_ = open[0].Close()
	await.True(t, "one may select something else again", func() bool {
		var event any
		return w.subscribe(t, ann.token, "subscription{entryAdded(after:\"0\"){x:seq}}", nil).Next(&event) == nil
	})
}

// Events with many aliases of the worst text arrive whole and in order, live and from the past, over WebSocket and SSE,
// and no memory stays taken.
func TestLargeEvents(t *testing.T) {
	need.Time(t, "events of many megabytes")
	memory := budget.New(64 << 20)
	w := newWorld(t, options{budget: memory})
	ann := w.connect(t, map[string]any{"s": "room"})
	server := httptest.NewServer(w.handler)
	defer server.Close()
	const entries = 4
	w.fill(t, ann, entries)
	query := `subscription{entryAdded(after:"0"){seq ` + aliases(48, "body") + `}}`
	type event struct {
		EntryAdded map[string]any
	}
	check := func(how string, seq int, got map[string]any) {
		t.Helper()
		if len(got) != 49 || got["seq"] != float64(seq) {
			t.Fatalf("%s: event %v with %d fields, want %d", how, got["seq"], len(got), seq)
		}
		for name, body := range got {
			if name != "seq" && body != worst(session.MaxBodyBytes) {
				t.Fatalf("%s: %s of event %d is another text", how, name, seq)
			}
		}
	}
	s := wsclient.OpenT(t, server.URL, ann.token)
	s.SetReadLimit(-1)
	s.SubscribeT(t, "1", query, nil)
	stream := w.open(t, server.URL, ann.token, query)
	defer func() { _ = stream.Close() }()
	lines := bufio.NewReader(stream)
	for seq := 1; seq <= 2*entries; seq++ {
		if seq == entries+1 {
			w.fill(t, ann, entries) // posted while the subscription is live
		}
		var socket struct{ Data event }
		if err := json.Unmarshal(s.NextT(t).Payload, &socket); err != nil {
			t.Fatal(err)
		}
		check("WebSocket", seq, socket.Data.EntryAdded)
		var sse struct{ Data event }
		if err := json.Unmarshal(nextData(t, lines), &sse); err != nil {
			t.Fatal(err)
		}
		check("SSE", seq, sse.Data.EntryAdded)
	}
	_ = s.CloseNow()
	_ = stream.Close()
	await.True(t, "nothing is reserved", func() bool { return memory.Reserved() == 0 })
	await.True(t, "nothing but the entries is kept", func() bool { return memory.Used() < 1<<20 })
}

// open begins a subscription over SSE.
func (w *world) open(t testing.TB, to, raw, query string) io.ReadCloser {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"query": query})
	r, _ := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Authorization", "Bearer "+raw)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return response.Body
}

// nextData reads the next data line of a stream that is not empty.
func nextData(t testing.TB, lines *bufio.Reader) []byte {
	t.Helper()
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			return data
		}
	}
}
