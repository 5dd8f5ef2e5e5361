package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"chattok/internal/await"
	"chattok/internal/need"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

// The load of TestSoak. CHATTOK_SOAK sets a longer time.
const (
	soakTime    = 8 * time.Second
	soakClients = 60
	soakPosters = 4
	soakStopped = 2                     // readers that stop reading
	soakPause   = 20 * time.Millisecond // between a poster's entries
)

// TestSoak: clients come and go over every framing, politely and not, and some stop reading until the server closes their socket.
// Every client gets each entry once and in order, without a gap. When all have left, the server has released everything that it held
// for them: goroutines, descriptors, sockets, memory.
func TestSoak(t *testing.T) {
	need.Time(t, "clients come and go for a while")
	lasts := soakTime
	if s := os.Getenv("CHATTOK_SOAK"); s != "" {
		var err error
		if lasts, err = time.ParseDuration(s); err != nil {
			t.Fatal("CHATTOK_SOAK:", err)
		}
	}
	b := program.StartT(t, program.Config{Env: append(slices.Clone(program.HighRates), "CHATTOK_GRACE=1s",
		"CHATTOK_WRITE_TIMEOUT="+stoppedWriteTimeout.String())})
	s := &soak{t: t, addr: b.Addr, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: soakPosters}}}

	for i := range soakStopped {
		r, err := newStoppedReader(s, fmt.Sprintf("stopped-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		s.readers = append(s.readers, r)
	}

	s.run(soakTime / 4) // fills pools and caches
	before := s.settled()
	s.run(lasts / 2)
	half := s.settled()
	s.run(lasts / 2)
	after := s.settled()
	t.Logf("%d entries, %d streams, %d deliveries, %d sockets closed by the server since they were not read\nbefore %v\nhalf   %v\nafter  %v",
		s.posted.Load(), s.streams.Load(), s.deliveries.Load(), s.stopped.Load(), before, half, after)

	for _, name := range []string{"chattok_sockets", "chattok_http_streams", "chattok_subscriptions", "chattok_connections"} {
		if after[name] != 0 {
			t.Errorf("%s is %v when all clients have left", name, after[name])
		}
	}
	// The runtime and the database keep a few more or less from moment to moment.
	for name, slack := range map[string]float64{"go_goroutines": 10, "process_open_fds": 10} {
		if after[name] > before[name]+slack {
			t.Errorf("%s was %v and is %v", name, before[name], after[name])
		}
	}
	// The cache of the older log fills up to its bound, 64 MiB, and is no leak.
	const heap, bound = "go_memstats_heap_inuse_bytes", 96 << 20
	if after[heap] > before[heap]+bound {
		t.Errorf("the heap had %.0f bytes and has %.0f", before[heap], after[heap])
	}
	b.StopT(t)
}

// soak is a session that clients join and leave.
type soak struct {
	t      *testing.T
	addr   string
	client *http.Client

	posted, streams, deliveries atomic.Int64
	stopped                     atomic.Int64 // sockets that the server closed since they were not read
	rounds                      int
	readers                     []*stoppedReader
}

// run lets posters and clients work for a while, and ends when each client has the whole log.
func (s *soak) run(lasts time.Duration) {
	s.rounds++
	posting, stopPosting := context.WithTimeout(s.t.Context(), lasts)
	defer stopPosting()
	var posters, clients sync.WaitGroup
	for i := range soakPosters {
		posters.Go(func() { s.post(posting, fmt.Sprintf("poster-%d", i)) })
	}
	var end atomic.Int64 // the last number of the log when the posters have ended; 0 before
	for i := range soakClients {
		c := &soakClient{soak: s, random: rand.New(rand.NewPCG(uint64(s.rounds), uint64(i)))}
		clients.Go(func() { c.run(&end) })
	}
	for _, r := range s.readers {
		clients.Go(func() { r.run(&end) })
	}
	posters.Wait()
	end.Store(s.posted.Load())
	clients.Wait()
}

func (s *soak) post(ctx context.Context, name string) {
	for ctx.Err() == nil {
		err := post(s.t.Context(), s.addr, `mutation($c:ID!){addChatEntry(connectionId:$c,body:"on and on"){seq}}`, map[string]any{"c": name}, &struct{}{})
		if err != nil {
			s.t.Errorf("%s: %v", name, err)
			return
		}
		s.posted.Add(1)
		pause(ctx, soakPause)
	}
}

// settled returns the server's own figures when all clients have left.
func (s *soak) settled() (m map[string]float64) {
	s.t.Helper()
	s.client.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
	last := -1.0
	await.Within(s.t, time.Minute, "the server is at rest", func() bool {
		m = s.metrics()
		rest := m["chattok_sockets"]+m["chattok_http_streams"]+m["chattok_subscriptions"]+m["chattok_connections"] == 0
		steady := m["go_goroutines"]+m["process_open_fds"] == last
		last = m["go_goroutines"] + m["process_open_fds"]
		if !rest || !steady {
			pause(s.t.Context(), 200*time.Millisecond)
		}
		return rest && steady
	})
	return m
}

func (s *soak) metrics() map[string]float64 {
	resp, err := http.Get("http://" + s.addr + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	wanted := map[string]float64{"chattok_sockets": 0, "chattok_http_streams": 0, "chattok_subscriptions": 0, "chattok_connections": 0,
		"chattok_open_sessions": 0, "go_goroutines": 0, "process_open_fds": 0, "go_memstats_heap_inuse_bytes": 0}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if _, ok := wanted[name]; ok {
			if wanted[name], err = strconv.ParseFloat(value, 64); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return wanted
}

// soakClient reads the log in pieces, each over another connection, framing and end.
type soakClient struct {
	*soak
	random *rand.Rand
	seq    int64
	cursor string
}

// errEnough ends a stream that the client leaves.
var errEnough = errors.New("enough")

func (c *soakClient) run(end *atomic.Int64) {
	c.cursor = "0"
	if c.random.IntN(4) > 0 { // most begin at the end, as people do
		c.now()
	}
	for {
		if n := end.Load(); n > 0 && c.seq >= n {
			return
		}
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Duration(c.random.IntN(1500))*time.Millisecond)
		token := ""
		if c.random.IntN(2) == 0 {
			token = c.connect()
		}
		c.streams.Add(1)
		var err error
		switch c.random.IntN(4) {
		case 0:
			err = c.overHTTP(ctx, token, "text/event-stream", "data: ")
		case 1:
			err = c.overHTTP(ctx, token, `multipart/mixed;boundary="graphql";subscriptionSpec="1.0"`, "{")
		default:
			err = c.overSocket(ctx, token)
		}
		cancel()
		if err != nil && ctx.Err() == nil && !errors.Is(err, errEnough) {
			c.t.Errorf("a stream ended: %v", err)
			return
		}
		if c.t.Failed() || c.t.Context().Err() != nil {
			return
		}
	}
}

func (c *soakClient) now() {
	var data struct {
		ChatEntries struct{ Nodes []entry }
	}
	if err := post(c.t.Context(), c.addr, `{chatEntries(last:1){nodes{seq cursor}}}`, nil, &data); err != nil {
		c.t.Error(err)
		return
	}
	for _, e := range data.ChatEntries.Nodes {
		c.seq, c.cursor = e.Seq, e.Cursor
	}
}

// connect becomes a connection of the lobby, and returns its access token.
func (c *soakClient) connect() string {
	var data struct{ Connect struct{ AccessToken string } }
	if err := post(c.t.Context(), c.addr, `mutation{connect(sessionId:"lobby"){accessToken}}`, nil, &data); err != nil {
		c.t.Error(err)
	}
	return data.Connect.AccessToken
}

// take checks an event's entry. Now and then it ends the stream, or reads nothing for a second.
func (c *soakClient) take(ctx context.Context, payload []byte) error {
	var event struct{ Data struct{ EntryAdded entry } }
	if err := json.Unmarshal(payload, &event); err != nil || event.Data.EntryAdded.Seq == 0 {
		return fmt.Errorf("not an event: %s", payload)
	}
	e := event.Data.EntryAdded
	if e.Seq != c.seq+1 {
		return fmt.Errorf("entry %d after %d", e.Seq, c.seq)
	}
	c.seq, c.cursor = e.Seq, e.Cursor
	c.deliveries.Add(1)
	switch c.random.IntN(2000) {
	case 0:
		return errEnough
	case 1:
		pause(ctx, time.Second)
	}
	return nil
}

func (c *soakClient) operation() []byte {
	raw, _ := json.Marshal(map[string]any{"query": `subscription($a:String){entryAdded(after:$a){seq cursor}}`,
		"variables": map[string]any{"a": c.cursor}})
	return raw
}

func (c *soakClient) overSocket(ctx context.Context, token string) error {
	ws, err := wsclient.Dial(ctx, "ws://"+c.addr+"/graphql", &wsclient.Options{HTTPClient: c.client})
	if err != nil {
		return err
	}
	defer func() { _ = ws.CloseNow() }()
	if c.random.IntN(2) == 0 {
		defer func() { _ = ws.Close(websocket.StatusNormalClosure, "") }()
	}
	if err := ws.Init(ctx, token); err != nil {
		return err
	}
	if err := ws.Send(ctx, wsclient.Message{ID: "1", Type: "subscribe", Payload: c.operation()}); err != nil {
		return err
	}
	for {
		m, err := ws.Next(ctx)
		if err != nil {
			return err
		}
		if m.Type != "next" {
			return fmt.Errorf("in place of an event: %s %s", m.Type, m.Payload)
		}
		if err := c.take(ctx, m.Payload); err != nil {
			return err
		}
	}
}

// overHTTP reads a stream whose events are lines that begin with a prefix.
func (c *soakClient) overHTTP(ctx context.Context, token, accept, prefix string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.addr+"/graphql", strings.NewReader(string(c.operation())))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, said)
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), prefix)
		if prefix == "{" {
			line = lines.Text()
			if line == "{}" {
				continue // a heartbeat
			}
			var part struct{ Payload json.RawMessage }
			if ok && json.Unmarshal([]byte(line), &part) == nil {
				line = string(part.Payload)
			}
		}
		if !ok || line == "" {
			continue
		}
		if err := c.take(ctx, []byte(line)); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("the response is over")
}
