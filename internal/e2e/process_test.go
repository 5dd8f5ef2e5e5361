//go:build unix

package e2e

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

	"chattok/internal/await"
	"chattok/internal/command"
	"chattok/internal/pgtest"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

// lockedBuffer is a buffer that a test may read while others write to it.
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

// serve runs the program in the test's own process, and returns its exit code.
func serve(ctx context.Context, stdout, stderr io.Writer, args ...string) int {
	return command.Program{Version: "test", Stdout: stdout, Stderr: stderr}.Run(ctx, args)
}

// TestLogReaderGone: the server outlives the reader of its log and of its banner.
func TestLogReaderGone(t *testing.T) {
	addr := program.FreeAddrT(t)
	process := exec.Command(program.ChattokT(t))
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

// TestPauseOfTheProcess: a process that was stopped for longer than two pings reads what clients sent meanwhile before it gives
// any of them up.
func TestPauseOfTheProcess(t *testing.T) {
	b := program.StartT(t, program.Config{Env: []string{"CHATTOK_PING_INTERVAL=1s"}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sockets := make([]*wsclient.Conn, 20)
	for i := range sockets {
		sockets[i] = wsclient.OpenT(t, b.URL()+"/graphql", "")
	}
	if err := b.Pause(); err != nil {
		t.Fatal(err)
	}
	for _, c := range sockets {
		c.SendT(t, wsclient.Message{Type: "ping"})
	}
	time.Sleep(2500 * time.Millisecond) // the pause itself
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	for i, c := range sockets {
		if _, message, err := c.Read(ctx); err != nil || string(message) != `{"type":"pong"}` {
			t.Errorf("socket %d after the pause: %s %v", i, message, err)
		}
	}
}

// TestUnreachableDatabase: a PostgreSQL server that can't be reached is reported at once, with the cause and without the
// password.
func TestUnreachableDatabase(t *testing.T) {
	addr := program.FreeAddrT(t)
	host, port, _ := strings.Cut(addr, ":")
	for _, database := range []string{"postgres://me:hunter2@" + addr + "/chat", "host=" + host + " port=" + port + " user=me password=hunter2 dbname=chat sslmode=disable"} {
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr lockedBuffer
		ended := make(chan int, 1)
		go func() { ended <- serve(ctx, &stdout, &stderr, "-addr", "127.0.0.1:0", "-database", database) }()
		await.True(t, "the log says it", func() bool {
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

// TestKeywordDatabase: a database may be named in libpq's keyword form (host=… dbname=…) too. Its password is in no banner, log,
// error or file name.
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
		ended <- serve(ctx, &stdout, &stderr, "-addr", "127.0.0.1:0", "-log-level", "debug", "-database",
			fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=%s sslmode=disable", database.Hostname(), database.Port(), user, password, name))
	}()
	await.True(t, "it is ready", func() bool { return strings.Contains(stdout.String(), "is ready at") || len(ended) > 0 })
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

// TestSlashAndOrigins: the API answers under its path with a slash too. Open mode on loopback is warned of where the origins show
// that a proxy makes it public.
func TestSlashAndOrigins(t *testing.T) {
	for origins, warned := range map[string]bool{"https://chat.example": true, "*": true, "http://localhost:5173": false, "": false} {
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr lockedBuffer
		ended := make(chan int, 1)
		addr := program.FreeAddrT(t)
		go func() {
			ended <- serve(ctx, &stdout, &stderr, "-addr", addr, "-origins", origins, "-database", filepath.Join(t.TempDir(), "x.db"))
		}()
		await.True(t, "it is ready", func() bool { return strings.Contains(stdout.String(), "is ready at") })
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
