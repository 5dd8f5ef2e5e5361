//go:build unix

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chattok/internal/await"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

// tailed is a chattok tail that runs.
type tailed struct {
	*exec.Cmd
	lines  *bufio.Reader
	stdout io.Closer
	stderr *lockedBuffer
}

func startTail(t *testing.T, b *program.Server, args ...string) *tailed {
	t.Helper()
	c := &tailed{Cmd: prepare(b, "", append([]string{"tail"}, args...)...), stderr: new(lockedBuffer)}
	c.Stderr = c.stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines, c.stdout = bufio.NewReader(out), out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() }) // fails for one that has ended
	return c
}

// next returns the next line of tail -json, as "event seq body".
func (c *tailed) next(t *testing.T) string {
	t.Helper()
	line, err := c.lines.ReadString('\n')
	if err != nil {
		t.Fatalf("tail has ended: %v, %s", err, c.stderr.String())
	}
	var e struct {
		Event  string
		Cursor string
		Entry  struct {
			Seq  int
			Body string
		}
	}
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Cursor == "" {
		t.Fatalf("%s: %v", line, err)
	}
	return fmt.Sprint(e.Event, " ", e.Entry.Seq, " ", e.Entry.Body)
}

// TestTail: it begins with the newest entries, goes on with all that happens, also after a restart of the server, and ends quietly.
func TestTail(t *testing.T) {
	b := startForCommands(t, "")
	do(t, b, apiSecret, `mutation{createSession(id:"room"){id}}`, nil)
	for i := range 3 {
		runCommand(t, b, "", "post", "-session", "room", fmt.Sprint("before ", i)).want(t, 0, "", "")
	}
	c := startTail(t, b, "-session", "room", "-n", "2", "-json")
	want := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			if got := c.next(t); got != line {
				t.Fatalf("tail has %q, want %q", got, line)
			}
		}
	}
	want("added 2 before 1", "added 3 before 2")
	id := strings.TrimSpace(runCommand(t, b, "", "post", "-session", "room", "live").want(t, 0, "", "").stdout)
	want("added 4 live")
	do(t, b, apiSecret, `mutation($id:ID!){editChatEntry(sessionId:"room",id:$id,body:"changed"){id}}`, map[string]any{"id": id})
	want("edited 4 changed")

	b.KillT(t)
	await.True(t, "the loss is told", func() bool { return strings.Contains(c.stderr.String(), "trying again") })
	b.BeginT(t)
	runCommand(t, b, "", "post", "-session", "room", "while tail was away").want(t, 0, "", "")
	want("added 5 while tail was away")
	// Standard output and standard error are two pipes: either may be read first.
	await.True(t, "its end is told", func() bool { return strings.Contains(c.stderr.String(), "nothing was missed\n") })
	if said := c.stderr.String(); strings.Count(said, "\n") != 2 {
		t.Errorf("it said %q", said)
	}
	do(t, b, apiSecret, `mutation($id:ID!){deleteChatEntry(sessionId:"room",id:$id){id}}`, map[string]any{"id": id})
	want("deleted 4 ")
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("SIGINT ends it with %v", err)
	}

	// A reader that goes ends it quietly, with the next line.
	c = startTail(t, b, "-session", "room", "-n", "1", "-json")
	want("added 5 while tail was away")
	_ = c.stdout.Close()
	runCommand(t, b, "", "post", "-session", "room", "nobody reads this").want(t, 0, "", "")
	if err := c.Wait(); err != nil || c.stderr.String() != "" {
		t.Errorf("a closed pipe ends it with %v, %q", err, c.stderr.String())
	}

	// As text, for people, and from a cursor.
	text := runCommand(t, b, "", "tail", "-session", "room", "-n", "3", "-follow=false").want(t, 0, "", "").stdout
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], ": (deleted)") || !strings.Contains(lines[1], "  #5  ") || !strings.HasSuffix(lines[2], ": nobody reads this") {
		t.Errorf("as text: %q", lines)
	}
	all := runCommand(t, b, "", "tail", "-session", "room", "-after", "0", "-follow=false", "-json").want(t, 0, "", "").stdout
	if strings.Count(all, "\n") != 6 {
		t.Errorf("from the beginning: %s", all)
	}
	runCommand(t, b, "", "tail", "-session", "room", "-after", "nonsense", "-follow=false").want(t, 1, "", "CURSOR_MISMATCH")
	runCommand(t, b, "", "tail", "-session", "room", "-after", "nonsense").want(t, 1, "", "CURSOR_MISMATCH")
	runCommand(t, b, "", "tail", "-session", "nowhere").want(t, 5, "", "NOT_FOUND")
	runCommand(t, b, "", "tail").want(t, 2, "", "-session must name a session")
	runCommand(t, b, "", "tail", "-session", "room", "-n", "201").want(t, 2, "", "-n must be 0 to 200")

	// Text can't control the terminal.
	runCommand(t, b, "", "post", "-session", "room", "-as", "\x1b[31mred", "bell\a and \u202eback, \u061c\u200e\u200f").want(t, 0, "", "")
	if got := runCommand(t, b, "", "tail", "-session", "room", "-n", "1", "-follow=false").stdout; !strings.Contains(got, "<U+001B>[31mred: bell<U+0007> and <U+202E>back, <U+061C><U+200E><U+200F>\n") {
		t.Errorf("a text with control characters: %q", got)
	}
}

// TestPost: an entry of the arguments, of the standard input, and of each of its lines, as the server, a bot or a user; a key adds
// once.
func TestPost(t *testing.T) {
	b := startForCommands(t, "")
	do(t, b, apiSecret, `mutation{createSession(id:"room"){id}}`, nil)
	first := runCommand(t, b, "", "post", "-session", "room", "-key", "k", "hello").want(t, 0, "", "").stdout
	if again := runCommand(t, b, "", "post", "-session", "room", "-key", "k", "hello").want(t, 0, "", "").stdout; again != first {
		t.Errorf("the same key gives %q, and gave %q", again, first)
	}
	runCommand(t, b, "two\nlines\n", "post", "-session", "room", "-as", "bot", "-data", `{"card":1}`, "-reply-to", strings.TrimSpace(first)).want(t, 0, "", "")
	out := runCommand(t, b, "a\n\nb\r\n  \nc", "post", "-session", "room", "-lines", "-user", "ann", "-json").want(t, 0, "", "").stdout
	var bodies []string
	for line := range strings.Lines(out) {
		var e struct {
			Body, UserID string
			Seq          int
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.UserID != "ann" {
			t.Errorf("%s: %v", line, err)
		}
		bodies = append(bodies, fmt.Sprint(e.Seq, e.Body))
	}
	if got := strings.Join(bodies, " "); got != "3a 4b 5c" {
		t.Errorf("the lines are %q", got)
	}
	second := do(t, b, apiSecret, `{chatEntries(sessionId:"room",first:2){nodes{body data replyTo{body} connection{data}}}}`, nil)
	got, err := json.Marshal(second["chatEntries"].(map[string]any)["nodes"].([]any)[1])
	if want := `{"body":"two\nlines","connection":{"data":"bot"},"data":"{\"card\":1}","replyTo":{"body":"hello"}}`; err != nil || string(got) != want {
		t.Errorf("the second entry is %s", got)
	}
	runCommand(t, b, "", "post", "-session", "nowhere", "x").want(t, 5, "", "NOT_FOUND")
	runCommand(t, b, "", "post", "-session", "room", " ").want(t, 1, "", "BAD_USER_INPUT")
	runCommand(t, b, "fine\n"+strings.Repeat("x", 20000)+"\n", "post", "-session", "room", "-lines").want(t, 1, "", "read the standard input")
	runCommand(t, b, "", "post", "-session", "room", "two", "words").want(t, 2, "", "put the text in quotation marks")
	runCommand(t, b, "", "post", "-session", "room", "-as", "a", "-user", "b", "x").want(t, 2, "", "-as and -user exclude each other")
	runCommand(t, b, "", "post", "-session", "room", "-lines", "x").want(t, 2, "", "-lines reads the standard input")

	// Without a server an entry is tried again, and added once when the server is there.
	b.KillT(t)
	waiting := prepare(b, "", "post", "-session", "room", "patient")
	var stdout, stderr bytes.Buffer
	waiting.Stdout, waiting.Stderr = &stdout, &stderr
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	b.BeginT(t)
	if err := waiting.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr.String())
	}
	if log := runCommand(t, b, "", "tail", "-session", "room", "-after", "0", "-follow=false").stdout; strings.Count(log, "patient") != 1 {
		t.Errorf("the log is %s", log)
	}
}

// reading is a command that reads a pipe.
type reading struct {
	*exec.Cmd
	in             io.WriteCloser
	stdout, stderr *lockedBuffer
}

func startReading(t *testing.T, b *program.Server, args ...string) *reading {
	t.Helper()
	c := &reading{Cmd: prepare(b, "", args...), stdout: new(lockedBuffer), stderr: new(lockedBuffer)}
	c.Stdin, c.Stdout, c.Stderr = nil, c.stdout, c.stderr
	var err error
	if c.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() }) // fails for one that has ended
	return c
}

func (c *reading) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c.in, text); err != nil {
		t.Fatal(err)
	}
}

// interrupt sends SIGINT, and returns how the command ended. Its standard input stays open.
func (c *reading) interrupt(t *testing.T) ran {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Wait() }() // its code tells
	await.Closed(t, "the command has ended", ended)
	return ran{c.ProcessState.ExitCode(), c.stdout.String(), c.stderr.String()}
}

// TestInterruptedWhileReading: a command ends at SIGINT while its standard input is silent, and says what it had read and not added.
func TestInterruptedWhileReading(t *testing.T) {
	b := startForCommands(t, "")
	do(t, b, apiSecret, `mutation{createSession(id:"room"){id}}`, nil)
	for _, c := range []struct{ text, says string }{
		{"one\n", ""},
		{"one\nhalf a li", "chattok: interrupted: line 2 was read and not added, and none after it was\n"},
	} {
		lines := startReading(t, b, "post", "-session", "room", "-lines")
		lines.write(t, c.text) // one read brings all of it
		await.True(t, "the first line is added", func() bool { return strings.Count(lines.stdout.String(), "\n") == 1 })
		if got := lines.interrupt(t); got.code != 130 || got.stderr != c.says {
			t.Errorf("after %q it ends with %d and says %q", c.text, got.code, got.stderr)
		}
	}
	if log := runCommand(t, b, "", "tail", "-session", "room", "-n", "9", "-follow=false").stdout; strings.Count(log, ": one\n") != 2 || strings.Count(log, "\n") != 2 {
		t.Errorf("the log is %s", log)
	}

	// A line whose request is not answered.
	asked := make(chan struct{}, 1)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer silent.Close()
	lines := startReading(t, b, "post", "-session", "room", "-lines", "-url", silent.URL)
	lines.write(t, "\none\ntwo\n")
	await.Value(t, "the request", asked)
	if got := lines.interrupt(t); got.code != 130 || got.stderr != "chattok: interrupted: line 2 was being sent and may have been added; none after it was\n" {
		t.Errorf("while a line is sent it ends with %d and says %q", got.code, got.stderr)
	}

	// The text of one entry: the address makes the command say something before it reads.
	text := startReading(t, b, "post", "-session", "room", "-url", "http://chat.invalid")
	await.True(t, "it has begun", func() bool { return strings.Contains(text.stderr.String(), "without encryption") })
	if got := text.interrupt(t); got.code != 130 || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("before the text it ends with %d and says %q", got.code, got.stderr)
	}

	// An import: a pipe holds 64 KiB, so the rest has been read.
	file := startReading(t, b, "import", "-database", filepath.Join(t.TempDir(), "new.db"), "-")
	file.write(t, "{\"type\":\"chattok\",\"format\":1}\n"+strings.Repeat(" ", 128<<10))
	if got := file.interrupt(t); got.code != 130 || got.stdout != "" || got.stderr != "" {
		t.Errorf("an import ends with %d and says %q", got.code, got.stderr)
	}
}

// TestWhoAndKick: who lists connections, and kick ends them; a ban keeps their user out.
func TestWhoAndKick(t *testing.T) {
	b := startForCommands(t, "")
	do(t, b, apiSecret, `mutation{createSession(id:"room"){id}}`, nil)
	join := func(user string) (id, token string) {
		t.Helper()
		data := do(t, b, apiSecret, `mutation($u:ID!){createToken(sessionId:"room",userId:$u,data:"the\tdata"){token}}`, map[string]any{"u": user})
		var joined struct {
			Connect struct {
				AccessToken string
				Connection  struct{ ID string }
			}
		}
		raw := data["createToken"].(map[string]any)["token"]
		if err := post(t.Context(), b.Addr, `mutation($t:String){connect(token:$t){accessToken connection{id}}}`, map[string]any{"t": raw}, &joined); err != nil {
			t.Fatal(err)
		}
		return joined.Connect.Connection.ID, joined.Connect.AccessToken
	}
	ann, annToken := join("ann")
	bob, _ := join("bob")
	wsclient.OpenT(t, b.URL()+"/graphql", annToken)
	await.True(t, "ann has a socket", func() bool {
		return strings.Contains(runCommand(t, b, "", "who", "-session", "room", "-json").want(t, 0, "", "").stdout, `"hasSocket":true`)
	})
	text := runCommand(t, b, "", "who", "-session", "room").want(t, 0, "CONNECTION", "").stdout
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 3 || strings.Join(strings.Fields(lines[1])[:2], " ") != ann+" PUBLISHER" || !strings.HasSuffix(lines[1], "yes     ann   the data") || !strings.HasSuffix(lines[2], "no      bob   the data") {
		t.Errorf("who prints %q", lines)
	}
	var one shownOfWho
	found := runCommand(t, b, "", "who", "-session", "room", "-json", "-search", bob).want(t, 0, "", "").stdout
	if err := json.Unmarshal([]byte(found), &one); err != nil || one != (shownOfWho{ID: bob, UserID: "bob", Role: "PUBLISHER", Data: "the\tdata"}) {
		t.Errorf("who finds %s, %v", found, err)
	}

	runCommand(t, b, "", "kick", "-session", "room", bob, "-json").want(t, 0, `{"id":"`+bob+`","userId":"bob",`, "")
	runCommand(t, b, "", "kick", "-session", "room", bob).want(t, 5, "", "connection "+bob+": ")
	runCommand(t, b, "", "kick", "-session", "room", "-ban", "1h", ann).want(t, 0, ann+" banned until ", "")
	data := do(t, b, apiSecret, `mutation{createToken(sessionId:"room",userId:"ann"){token}}`, nil)
	raw := data["createToken"].(map[string]any)["token"]
	if err := post(t.Context(), b.Addr, `mutation($t:String){connect(token:$t){accessToken}}`, map[string]any{"t": raw}, new(any)); err == nil || !strings.Contains(err.Error(), "BANNED") {
		t.Errorf("the banned user connects: %v", err)
	}
	if left := runCommand(t, b, "", "who", "-session", "room", "-json").want(t, 0, "", "").stdout; left != "" {
		t.Errorf("left are %s", left)
	}
	cat, _ := join("cat")
	dan, _ := join("dan")
	three := runCommand(t, b, "", "kick", "-session", "room", "nobody", cat, bob, dan).want(t, 5, cat+"\n"+dan+"\n", "chattok: connection nobody: ")
	if !strings.Contains(three.stderr, "chattok: connection "+bob+": ") || strings.Count(three.stderr, "\n") != 2 {
		t.Errorf("kick says %q", three.stderr)
	}
	runCommand(t, b, "", "kick", "-session", "room", "-ban", "1h", "nobody", cat).want(t, 5, cat+" banned until ", "chattok: connection nobody: ")
	runCommand(t, b, "", "kick", "-session", "room").want(t, 2, "", "name the connections to end")
	runCommand(t, b, "", "kick", "-session", "room", "-ban", "366d", "x").want(t, 2, "", "-ban must be 1s to 365d")
	runCommand(t, b, "", "who", "-session", "nowhere").want(t, 5, "", "NOT_FOUND")
}

// shownOfWho is a line of who -json.
type shownOfWho struct {
	ID, UserID, Role, Data string
	HasSocket              bool
}

// TestUnreachable: a command says after a while that there is no server, with a code of its own; one that may not be repeated at once.
func TestUnreachable(t *testing.T) {
	b := program.NewT(t, program.Config{})
	runCommand(t, b, "", "kick", "-session", "room", "x").want(t, 3, "", "the server does not answer: ")
	runCommand(t, b, "", "kick", "-session", "room", "x", "y", "z").want(t, 3, "", "chattok: not tried: y z\n")
	c := prepare(b, "", "who", "-session", "room")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()                                                      // its code tells
	if code := c.ProcessState.ExitCode(); code != 130 && code != -1 { // -1 where the signal came before the program heeds it
		t.Errorf("SIGTERM ends it with %d", code)
	}
}

// TestSessions: sessions lists those that a server has, a page after the other, the newest first.
func TestSessions(t *testing.T) {
	b := startForCommands(t, "")
	for i := range 60 { // more than a page
		do(t, b, apiSecret, fmt.Sprintf(`mutation{createSession(id:"room%02d"){id}}`, i), nil)
	}
	do(t, b, apiSecret, `mutation{addChatEntry(sessionId:"room03",body:"x",as:{userId:"ann"}){id}}`, nil)
	type line struct {
		ID                          string
		EntryCount, ConnectionCount *int
		LastEntryAt                 *string
	}
	read := func(args ...string) (lines []line) {
		t.Helper()
		out := runCommand(t, b, "", append([]string{"sessions", "-json"}, args...)...).want(t, 0, "", "").stdout
		for text := range strings.Lines(out) {
			var one line
			if err := json.Unmarshal([]byte(text), &one); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, one)
		}
		return lines
	}
	ids := map[string]bool{}
	for _, one := range read("-order", "created") {
		ids[one.ID] = true
	}
	if len(ids) != 61 {
		t.Errorf("%d sessions", len(ids))
	}
	await.True(t, "the session with an entry comes first", func() bool {
		first := read("-n", "1")
		return len(first) == 1 && first[0].ID == "room03" && *first[0].EntryCount == 1 && *first[0].ConnectionCount == 0 && first[0].LastEntryAt != nil
	})
	if found := read("-prefix", "room5"); len(found) != 10 {
		t.Errorf("with the prefix are %v", found)
	}
	if found := read("-user", "ann"); len(found) != 1 || found[0].ID != "room03" {
		t.Errorf("of ann are %v", found)
	}
	if found := read("-n", "55"); len(found) != 55 {
		t.Errorf("%d of 55", len(found))
	}
	text := runCommand(t, b, "", "sessions", "-n", "1").want(t, 0, "SESSION", "").stdout
	if fields := strings.Fields(strings.Split(text, "\n")[1]); fields[0] != "room03" || fields[1] != "1" {
		t.Errorf("as text: %s", text)
	}
	runCommand(t, b, "", "sessions", "-order", "size").want(t, 2, "", "-order must be last-entry or created")
	runCommand(t, b, "", "sessions", "-n", "-1").want(t, 2, "", "-n must be 0 or more")
}
