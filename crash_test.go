package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"chattok/internal/cluster"
	"chattok/internal/need"
)

// crashes is how often TestCrash kills the server; CHATTOK_CRASHES names another number, for the soak.
const crashes = 30

// TestCrash kills the real binary with SIGKILL while it is written to and read from, again and again, and holds it to
// its word: what was answered is there, once, at the number it was answered with; the numbers have no hole; and a reader
// that hands back its last cursor sees everything once, in order.
func TestCrash(t *testing.T) {
	need.Time(t, "it kills the program thirty times")
	times := crashes
	if s := os.Getenv("CHATTOK_CRASHES"); s != "" {
		var err error
		if times, err = strconv.Atoi(s); err != nil {
			t.Fatal("CHATTOK_CRASHES:", err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d crashes", seed, times)
	random := rand.New(rand.NewPCG(seed, 0))
	b := &binary{path: buildBinary(t), addr: freeAddr(t), database: filepath.Join(t.TempDir(), "crash.db"), env: cluster.HighRates}
	b.start(t)

	writing, stopWriting := context.WithCancel(t.Context())
	defer stopWriting()
	var writers sync.WaitGroup
	answered := make([]map[string]int64, 8) // key to number, of each writer
	for i := range answered {
		answered[i] = make(map[string]int64)
		writers.Go(func() { write(writing, t, b.addr, i, answered[i]) })
	}
	reading, stopReading := context.WithCancel(t.Context())
	defer stopReading()
	var readers sync.WaitGroup
	read := make([]*reader, 4)
	for i := range read {
		read[i] = &reader{addr: b.addr}
		readers.Go(func() { read[i].run(reading, t) })
	}
	for range times {
		time.Sleep(time.Duration(100+random.IntN(400)) * time.Millisecond) // a life, which ends at a random moment
		b.kill(t)
		b.start(t)
	}
	stopWriting()
	writers.Wait()
	log := b.log(t)
	for _, r := range read {
		r.waitFor(t, int64(len(log)))
	}
	stopReading()
	readers.Wait()
	b.kill(t)

	checkLog(t, log, answered)
	t.Logf("%d entries, %d crashes", len(log), times)
	for i, r := range read {
		for n, e := range r.seen {
			if e.Seq != int64(n+1) || e != log[n] {
				t.Fatalf("reader %d saw %+v at place %d, but the log has %+v", i, e, n+1, log[n])
			}
		}
	}
}

// checkLog checks that the log has every answered entry once, at its number.
func checkLog(t *testing.T, log []entry, answered []map[string]int64) {
	t.Helper()
	places := make(map[string]int64, len(log))
	for n, e := range log {
		if e.Seq != int64(n+1) {
			t.Fatalf("place %d of the log has number %d", n+1, e.Seq)
		}
		if first, ok := places[e.Body]; ok {
			t.Fatalf("%s is at %d and again at %d", e.Body, first, e.Seq)
		}
		places[e.Body] = e.Seq
	}
	total := 0
	for _, a := range answered {
		total += len(a)
		for key, seq := range a {
			if places[key] != seq {
				t.Errorf("%s was answered with number %d, but is at %d", key, seq, places[key])
			}
		}
	}
	if total == 0 {
		t.Fatal("nothing was answered")
	}
}

type entry struct {
	Seq    int64
	Cursor string
	Body   string
}

// binary is the real program, on an address and a database that outlive it.
type binary struct {
	path, addr, database string
	env                  []string // further variables
	process              *exec.Cmd
}

func buildBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chattok")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (b *binary) start(t *testing.T) {
	t.Helper()
	var output bytes.Buffer
	b.process = exec.Command(b.path)
	b.process.Env = append(os.Environ(), "CHATTOK_ADDR="+b.addr, "CHATTOK_DATABASE="+b.database)
	b.process.Env = append(b.process.Env, b.env...)
	b.process.Stdout, b.process.Stderr = &output, &output
	if err := b.process.Start(); err != nil {
		t.Fatal(err)
	}
	process := b.process
	t.Cleanup(func() { _ = process.Process.Kill() })
	eventually(t, 20*time.Second, "the server is ready", func() bool {
		resp, err := http.Get("http://" + b.addr + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (b *binary) kill(t *testing.T) {
	t.Helper()
	if err := b.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = b.process.Wait() // it says that it was killed
}

// log reads the whole log by pages.
func (b *binary) log(t *testing.T) (log []entry) {
	t.Helper()
	for after := "0"; ; {
		var page struct{ ChatEntries struct{ Nodes []entry } }
		if err := post(t.Context(), b.addr, `query($a:String){chatEntries(first:200,after:$a){nodes{seq cursor body}}}`, map[string]any{"a": after}, &page); err != nil {
			t.Fatal(err)
		}
		nodes := page.ChatEntries.Nodes
		if len(nodes) == 0 {
			return log
		}
		log = append(log, nodes...)
		after = nodes[len(nodes)-1].Cursor
	}
}

// write posts entries until ctx is done, each again and again with its key until it is answered.
func write(ctx context.Context, t *testing.T, addr string, writer int, answered map[string]int64) {
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("w%d-%d", writer, n)
		for {
			var data struct{ AddChatEntry entry }
			err := post(t.Context(), addr, `mutation($c:ID!,$b:String!,$k:ID!){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){seq}}`,
				map[string]any{"c": fmt.Sprintf("writer%d", writer), "b": key, "k": key}, &data)
			if err == nil {
				answered[key] = data.AddChatEntry.Seq
				break
			}
			if t.Context().Err() != nil {
				return
			}
			pause(t.Context(), 10*time.Millisecond)
		}
	}
}

// post runs an operation over HTTP, without a token.
func post(ctx context.Context, addr, query string, variables map[string]any, data any) error {
	return postAs(ctx, addr, "", query, variables, data)
}

// postAs runs an operation over HTTP.
func postAs(ctx context.Context, addr, token, query string, variables map[string]any, data any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Data   json.RawMessage
		Errors json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if len(answer.Errors) > 0 {
		return errors.New(string(answer.Errors))
	}
	return json.Unmarshal(answer.Data, data)
}

// reader follows the log, and resumes with its last cursor whenever its socket ends.
type reader struct {
	addr string

	mu   sync.Mutex
	seen []entry
}

func (r *reader) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		if err := r.follow(ctx); errors.Is(err, errRefused) {
			t.Errorf("a reader was refused: %v", err)
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
}

var errRefused = errors.New("refused")

// follow reads over one socket until that ends.
func (r *reader) follow(ctx context.Context) error {
	c, _, err := websocket.Dial(ctx, "ws://"+r.addr+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		return err
	}
	defer func() { _ = c.CloseNow() }()
	r.mu.Lock()
	after := "0"
	if n := len(r.seen); n > 0 {
		after = r.seen[n-1].Cursor
	}
	r.mu.Unlock()
	subscribe, _ := json.Marshal(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{
		"query":     `subscription($a:String){entryAdded(after:$a){seq cursor body}}`,
		"variables": map[string]any{"a": after}}})
	if err := c.Write(ctx, websocket.MessageText, []byte(`{"type":"connection_init"}`)); err != nil {
		return err
	}
	for {
		_, raw, err := c.Read(ctx)
		if err != nil {
			return err
		}
		var m struct {
			Type    string
			Payload json.RawMessage
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		switch m.Type {
		case "connection_ack":
			err = c.Write(ctx, websocket.MessageText, subscribe)
		case "next":
			err = r.take(m.Payload)
		case "error", "complete":
			err = fmt.Errorf("%w: %s", errRefused, raw)
		}
		if err != nil {
			return err
		}
	}
}

func (r *reader) take(payload json.RawMessage) error {
	var event struct{ Data struct{ EntryAdded entry } }
	if err := json.Unmarshal(payload, &event); err != nil || event.Data.EntryAdded.Seq == 0 {
		return fmt.Errorf("%w: %s", errRefused, payload)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, event.Data.EntryAdded)
	return nil
}

func (r *reader) waitFor(t *testing.T, n int64) {
	t.Helper()
	eventually(t, 30*time.Second, fmt.Sprintf("a reader has all %d entries", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return int64(len(r.seen)) >= n
	})
}

// eventually waits for a condition.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); pause(t.Context(), 5*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
