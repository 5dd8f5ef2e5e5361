package main

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
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"chattok/internal/cluster"
	"chattok/internal/need"
)

// What TestSoak does: short here, CHATTOK_SOAK names another time.
const (
	soakTime    = 8 * time.Second
	soakClients = 60
	soakPosters = 4
	soakPause   = 20 * time.Millisecond // between a poster's entries
)

// TestSoak has clients come and go over every framing, politely and not, some of which stop reading for a while, and
// then wants all that the server held for them back: goroutines, descriptors, sockets, memory. Every client has each
// entry once, in order, without a gap.
func TestSoak(t *testing.T) {
	need.Time(t, "clients come and go for a while")
	lasts := soakTime
	if s := os.Getenv("CHATTOK_SOAK"); s != "" {
		var err error
		if lasts, err = time.ParseDuration(s); err != nil {
			t.Fatal("CHATTOK_SOAK:", err)
		}
	}
	b := &binary{path: buildBinary(t), addr: freeAddr(t), database: filepath.Join(t.TempDir(), "soak.db"), env: cluster.HighRates}
	t.Setenv("CHATTOK_GRACE", "1s")
	b.start(t)
	s := &soak{t: t, addr: b.addr, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: soakPosters}}}

	s.run(soakTime / 4) // so that pools and caches have what they keep
	before := s.settled()
	s.run(lasts / 2)
	half := s.settled()
	s.run(lasts / 2)
	after := s.settled()
	t.Logf("%d entries, %d streams, %d deliveries\nbefore %v\nhalf   %v\nafter  %v",
		s.posted.Load(), s.streams.Load(), s.deliveries.Load(), before, half, after)

	for _, name := range []string{"chattok_sockets", "chattok_http_streams", "chattok_subscriptions", "chattok_connections"} {
		if after[name] != 0 {
			t.Errorf("%s is %v when everybody has left", name, after[name])
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
	b.stop(t)
}

// soak is a room that clients come to and leave.
type soak struct {
	t      *testing.T
	addr   string
	client *http.Client

	posted, streams, deliveries atomic.Int64
	rounds                      int
}

// run has posters and clients at work for a while, and ends when each client has the whole log.
func (s *soak) run(lasts time.Duration) {
	s.rounds++
	posting, stopPosting := context.WithTimeout(s.t.Context(), lasts)
	defer stopPosting()
	var posters, clients sync.WaitGroup
	for i := range soakPosters {
		posters.Go(func() { s.post(posting, fmt.Sprintf("poster-%d", i)) })
	}
	var end atomic.Int64 // the head of the log when the posters have ended
	for i := range soakClients {
		c := &soakClient{soak: s, random: rand.New(rand.NewPCG(uint64(s.rounds), uint64(i)))}
		clients.Go(func() { c.run(&end) })
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

// settled returns the server's own figures when nobody is there any more.
func (s *soak) settled() (m map[string]float64) {
	s.t.Helper()
	s.client.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
	last := -1.0
	eventually(s.t, time.Minute, "the server is at rest", func() bool {
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

// take checks an event's entry, and now and then has had enough, or reads no more for a while.
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
	ws, _, err := websocket.Dial(ctx, "ws://"+c.addr+"/graphql", &websocket.DialOptions{
		HTTPClient: c.client, Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		return err
	}
	defer func() { _ = ws.CloseNow() }()
	if c.random.IntN(2) == 0 {
		defer func() { _ = ws.Close(websocket.StatusNormalClosure, "") }()
	}
	init := `{"type":"connection_init"}`
	if token != "" {
		init = `{"type":"connection_init","payload":{"Authorization":"Bearer ` + token + `"}}`
	}
	if err := ws.Write(ctx, websocket.MessageText, []byte(init)); err != nil {
		return err
	}
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		var m struct {
			Type    string
			Payload json.RawMessage
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return err
		}
		switch m.Type {
		case "connection_ack":
			err = ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"id":"1","type":"subscribe","payload":%s}`, c.operation()))
		case "next":
			err = c.take(ctx, m.Payload)
		default:
			err = fmt.Errorf("in place of an event: %s", raw)
		}
		if err != nil {
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
