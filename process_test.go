//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"chattok/internal/pgtest"
)

// lockedBuffer is a writer that a test may read meanwhile.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestLogReaderGone: the server outlives the reader of its log and of its banner.
func TestLogReaderGone(t *testing.T) {
	addr := freeAddr(t)
	process := exec.Command(buildBinary(t))
	process.Env = append(os.Environ(), "CHATTOK_ADDR="+addr, "CHATTOK_LOG_LEVEL=debug", "CHATTOK_DATABASE="+filepath.Join(t.TempDir(), "x.db"))
	var readers []io.Closer
	var lines []*bufio.Reader
	for _, pipe := range []func() (io.ReadCloser, error){process.StdoutPipe, process.StderrPipe} {
		r, err := pipe()
		if err != nil {
			t.Fatal(err)
		}
		readers, lines = append(readers, r), append(lines, bufio.NewReader(r))
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = process.Process.Kill() }()
	if _, err := lines[0].ReadString('\n'); err != nil { // it is ready
		t.Fatal(err)
	}
	for _, r := range readers {
		_ = r.Close()
	}
	for range 20 { // each is a line of the log
		resp, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			t.Fatalf("the server has gone: %v", err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("it did not stop well: %v", err)
	}
}

// TestPauseOfTheProcess: a process that stood still for longer than two pings reads what came meanwhile before it takes
// anybody for gone.
func TestPauseOfTheProcess(t *testing.T) {
	b := &binary{path: buildBinary(t), addr: freeAddr(t), database: filepath.Join(t.TempDir(), "x.db"), env: []string{"CHATTOK_PING_INTERVAL=1s"}}
	b.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sockets := make([]*websocket.Conn, 20)
	for i := range sockets {
		c, _, err := websocket.Dial(ctx, "ws://"+b.addr+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.CloseNow() }()
		sockets[i] = c
		send(ctx, t, c, `{"type":"connection_init"}`)
		if _, _, err := c.Read(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, c := range sockets {
		send(ctx, t, c, `{"type":"ping"}`)
	}
	time.Sleep(2500 * time.Millisecond) // the pause itself
	if err := b.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for i, c := range sockets {
		if _, message, err := c.Read(ctx); err != nil || string(message) != `{"type":"pong"}` {
			t.Errorf("socket %d after the pause: %s %v", i, message, err)
		}
	}
}

func send(ctx context.Context, t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// TestUnreachableDatabase: a PostgreSQL server that can't be reached is told of at once, and with the cause; the password
// is not.
func TestUnreachableDatabase(t *testing.T) {
	addr := freeAddr(t)
	host, port, _ := strings.Cut(addr, ":")
	for _, database := range []string{"postgres://me:hunter2@" + addr + "/chat", "host=" + host + " port=" + port + " user=me password=hunter2 dbname=chat sslmode=disable"} {
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr lockedBuffer
		ended := make(chan int, 1)
		go func() { ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-database", database}, &stdout, &stderr) }()
		eventually(t, 20*time.Second, "the log says it", func() bool {
			return strings.Contains(stderr.String(), "the database can't be reached; trying on") && strings.Contains(stderr.String(), "connection refused")
		})
		cancel()
		if code := <-ended; code != 1 {
			t.Errorf("exit code %d", code)
		}
		if text := stdout.String() + stderr.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "postgres://me@"+addr+"/chat") {
			t.Errorf("%s", text)
		}
	}
}

// TestKeywordDatabase: libpq's other form of a database's name is a PostgreSQL server's, bus and all, and its password is
// in no banner, log, error or file name.
func TestKeywordDatabase(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	database, err := url.Parse(server.DatabaseT(t))
	if err != nil {
		t.Fatal(err)
	}
	user, name := database.User.Username(), strings.TrimPrefix(database.Path, "/")
	password, _ := database.User.Password()
	if password == "" {
		t.Fatal("the server asks for no password")
	}
	folder := t.TempDir()
	t.Chdir(folder)
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr lockedBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-log-level", "debug", "-database",
			fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=%s sslmode=disable", database.Hostname(), database.Port(), user, password, name)}, &stdout, &stderr)
	}()
	eventually(t, 30*time.Second, "it is ready", func() bool { return strings.Contains(stdout.String(), "is ready at") || len(ended) > 0 })
	cancel()
	<-ended
	text := stdout.String() + stderr.String()
	if !strings.Contains(text, "database    postgres://"+user+"@"+database.Host+"/"+name) || !strings.Contains(text, "the bus is connected") || strings.Contains(text, password) {
		t.Errorf("%s", text)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) > 0 {
		t.Errorf("files were made: %v %v", files, err)
	}
}

// TestSlashAndOrigins: the API answers with a slash at its end; and open mode on loopback is warned of where the origins
// say that a proxy makes it public.
func TestSlashAndOrigins(t *testing.T) {
	for origins, warned := range map[string]bool{"https://chat.example": true, "*": true, "http://localhost:5173": false, "": false} {
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr lockedBuffer
		ended := make(chan int, 1)
		addr := freeAddr(t)
		go func() {
			ended <- run(ctx, []string{"-addr", addr, "-origins", origins, "-database", filepath.Join(t.TempDir(), "x.db")}, &stdout, &stderr)
		}()
		eventually(t, 20*time.Second, "it is ready", func() bool { return strings.Contains(stdout.String(), "is ready at") })
		for _, path := range []string{"/graphql/", "/query/"} {
			resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(`{"query":"{__typename}"}`))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if strings.TrimSpace(string(body)) != `{"data":{"__typename":"Query"}}` {
				t.Errorf("%s: %s %s", path, resp.Status, body)
			}
		}
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d: %s", code, stderr.String())
		}
		if got := strings.Contains(stderr.String(), "behind a proxy that others can reach"); got != warned {
			t.Errorf("origins %q: warned is %t: %s", origins, got, stderr.String())
		}
	}
}
