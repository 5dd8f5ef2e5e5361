package transport

import (
	"testing"

	"chattok/graph/transport/streamtest"
	"chattok/session"
)

// Positions without an event are passed over. Where an event is replaced, readers that come to it get the new one, and the bytes
// of the old one, and of the others, are dropped when the group is woken.
func TestReplacedEvents(t *testing.T) {
	g, w := newGroupWorld(t)
	const query = `subscription{entryAdded(after:"0"){body}}`
	frame := func(body string) string {
		return `{"id":"1","type":"next","payload":{"data":{"entryAdded":{"body":"` + body + `"}}}}`
	}
	old, other := w.entry("a", "old text"), w.entry("a", "other")
	g.window.Append(nil, old, nil, nil, other)
	a, b := w.ready(t), w.ready(t)
	for _, s := range []*rawSocket{a, b} {
		s.subscribe("1", query)
		s.expect(frame("old text"))
		s.expect(frame("other"))
	}
	h, err := streamtest.Open(t.Context(), streamtest.Request{URL: w.server.URL, Accept: streamtest.SSE, Query: query})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, body := range []string{"old text", "other"} {
		if got, err := h.NextResponse(); got != `{"data":{"entryAdded":{"body":"`+body+`"}}}` {
			t.Fatalf("got %s %v", got, err)
		}
	}
	only := w.group(t)
	kept := func(e *session.ChatEntry) bool {
		only.execution.mu.Lock()
		defer only.execution.mu.Unlock()
		_, ok := only.rendered.events[e]
		return ok
	}
	if !kept(old) || !kept(other) {
		t.Error("bytes of events with several readers are not kept")
	}
	g.window.Replace(2, w.entry("a", "new text"))
	g.window.Replace(5, nil)
	g.window.Append(nil)
	until(t, "the bytes are dropped", func() bool { return !kept(old) && !kept(other) })

	late := w.ready(t)
	late.subscribe("1", query)
	late.expect(frame("new text"))
	g.window.Append(w.entry("a", "next"))
	for _, s := range []*rawSocket{a, b, late} {
		s.expect(frame("next"))
	}
	if got, err := h.NextResponse(); got != `{"data":{"entryAdded":{"body":"next"}}}` {
		t.Errorf("got %s %v", got, err)
	}
}
