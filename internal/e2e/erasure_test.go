//go:build unix

package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"chattok/internal/await"
	"chattok/internal/need"
	"chattok/internal/pgtest"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

// The load of TestEraseUser: entries of the user. CHATTOK_ERASURE_ENTRIES sets another number, 10000 for what the documents claim. There
// is a session for 33 of them.
const (
	erasureEntries    = 1000
	erasurePerSession = 33
)

// erasureMark is in everything that the erased user has stored, and in nothing else.
const erasureMark = "qqerased"

// erasing is a user in many sessions of one or several servers.
type erasing struct {
	t        *testing.T
	servers  []*program.Server
	database string
	postgres *pgtest.Server // nil for SQLite
	sessions []string
	entries  int
	posted   atomic.Int64 // entries of others
}

// TestEraseUser erases a user on the real program while others read and write, kills the program in the middle, and looks for anything
// of the user: in the files, in every text of every table, in a new backup, in what subscribers get, and in an older backup that is put
// back.
func TestEraseUser(t *testing.T) {
	need.Time(t, "it kills the program while a user is erased")
	t.Run("SQLite", func(t *testing.T) {
		database := filepath.Join(t.TempDir(), "chattok.db")
		e := newErasing(t, database, program.StartT(t, program.Config{Database: database, Env: erasureEnv("")}))
		e.run()
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := pgtest.StartT(t, pgtest.Config{})
		database := server.DatabaseT(t)
		file := filepath.Join(t.TempDir(), "erasures")
		a := program.StartT(t, program.Config{Database: database, Env: erasureEnv(file)})
		b := program.StartT(t, program.Config{Database: database, Env: erasureEnv(file + "-b")})
		e := newErasing(t, database, a, b)
		e.postgres = server
		e.run()
	})
}

func erasureEnv(file string) []string {
	return append([]string{"CHATTOK_API_SECRET=" + crashSecret, "CHATTOK_ERASURES=" + file}, program.HighRates...)
}

func newErasing(t *testing.T, database string, servers ...*program.Server) *erasing {
	t.Helper()
	e := &erasing{t: t, servers: servers, database: database, entries: erasureEntries}
	if s := os.Getenv("CHATTOK_ERASURE_ENTRIES"); s != "" {
		var err error
		if e.entries, err = strconv.Atoi(s); err != nil {
			t.Fatal("CHATTOK_ERASURE_ENTRIES:", err)
		}
	}
	for n := range max(1, e.entries/erasurePerSession) {
		e.sessions = append(e.sessions, fmt.Sprint("room-", n))
	}
	return e
}

// do runs an operation as the holder of the API secret, on one of the servers.
func (e *erasing) do(n int, query string, variables map[string]any, data any) error {
	return postAs(e.t.Context(), e.servers[n%len(e.servers)].Addr, crashSecret, query, variables, data)
}

func (e *erasing) must(n int, query string, variables map[string]any, data any) {
	e.t.Helper()
	if err := e.do(n, query, variables, data); err != nil {
		e.t.Fatalf("%s: %v", query, err)
	}
}

func (e *erasing) run() {
	t := e.t
	e.fill()
	older := e.backUp("older")
	if !e.has(older) {
		t.Fatal("the older backup has nothing of the user")
	}

	busy, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for n := range 4 {
		others.Go(func() { e.write(busy, n) })
		others.Go(func() { e.follow(busy, n) })
	}
	began := time.Now()
	var made struct{ EraseUser struct{ ID string } }
	e.must(0, `mutation($u:ID!){eraseUser(userId:$u){id}}`, map[string]any{"u": erasureMark + "-user"}, &made)
	id := made.EraseUser.ID
	await.True(t, "some is erased", func() bool { _, entries := e.erasure(0, id); return entries > 0 })
	state, entries := e.erasure(0, id)
	e.servers[0].KillT(t)
	t.Logf("killed after %d entries (%s)", entries, state)
	if state != "ERASING" && e.entries > erasureEntries { // a small one may be done before the kill
		t.Errorf("the erasure was %s before the program was killed", state)
	}
	e.servers[0].BeginT(t)
	await.Within(t, 10*time.Minute, "it is done", func() bool { state, entries = e.erasure(0, id); return state == "DONE" })
	t.Logf("%d entries in %d sessions were erased in %v, while %d were added", entries, len(e.sessions), time.Since(began).Round(time.Millisecond), e.posted.Load())
	if entries != int64(e.entries) {
		t.Errorf("%d entries were erased, want %d", entries, e.entries)
	}
	if !strings.HasPrefix(e.database, "postgres") {
		for _, name := range []string{e.database, e.database + "-wal"} {
			e.wantClean(name)
		}
		e.wantClean(e.vacuumInto("newer"))
	}
	if e.has(e.database) {
		t.Error("a query still finds something of the user")
	}
	stop()
	others.Wait()
	e.replay()

	for _, s := range e.servers {
		s.StopT(t)
	}
	e.putBack(older)
	e.servers[0].LaunchT(t)
	e.firstAnswers()
	await.True(t, "the server is ready", func() bool { return e.servers[0].Ready(t.Context()) })
	e.servers = e.servers[:1]
	e.replay()
	await.Within(t, time.Minute, "nothing is left in the older backup", func() bool { return !e.has(e.database) })
	e.servers[0].StopT(t)
}

// fill stores what the user has: in each session a connection with data, entries with keys, and reactions to entries of others.
func (e *erasing) fill() {
	e.t.Helper()
	var work sync.WaitGroup
	for worker := range 4 {
		work.Go(func() {
			for n := worker; n < len(e.sessions); n += 4 {
				if err := e.fillSession(n); err != nil {
					e.t.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	if e.t.Failed() {
		e.t.FailNow()
	}
}

func (e *erasing) fillSession(n int) error {
	id := e.sessions[n]
	var token struct{ CreateToken struct{ Token string } }
	if err := e.do(n, `mutation($s:ID!){createSession(id:$s){id}}`, map[string]any{"s": id}, new(any)); err != nil {
		return err
	}
	const mint = `mutation($s:ID!,$u:ID!){createToken(sessionId:$s,userId:$u){token}}`
	if err := e.do(n, mint, map[string]any{"s": id, "u": erasureMark + "-user"}, &token); err != nil {
		return err
	}
	addr := e.servers[n%len(e.servers)].Addr
	var me struct{ Connect struct{ AccessToken string } }
	const enter = `mutation($t:String!,$d:String!){connect(token:$t,data:$d){accessToken}}`
	if err := post(e.t.Context(), addr, enter, map[string]any{"t": token.CreateToken.Token, "d": erasureMark + " data"}, &me); err != nil {
		return err
	}
	first, last := e.share(n)
	for k := first; k < last; k++ {
		const add = `mutation($b:String!,$k:ID!){addChatEntry(body:$b,idempotencyKey:$k,data:"` + erasureMark + `"){id}}`
		size := 1 + k%40
		if k%50 == 0 {
			size = 900 // with pages of its own
		}
		variables := map[string]any{"b": strings.Repeat(erasureMark+" ", size), "k": fmt.Sprint(erasureMark, k)}
		if err := postAs(e.t.Context(), addr, me.Connect.AccessToken, add, variables, new(any)); err != nil {
			return err
		}
		var other struct{ AddChatEntry struct{ ID string } }
		if err := e.do(n, `mutation($s:ID!){addChatEntry(sessionId:$s,body:"of somebody else"){id}}`, map[string]any{"s": id}, &other); err != nil {
			return err
		}
		if k%7 == 0 {
			const react = `mutation($e:ID!,$k:ID!){reactToChatEntry(id:$e,name:"+",idempotencyKey:$k){id}}`
			variables := map[string]any{"e": other.AddChatEntry.ID, "k": fmt.Sprint(erasureMark, "r", k)}
			if err := postAs(e.t.Context(), addr, me.Connect.AccessToken, react, variables, new(any)); err != nil {
				return err
			}
		}
	}
	return nil
}

// share returns which of the user's entries are in a session.
func (e *erasing) share(n int) (first, last int) {
	return e.entries * n / len(e.sessions), e.entries * (n + 1) / len(e.sessions)
}

// write adds entries of somebody else until ctx is done. While a server is down it tries the next.
func (e *erasing) write(ctx context.Context, n int) {
	for k := n; ctx.Err() == nil; k++ {
		const add = `mutation($s:ID!){addChatEntry(sessionId:$s,body:"more of somebody else",as:{name:"Bot"}){id}}`
		if e.do(k, add, map[string]any{"s": e.sessions[k%len(e.sessions)]}, new(any)) == nil {
			e.posted.Add(1)
		}
		pause(ctx, 5*time.Millisecond)
	}
}

// follow reads logs from the beginning, one after the other, until ctx is done.
func (e *erasing) follow(ctx context.Context, n int) {
	for k := n; ctx.Err() == nil; k += 4 {
		reading, cancel := context.WithTimeout(ctx, 2*time.Second)
		c, err := wsclient.Open(reading, e.servers[k%len(e.servers)].URL()+"/graphql", crashSecret)
		if err == nil {
			err = c.Subscribe(reading, "l", erasedLog, map[string]any{"s": e.sessions[k%len(e.sessions)]})
			for err == nil {
				_, _, err = c.Read(reading)
			}
			_ = c.CloseNow()
		}
		cancel()
		pause(ctx, 10*time.Millisecond)
	}
}

const erasedLog = `subscription($s:ID!){logEvents(after:"0",sessionId:$s){__typename
	...on EntryAdded{entry{seq body data userId idempotencyKey deletedAt connection{id userId data} reactions{name count}}}
	...on EntryChanged{entry{seq body data userId idempotencyKey deletedAt connection{id userId data} reactions{name count}}}}}`

// replay checks that a subscriber who begins now gets every entry of every session, and nothing of the user.
func (e *erasing) replay() {
	e.t.Helper()
	for n, id := range e.sessions {
		var size struct{ Session struct{ EntryCount int } }
		e.must(n, `query($s:ID!){session(sessionId:$s){entryCount}}`, map[string]any{"s": id}, &size)
		c := wsclient.OpenT(e.t, e.servers[n%len(e.servers)].URL()+"/graphql", crashSecret)
		c.SubscribeT(e.t, "l", erasedLog, map[string]any{"s": id})
		ctx, cancel := context.WithTimeout(e.t.Context(), 30*time.Second)
		for seq := 0; seq < size.Session.EntryCount; {
			_, raw, err := c.Read(ctx)
			if err != nil {
				e.t.Fatalf("session %s after entry %d of %d: %v", id, seq, size.Session.EntryCount, err)
			}
			if bytes.Contains(raw, []byte(erasureMark)) {
				e.t.Fatalf("session %s still shows %s", id, raw)
			}
			var m struct {
				Payload struct {
					Data struct {
						LogEvents struct {
							Typename string `json:"__typename"`
							Entry    struct{ Seq int }
						}
					}
				}
			}
			_ = json.Unmarshal(raw, &m)
			if m.Payload.Data.LogEvents.Typename == "EntryAdded" {
				if seq++; m.Payload.Data.LogEvents.Entry.Seq != seq {
					e.t.Fatalf("session %s: entry %d in the place of %d", id, m.Payload.Data.LogEvents.Entry.Seq, seq)
				}
			}
		}
		cancel()
		_ = c.CloseNow()
	}
}

// firstAnswers asks a server that is starting until it answers, and checks that the first answer has nothing of the user.
func (e *erasing) firstAnswers() {
	e.t.Helper()
	const query = `query($s:ID!){chatEntries(sessionId:$s,first:100){nodes{seq body userId data connection{id userId data}}}}`
	var answer json.RawMessage
	await.Within(e.t, time.Minute, "the first answer", func() bool {
		return e.do(0, query, map[string]any{"s": e.sessions[len(e.sessions)-1]}, &answer) == nil
	})
	if bytes.Contains(answer, []byte(erasureMark)) || !bytes.Contains(answer, []byte("of somebody else")) {
		e.t.Errorf("the first answer is %.500s", answer)
	}
}

// erasure returns how far an erasure is, by the first server that answers.
func (e *erasing) erasure(n int, id string) (state string, entries int64) {
	var got struct {
		Erasure struct {
			State   string
			Entries int64
		}
	}
	for k := range e.servers {
		if e.do(n+k, `query($i:ID!){erasure(id:$i){state entries}}`, map[string]any{"i": id}, &got) == nil {
			return got.Erasure.State, got.Erasure.Entries
		}
	}
	return "", 0
}

// open opens the database beside the servers.
func (e *erasing) open(database string) *sql.DB {
	e.t.Helper()
	driver, name := "sqlite", "file:"+database+"?mode=ro"
	if strings.HasPrefix(database, "postgres") {
		driver, name = "pgx", database
	}
	raw, err := sql.Open(driver, name)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = raw.Close() })
	return raw
}

// has says whether any text of any table has something of the user.
func (e *erasing) has(database string) bool {
	e.t.Helper()
	columns := "SELECT m.name, p.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p WHERE m.type = 'table'"
	if strings.HasPrefix(database, "postgres") {
		columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
	}
	raw := e.open(database)
	defer raw.Close()
	rows, err := raw.QueryContext(e.t.Context(), columns)
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	var queries []string
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			e.t.Fatal(err)
		}
		queries = append(queries, fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE CAST(%s AS TEXT) LIKE '%%%s%%')", table, column, erasureMark))
	}
	if len(queries) < 50 {
		e.t.Fatalf("the database has %d columns: %v", len(queries), rows.Err())
	}
	for _, query := range queries {
		var found bool
		if err := raw.QueryRowContext(e.t.Context(), query).Scan(&found); err != nil {
			e.t.Fatal(err)
		}
		if found {
			return true
		}
	}
	return false
}

// wantClean checks that a file has nothing of the user, as strings finds it.
func (e *erasing) wantClean(name string) {
	e.t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		e.t.Fatal(err)
	}
	if n := bytes.Count(content, []byte(erasureMark)); n > 0 {
		e.t.Errorf("%s has %d texts of the user", filepath.Base(name), n)
	}
	if path, err := exec.LookPath("strings"); err == nil {
		out, err := exec.CommandContext(e.t.Context(), path, "-a", name).Output()
		if err != nil || bytes.Contains(out, []byte(erasureMark)) {
			e.t.Errorf("strings finds something in %s: %v", filepath.Base(name), err)
		}
	}
}

// vacuumInto makes a backup of a SQLite database while it is served.
func (e *erasing) vacuumInto(name string) (path string) {
	e.t.Helper()
	path = filepath.Join(e.t.TempDir(), name+".db")
	if _, err := e.open(e.database).ExecContext(e.t.Context(), "VACUUM INTO ?", path); err != nil {
		e.t.Fatal(err)
	}
	return path
}

// backUp makes a copy of the database. PostgreSQL copies one that nobody has open.
func (e *erasing) backUp(name string) (backup string) {
	e.t.Helper()
	if !strings.HasPrefix(e.database, "postgres") {
		return e.vacuumInto(name)
	}
	for _, s := range e.servers {
		s.StopT(e.t)
	}
	backup = e.postgres.DatabaseT(e.t)
	e.copyOver(e.database, backup)
	for _, s := range e.servers {
		s.BeginT(e.t)
	}
	return backup
}

// putBack puts a backup in the place of the database, as an operator does.
func (e *erasing) putBack(backup string) {
	e.t.Helper()
	if strings.HasPrefix(e.database, "postgres") {
		e.copyOver(backup, e.database)
		return
	}
	for _, name := range []string{"-wal", "-shm"} {
		_ = os.Remove(e.database + name)
	}
	if err := os.Rename(backup, e.database); err != nil {
		e.t.Fatal(err)
	}
}

// copyOver replaces a database of PostgreSQL by a copy of another one.
func (e *erasing) copyOver(from, to string) {
	e.t.Helper()
	server := e.postgres
	name := func(url string) string {
		url, _, _ = strings.Cut(url, "?")
		return url[strings.LastIndex(url, "/")+1:]
	}
	if err := server.DropDatabase(e.t.Context(), name(to)); err != nil {
		e.t.Fatal(err)
	}
	if err := server.Exec(e.t.Context(), "postgres", "CREATE DATABASE "+name(to)+" TEMPLATE "+name(from)); err != nil {
		e.t.Fatal(err)
	}
}
