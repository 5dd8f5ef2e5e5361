package graph_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"chattok/graph/transport"
	"chattok/internal/await"
	"chattok/internal/budget"
	"chattok/session"
)

// waitingWorld is a world whose store can't read the original of a session's last entry until the store's left is 0, and the cursor before
// that entry. Readers of replies wait there.
func waitingWorld(t *testing.T, streams transport.StreamConfig, b *budget.Budget) (w *world, store *away, token, cursor string) {
	t.Helper()
	path, token, cursor := logWithReply(t)
	w, store = newAwayWorld(t, options{path: path, streams: streams, budget: b})
	store.left.Store(1 << 30)
	return w, store, token, cursor
}

// replies opens a stream of Server-Sent Events of replies after a cursor, and returns its lines. It ends with ctx.
func replies(ctx context.Context, t *testing.T, address, token, cursor string) <-chan string {
	t.Helper()
	query := url.Values{"query": {`subscription($a:String){logEvents(after:$a){...on EntryAdded{entry{body replyTo{body}}}}}`},
		"variables": {`{"a":"` + cursor + `"}`}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/graphql?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		defer answer.Body.Close()
		for s := bufio.NewScanner(answer.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// A stream whose next event has to wait for the store is kept alive, ends with its client, and gets the event when the store is back.
func TestStreamThatWaitsForTheStore(t *testing.T) {
	w, store, token, cursor := waitingWorld(t, transport.StreamConfig{KeepAlive: 50 * time.Millisecond}, nil)
	address := serve(t, w.handler, 0)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	stays, leaves := replies(t.Context(), t, address, token, cursor), replies(ctx, t, address, token, cursor)
	for alive := 0; alive < 3; { // comments
		if strings.HasPrefix(await.Value(t, "a line of the stream", leaves), ":") {
			alive++
		}
	}
	leave()
	await.True(t, "the stream of the client that has gone ends", func() bool { return w.streams.HTTPStreams() == 1 })
	store.left.Store(0)
	for line := ""; !strings.HasPrefix(line, "data: {"); {
		if line = await.Value(t, "the event", stays); strings.HasPrefix(line, "data: {") && !strings.Contains(line, `"replyTo":{"body":"old"}`) {
			t.Errorf("%s", line)
		}
	}
}

// Streams that wait for the store take no room that other sessions' streams need, and don't delay the end of the server.
func TestWaitingStreamsTakeNoRoom(t *testing.T) {
	w, _, token, cursor := waitingWorld(t, transport.StreamConfig{}, budget.New(4<<20))
	address := serve(t, w.handler, 0)
	for range 40 {
		replies(t.Context(), t, address, token, cursor)
	}
	await.True(t, "all are open", func() bool { return w.streams.HTTPStreams() == 40 })
	other := w.join(t, "elsewhere", session.RolePublisher)
	lines := replies(t.Context(), t, address, other.token, "0")
	w.mustDo(t, other.token, `mutation{addChatEntry(body:"hi"){id}}`, nil)
	for !strings.Contains(await.Value(t, "the entry of the other session", lines), `"body":"hi"`) {
	}
	w.stop() // fails the test where it takes too long
	await.True(t, "all streams have ended", func() bool { return w.streams.HTTPStreams() == 0 })
}
