//go:build unix

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

// ran is what a command printed, and its exit code.
type ran struct {
	code           int
	stdout, stderr string
}

// runCommand runs a command of the binary against a server, with its API secret in the environment.
func runCommand(t *testing.T, b *program.Server, stdin string, args ...string) ran {
	t.Helper()
	return finish(t, prepare(b, stdin, args...))
}

func prepare(b *program.Server, stdin string, args ...string) *exec.Cmd {
	c := exec.Command(b.Path, args...)
	c.Env = append(os.Environ(), "CHATTOK_API_SECRET="+apiSecret, "CHATTOK_URL="+b.URL(), "TZ=UTC",
		"CHATTOK_LOG_LEVEL=error") // the tests' PostgreSQL has fsync off, of which a command warns
	c.Stdin = strings.NewReader(stdin)
	return c
}

func finish(t *testing.T, c *exec.Cmd) ran {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return ran{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// want fails the test where a command ended with another code, or did not print a text.
func (r ran) want(t *testing.T, code int, stdout, stderr string) ran {
	t.Helper()
	if r.code != code || !strings.Contains(r.stdout, stdout) || !strings.Contains(r.stderr, stderr) || stderr == "" && r.stderr != "" {
		t.Errorf("exit code %d, want %d, with %q on stdout and %q on stderr: %.2000q and %q", r.code, code, stdout, stderr, r.stdout, r.stderr)
	}
	return r
}

const apiSecret = "a secret of the tests, 32 bytes at least"

// startForCommands starts a server with a secret of the tests', from which nobody goes by himself while a test runs.
func startForCommands(t *testing.T, database string, env ...string) *program.Server {
	t.Helper()
	return program.StartT(t, program.Config{Database: database, Env: append(env, "CHATTOK_API_SECRET="+apiSecret, "CHATTOK_GRACE=1h", "CHATTOK_IDLE=10h")})
}

// do runs an operation as the holder of the API secret, or of another token, and returns its data.
func do(t *testing.T, b *program.Server, token, query string, variables map[string]any) map[string]any {
	t.Helper()
	data := map[string]any{}
	if err := postAs(t.Context(), b.Addr, token, query, variables, &data); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return data
}

// populate fills a server with everything that an export has, and returns cursors of the session "room" and of the feed.
func populate(t *testing.T, b *program.Server) (roomCursor, feedCursor, annToken string) {
	t.Helper()
	do(t, b, apiSecret, `mutation{createSession(id:"room"){id}}`, nil)
	join := func(args string) (id, token string) {
		t.Helper()
		var data struct {
			Connect struct {
				AccessToken string
				Connection  struct{ ID string }
			}
		}
		if err := post(t.Context(), b.Addr, `mutation{connect(`+args+`){accessToken connection{id}}}`, nil, &data); err != nil {
			t.Fatal(err)
		}
		return data.Connect.Connection.ID, data.Connect.AccessToken
	}
	tokenFor := func(user, role string) string {
		t.Helper()
		data := do(t, b, apiSecret, `mutation($u:ID!,$r:Role!){createToken(sessionId:"room",userId:$u,role:$r){token}}`, map[string]any{"u": user, "r": role})
		return data["createToken"].(map[string]any)["token"].(string)
	}
	_, ann := join(`token:"` + tokenFor("ann", "MODERATOR") + `"`)
	bobID, bob := join(`token:"` + tokenFor("bob", "PUBLISHER") + `"`)
	add := func(token, args string) (id, cursor string) {
		t.Helper()
		e := do(t, b, token, `mutation{addChatEntry(`+args+`){id cursor}}`, nil)["addChatEntry"].(map[string]any)
		return e["id"].(string), e["cursor"].(string)
	}
	first, _ := add(ann, `body:"first <b>&amp;</b> \u2028 🎈",idempotencyKey:"k1"`)
	second, _ := add(bob, `body:"second\nline",data:"{\"a\":1}",replyTo:"`+first+`"`)
	third, roomCursor := add(apiSecret, `body:"of a bot",sessionId:"room",as:{name:"bot"}`)
	add(ann, `body:"fourth"`)
	add(bob, `body:"of somebody who will be gone"`)
	add(apiSecret, `body:"of the server",sessionId:"room"`)
	do(t, b, bob, `mutation{editChatEntry(id:"`+second+`",body:"edited",idempotencyKey:"edit 1"){id}}`, nil)
	do(t, b, ann, `mutation{reactToChatEntry(id:"`+second+`",name:"👍"){id}}`, nil)
	do(t, b, bob, `mutation{reactToChatEntry(id:"`+second+`",name:"👍"){id}}`, nil)
	do(t, b, bob, `mutation{reactToChatEntry(id:"`+third+`",name:"<i>"){id}}`, nil)
	do(t, b, ann, `mutation{deleteChatEntry(id:"`+third+`"){id}}`, nil)
	do(t, b, ann, `mutation{updateSession(slowMode:7,data:"title"){id}}`, nil)
	do(t, b, ann, `mutation{publishStream(name:"cam"){id}}`, nil)
	do(t, b, ann, `mutation{forceMute(stay:true){id}}`, nil)
	do(t, b, ann, `mutation($b:ID!){banConnection(connectionId:$b,seconds:86400){id}}`, map[string]any{"b": bobID})
	do(t, b, "", `mutation{addChatEntry(connectionId:"guest",body:"hi"){id}}`, nil)
	join(`sessionId:"open",userKey:"a key that a client keeps"`)
	do(t, b, apiSecret, `mutation{createSession(id:"gone"){id}}`, nil)
	do(t, b, apiSecret, `mutation{deleteSession(id:"gone")}`, nil)
	add(ann, `body:"`+strings.Repeat("last ", 10)+`"`)

	// The feed is complete once it has the last entry; what comes after the first event of it is asked for later.
	feed := wsclient.OpenT(t, b.URL()+"/graphql", apiSecret)
	feed.SubscribeT(t, "feed", `subscription{feed(after:"0"){cursor event{...on EntryAdded{entry{body}}}}}`, nil)
	for added := false; !added; {
		var payload struct {
			Data struct {
				Feed struct {
					Cursor string
					Event  struct{ Entry struct{ Body string } }
				}
			}
		}
		if err := json.Unmarshal(feed.NextT(t).Payload, &payload); err != nil {
			t.Fatal(err)
		}
		if feedCursor == "" {
			feedCursor = payload.Data.Feed.Cursor
		}
		added = strings.HasPrefix(payload.Data.Feed.Event.Entry.Body, "last ")
	}
	return roomCursor, feedCursor, ann
}

// exported returns the file that chattok export writes.
func exported(t *testing.T, b *program.Server, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "export")
	runCommand(t, b, "", append([]string{"export", "-out", file}, args...)...).want(t, 0, "", "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	return string(text)
}

// TestExportImportExport: what a server exports while it runs becomes another server's, on the other engine and back, and its export is
// the same to the byte; cursors and tokens of the first server go on with the others.
func TestExportImportExport(t *testing.T) {
	postgres := pgtest.StartT(t, pgtest.Config{})
	a := startForCommands(t, "")
	roomCursor, feedCursor, annToken := populate(t, a)
	// Whatever the server does by itself after the last change has been done once two exports are the same.
	lines := ""
	await.True(t, "the export is at rest", func() bool {
		before := lines
		lines = exported(t, a)
		return lines == before
	})
	room := exported(t, a, "-session", "room")
	if streamed := runCommand(t, a, "", "export").want(t, 0, `{"type":"end"}`, "").stdout; streamed != lines {
		t.Error("the standard output has another export than the file")
	}
	a.StopT(t)
	for _, engine := range []string{"PostgreSQL", "SQLite"} {
		t.Run(engine, func(t *testing.T) {
			database := filepath.Join(t.TempDir(), "new.db")
			if engine == "PostgreSQL" {
				database = postgres.DatabaseT(t)
			}
			file := filepath.Join(t.TempDir(), "export.jsonl")
			if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
				t.Fatal(err)
			}
			runCommand(t, a, "", "import", "-database", database, file).want(t, 0, "imported 3 sessions with 8 entries into ", "")
			runCommand(t, a, lines, "import", "-", "-database", database).want(t, 1, "", "the database is not empty: its table sessions has rows")
			b := startForCommands(t, database)
			lines = wantSameExport(t, exported(t, b), lines) // and the next engine gets this one
			wantSameExport(t, exported(t, b, "-session", "room"), room)

			// The cursors of the first server.
			c := wsclient.OpenT(t, b.URL()+"/graphql", annToken)
			c.SubscribeT(t, "log", `subscription($after:String){entryAdded(after:$after){seq body}}`, map[string]any{"after": roomCursor})
			if got := string(c.NextT(t).Payload); got != `{"data":{"entryAdded":{"seq":4,"body":"fourth"}}}` {
				t.Errorf("after the third entry: %s", got)
			}
			f := wsclient.OpenT(t, b.URL()+"/graphql", apiSecret)
			f.SubscribeT(t, "feed", `subscription($after:String){feed(after:$after){sessionId event{__typename}}}`, map[string]any{"after": feedCursor})
			if got := string(f.NextT(t).Payload); !strings.Contains(got, `"sessionId":"`) {
				t.Errorf("after the feed's first event: %s", got)
			}
			if err := post(t.Context(), b.Addr, `mutation{connect(sessionId:"gone"){accessToken}}`, nil, new(any)); err == nil || !strings.Contains(err.Error(), "SESSION_DELETED") {
				t.Errorf("connect to the session that was deleted: %v", err)
			}
			runCommand(t, b, lines, "import", "-", "-database", database).want(t, 1, "", "chattok: ")
		})
	}
}

// wantSameExport shows the first line in which two exports differ, and returns the first.
func wantSameExport(t *testing.T, got, want string) string {
	t.Helper()
	if got == want {
		return got
	}
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("line %d is\n%s\nwant\n%s", i+1, a[i], b[i])
		}
	}
	t.Fatalf("%d lines, want %d", len(a), len(b))
	return got
}

// TestExportInterrupted: SIGINT ends an export quietly, and leaves nothing under its name or beside it; nor does a server that goes.
func TestExportInterrupted(t *testing.T) {
	b := startForCommands(t, "", program.HighRates...)
	do(t, b, apiSecret, `mutation{createSession(id:"room"){id}}`, nil)
	var text strings.Builder
	for i := range 400 { // more than a page
		fmt.Fprintf(&text, "%d %s\n", i, strings.Repeat("x", 4000))
	}
	runCommand(t, b, text.String(), "post", "-session", "room", "-lines").want(t, 0, "", "")
	target, err := url.Parse(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	var requests atomic.Int64
	second := make(chan struct{})
	held := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 2 {
			close(second)
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		r.Host = target.Host
		proxy.ServeHTTP(w, r)
	}))
	defer held.Close()
	for _, args := range [][]string{nil, {"-html"}} {
		folder := t.TempDir()
		file := filepath.Join(folder, "export.jsonl")
		if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
		c := prepare(b, "", append([]string{"export", "-url", held.URL, "-out", file}, args...)...)
		done := make(chan ran, 1)
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		await.Closed(t, "the second page is asked for", second)
		names, err := os.ReadDir(folder)
		if err != nil || len(names) != 2 {
			t.Errorf("while it exports there are %v, %v", names, err)
		}
		if err := c.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		go func() {
			_ = c.Wait() // its code tells
			done <- ran{c.ProcessState.ExitCode(), out.String(), errs.String()}
		}()
		if got := await.Value(t, "the end", done); got != (ran{code: 130}) {
			t.Errorf("it ended with %+v", got)
		}
		names, err = os.ReadDir(folder)
		if err != nil || len(names) != 1 {
			t.Errorf("it left %v, %v", names, err)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != "before" {
			t.Errorf("under the name is %.20q, %v", text, err)
		}
		requests.Store(0)
		second = make(chan struct{})
	}
}

// TestImportKilled: an import that is interrupted or killed leaves an empty database, which takes the whole next time.
func TestImportKilled(t *testing.T) {
	postgres := pgtest.StartT(t, pgtest.Config{})
	b := startForCommands(t, "", program.HighRates...)
	do(t, b, apiSecret, `mutation{createSession(id:"room"){id}}`, nil)
	runCommand(t, b, strings.Repeat("an entry\n", 1500), "post", "-session", "room", "-lines", "-as", "bot").want(t, 0, "", "")
	lines := exported(t, b)
	half := lines[:len(lines)/2]
	for engine, database := range map[string]string{"SQLite": filepath.Join(t.TempDir(), "new.db"), "PostgreSQL": postgres.DatabaseT(t)} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
			c := prepare(b, "", "import", "-", "-database", database)
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			c.Stdin = reader
			var errs bytes.Buffer
			c.Stderr = &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			_ = reader.Close() // the process has its own, and a write must fail once that has gone
			// The pipe holds less than half of the file, so the import is at work once all of that is written.
			if _, err := io.WriteString(writer, half); err != nil {
				t.Fatal(err)
			}
			if err := c.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if signal == syscall.SIGINT { // a process of the same pipe ends too
				_, _ = io.WriteString(writer, lines[len(half):])
			}
			_ = writer.Close()
			_ = c.Wait() // its code tells
			if code := c.ProcessState.ExitCode(); signal == syscall.SIGINT && (code != 130 || errs.Len() > 0) {
				t.Errorf("%s: SIGINT ends it with %d, %q", engine, code, errs.String())
			}
		}
		runCommand(t, b, lines, "import", "-", "-database", database).want(t, 0, "with 1500 entries", "")
	}
}

// TestExportErrors: what an operator does wrong is said, with an exit code.
func TestExportErrors(t *testing.T) {
	b := startForCommands(t, "")
	folder := t.TempDir()
	runCommand(t, b, "", "export", "-session", "nowhere").want(t, 5, "", "NOT_FOUND")
	runCommand(t, b, "", "export", "extra").want(t, 2, "", `unexpected argument "extra"`)
	runCommand(t, b, "", "export", "-out", filepath.Join(folder, "no", "file")).want(t, 1, "", "no such file or directory")
	runCommand(t, b, "", "export", "-url", "ftp://x").want(t, 2, "", "-url: the server's URL must begin with http:// or https://")
	runCommand(t, b, "", "export", "-url", "http://me:hunter2@"+b.Addr).want(t, 2, "", "must have no user and no password")
	runCommand(t, b, "", "import").want(t, 2, "", "name the file to import")
	runCommand(t, b, "", "import", filepath.Join(folder, "none")).want(t, 1, "", "no such file or directory")

	wrong := prepare(b, "", "export")
	wrong.Env = append(wrong.Env, "CHATTOK_API_SECRET=another secret of the tests, which is wrong")
	finish(t, wrong).want(t, 4, "", "UNAUTHENTICATED")
	file := filepath.Join(folder, "secret")
	if err := os.WriteFile(file, []byte(apiSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	byFile := prepare(b, "", "export", "-secret-file", file)
	byFile.Env = append(byFile.Env, "CHATTOK_API_SECRET=")
	finish(t, byFile).want(t, 0, `{"type":"end"}`, "")
	none := prepare(b, "", "export", "-url", "https://chat.example")
	none.Env = append(none.Env, "CHATTOK_API_SECRET=", "CHATTOK_DATABASE="+b.Database)
	finish(t, none).want(t, 1, "", "the API secret is needed: set CHATTOK_API_SECRET")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	defer page.Close()
	runCommand(t, b, "", "export", "-url", page.URL).want(t, 1, "", "the answer is not one of ChatTok's API (200 OK): is the URL right?")

	// The reader of an export goes: the export is not whole, which the code tells.
	c := prepare(b, "", "export")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	var errs bytes.Buffer
	c.Stdout, c.Stderr = writer, &errs
	_ = c.Run() // its code tells
	_ = writer.Close()
	if c.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "the export is not whole") {
		t.Errorf("without a reader: %v, %q", c.ProcessState, errs.String())
	}
}
