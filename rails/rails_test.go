package rails_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chattok/bus"
	"chattok/db"
	"chattok/graph"
	"chattok/rails"
	"chattok/rates"
	"chattok/session"
	"chattok/token"
)

const secret = "a secret of the tests, 32 bytes at least"

// world holds the routes over a real API and database.
type world struct {
	routes http.Handler
	tokens *token.Tokens
	domain *session.Service
	later  *atomic.Int64 // added to the database's clock, in nanoseconds
}

func newWorld(t *testing.T, open bool, limits *rates.Limits) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	later := new(atomic.Int64)
	store, err := db.Open(t.Context(), db.Config{Path: filepath.Join(t.TempDir(), "rails.db"), Logger: log,
		ClockOffset: func() time.Duration { return time.Duration(later.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := token.New([]byte(secret), nil)
	if err != nil {
		t.Fatal(err)
	}
	domain := session.NewService(session.Config{Store: store, Bus: bus.New(), Log: log, Open: open, EditWindow: 24 * time.Hour})
	config := graph.Config{Service: domain, Tokens: tokens, Log: log}
	if limits != nil {
		config.Rates = rates.New(*limits)
	}
	api := graph.New(config)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- domain.Run(ctx) }()
	<-domain.Started()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &world{rails.New(api), tokens, domain, later}
}

// person is a connection and its Authorization header.
type person struct{ id, authorization string }

// join connects to a session, which it creates if necessary.
func (w *world) join(t *testing.T, sessionID string, role session.Role) person {
	t.Helper()
	if _, err := w.domain.CreateSession(t.Context(), session.Caller{Kind: session.Operator}, &sessionID, session.MediaRelayed, nil); err != nil {
		t.Fatal(err)
	}
	c, _, err := w.domain.Connect(t.Context(), session.ConnectArgs{Grant: &session.SessionGrant{SessionID: sessionID, Role: role, ExpiresAt: time.Now().Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.tokens.MintAccess(session.AccessGrant{SessionID: sessionID, ConnectionID: c.ID, Role: role, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return person{c.ID, "Bearer " + raw}
}

// ask sends a request and returns the status, the body and the headers of its answer.
func (w *world) ask(t *testing.T, method, path, authorization, kind string, body io.Reader) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, body)
	r.Header.Set("Accept-Encoding", "gzip")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	answer := httptest.NewRecorder()
	w.routes.ServeHTTP(answer, r)
	return answer.Code, strings.TrimSpace(answer.Body.String()), answer.Header()
}

const urlencoded = "application/x-www-form-urlencoded; charset=UTF-8"

func (w *world) add(t *testing.T, p person, connectionID, body string) (int, string) {
	t.Helper()
	form := url.Values{"connectionId": {connectionID}, "body": {body}}
	status, answer, _ := w.ask(t, http.MethodPost, "/chat_entries/add", p.authorization, urlencoded, strings.NewReader(form.Encode()))
	return status, answer
}

func (w *world) latest(t *testing.T, p person, connectionID string) (int, string) {
	t.Helper()
	status, answer, _ := w.ask(t, http.MethodGet, "/chat_entries/latest/"+url.PathEscape(connectionID), p.authorization, "", nil)
	return status, answer
}

// record is the JSON form of an entry in the routes' answers.
type record struct {
	ChatEntry *struct {
		ID           string
		Seq          int64
		ConnectionID string `json:"connectionId"`
		Body         string
		CreatedAt    time.Time `json:"created_at"`
		UpdatedAt    time.Time `json:"updated_at"`
	} `json:"chat_entry"`
}

func parse(t *testing.T, answer string) record {
	t.Helper()
	var r record
	if err := json.Unmarshal([]byte(answer), &r); err != nil || r.ChatEntry == nil {
		t.Fatalf("%s: %v", answer, err)
	}
	return r
}

// TestRoutes checks that latest returns an added entry to every connection of the session, and to no other session.
func TestRoutes(t *testing.T) {
	for _, open := range []bool{true, false} {
		w := newWorld(t, open, nil)
		ann, bob := w.join(t, "room", session.RolePublisher), w.join(t, "room", session.RolePublisher)
		eve := w.join(t, "elsewhere", session.RoleModerator)
		if status, answer := w.latest(t, bob, ann.id); status != 200 || answer != "null" {
			t.Errorf("before the first entry: %d %s", status, answer)
		}
		const text = "50 % of \"us\" & <them>, ĉiuj\n"
		status, answer := w.add(t, ann, ann.id, text)
		added := parse(t, answer)
		if e := added.ChatEntry; status != 200 || e.Body != text || e.ConnectionID != ann.id || e.Seq != 1 || e.ID == "" || e.CreatedAt.IsZero() || e.UpdatedAt != e.CreatedAt {
			t.Errorf("add: %d %s", status, answer)
		}
		if status, latest := w.latest(t, bob, ann.id); status != 200 || latest != answer {
			t.Errorf("latest: %d %s, want %s", status, latest, answer)
		}
		if status, answer := w.latest(t, eve, ann.id); status != 200 || answer != "null" {
			t.Errorf("latest in another session: %d %s", status, answer)
		}
	}
}

// TestEdited checks that updated_at says when an entry was edited last.
func TestEdited(t *testing.T) {
	w := newWorld(t, false, nil)
	ann := w.join(t, "room", session.RolePublisher)
	_, answer := w.add(t, ann, ann.id, "as it was added")
	added := parse(t, answer).ChatEntry
	caller, err := w.domain.Member(t.Context(), session.AccessGrant{SessionID: "room", ConnectionID: ann.id, Role: session.RolePublisher})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"as it was edited", "as it was edited again"} {
		w.later.Add(int64(time.Hour))
		edited, err := w.domain.EditChatEntry(t.Context(), caller, session.EditArgs{ID: added.ID, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		status, answer := w.latest(t, ann, ann.id)
		if e := parse(t, answer).ChatEntry; status != 200 || e.Body != body || !e.CreatedAt.Equal(added.CreatedAt) || !e.UpdatedAt.Equal(*edited.EditedAt) || e.UpdatedAt.Equal(e.CreatedAt) {
			t.Errorf("%d %s, want %s, created at %v and updated at %v", status, answer, body, added.CreatedAt, edited.EditedAt)
		}
	}
}

// TestModerated checks that moderators stop those who post by the routes, as they stop all others.
func TestModerated(t *testing.T) {
	w := newWorld(t, false, nil)
	ann := w.join(t, "room", session.RolePublisher)
	moderator, err := w.domain.In(t.Context(), session.Caller{Kind: session.Operator}, new("room"))
	if err != nil {
		t.Fatal(err)
	}
	set := func(a session.SessionArgs) {
		t.Helper()
		if _, err := w.domain.UpdateSession(t.Context(), moderator, a); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what string, wantStatus int, code string, waits bool) {
		t.Helper()
		form := url.Values{"connectionId": {ann.id}, "body": {"x"}}.Encode()
		status, answer, header := w.ask(t, http.MethodPost, "/chat_entries/add", ann.authorization, urlencoded, strings.NewReader(form))
		var got struct{ Error struct{ Code string } }
		if err := json.Unmarshal([]byte(answer), &got); err != nil || status != wantStatus || got.Error.Code != code || (header.Get("Retry-After") != "") != waits {
			t.Errorf("%s: %d %s %v, want %d %s", what, status, answer, header, wantStatus, code)
		}
	}
	set(session.SessionArgs{ReadOnly: new(true)})
	refused("a session for reading only", 403, "FORBIDDEN", false)
	set(session.SessionArgs{ReadOnly: new(false), SlowMode: new(int64(60))})
	if status, answer := w.add(t, ann, ann.id, "the one of this minute"); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	refused("slow mode", 429, "RATE_LIMITED", true)
	set(session.SessionArgs{SlowMode: new(int64(0))})
	if _, err := w.domain.BanConnection(t.Context(), moderator, session.BanArgs{ConnectionID: ann.id, Seconds: 60}); err != nil {
		t.Fatal(err)
	}
	refused("a ban", 401, "UNAUTHENTICATED", false)
}

// TestMultipartForm checks that add accepts multipart/form-data, which pages send for a FormData.
func TestMultipartForm(t *testing.T) {
	w := newWorld(t, false, nil)
	ann := w.join(t, "room", session.RolePublisher)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range map[string]string{"connectionId": ann.id, "body": "by FormData"} {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	status, answer, _ := w.ask(t, http.MethodPost, "/chat_entries/add", ann.authorization, form.FormDataContentType(), &body)
	if e := parse(t, answer).ChatEntry; status != 200 || e.Body != "by FormData" {
		t.Errorf("%d %s", status, answer)
	}
}

// TestRefusals checks the status and code of each refusal, and that a refused add stores nothing.
func TestRefusals(t *testing.T) {
	w := newWorld(t, true, nil)
	ann, bob := w.join(t, "room", session.RolePublisher), w.join(t, "room", session.RolePublisher)
	reader := w.join(t, "room", session.RoleSubscriber)
	form := url.Values{"connectionId": {ann.id}, "body": {"x"}}.Encode()
	for name, c := range map[string]struct {
		method, path, authorization, kind, body string
		status                                  int
		code                                    string
	}{
		"without a token, in open mode":        {"POST", "add", "", urlencoded, form, 401, "UNAUTHENTICATED"},
		"latest without a token":               {"GET", "latest/" + ann.id, "", "", "", 401, "UNAUTHENTICATED"},
		"with a token that is none":            {"POST", "add", "Bearer x.y.z", urlencoded, form, 401, "UNAUTHENTICATED"},
		"with another scheme":                  {"GET", "latest/" + ann.id, "Basic eDp5", "", "", 401, "UNAUTHENTICATED"},
		"as another connection":                {"POST", "add", bob.authorization, urlencoded, form, 403, "FORBIDDEN"},
		"as nobody":                            {"POST", "add", bob.authorization, urlencoded, "body=x", 403, "FORBIDDEN"},
		"by a role that may only read":         {"POST", "add", reader.authorization, urlencoded, url.Values{"connectionId": {reader.id}, "body": {"x"}}.Encode(), 403, "FORBIDDEN"},
		"with the API secret":                  {"POST", "add", "Bearer " + secret, urlencoded, form, 403, "FORBIDDEN"},
		"an empty body":                        {"POST", "add", ann.authorization, urlencoded, "connectionId=" + ann.id, 422, "BAD_USER_INPUT"},
		"a body that is too long":              {"POST", "add", ann.authorization, urlencoded, "connectionId=" + ann.id + "&body=" + strings.Repeat("x", 16<<10+1), 422, "BAD_USER_INPUT"},
		"a form that is too long":              {"POST", "add", ann.authorization, urlencoded, "body=" + strings.Repeat("x", 64<<10), 413, "BAD_USER_INPUT"},
		"a form that is none":                  {"POST", "add", ann.authorization, urlencoded, "body=%zz", 400, "BAD_USER_INPUT"},
		"text that is not UTF-8":               {"POST", "add", ann.authorization, urlencoded, "connectionId=" + ann.id + "&body=%FF", 400, "BAD_USER_INPUT"},
		"JSON":                                 {"POST", "add", ann.authorization, "application/json", "{}", 415, "BAD_USER_INPUT"},
		"no type":                              {"POST", "add", ann.authorization, "", form, 415, "BAD_USER_INPUT"},
		"arguments in the address don't count": {"POST", "add?" + form, bob.authorization, urlencoded, "", 403, "FORBIDDEN"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer, header := w.ask(t, c.method, "/chat_entries/"+c.path, c.authorization, c.kind, strings.NewReader(c.body))
			var got struct {
				Error struct{ Code, Message string }
			}
			if err := json.Unmarshal([]byte(answer), &got); err != nil || status != c.status || got.Error.Code != c.code || got.Error.Message == "" {
				t.Errorf("%d %s, want %d %s", status, answer, c.status, c.code)
			}
			if (status == 401) != (header.Get("WWW-Authenticate") == "Bearer") || header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers: %v", header)
			}
		})
	}
	if status, answer := w.latest(t, ann, ann.id); status != 200 || answer != "null" {
		t.Errorf("a refused add left something: %d %s", status, answer)
	}
	for path, want := range map[string]int{"add": 405, "latest": 404, "latest/": 404, "": 404, "latest/a/b": 404} {
		if status, answer, _ := w.ask(t, http.MethodGet, "/chat_entries/"+path, ann.authorization, "", nil); status != want {
			t.Errorf("GET %s: %d %s, want %d", path, status, answer, want)
		}
	}
}

// TestRates checks that posts by the routes count to the API's rates, and that Retry-After is set.
func TestRates(t *testing.T) {
	limits := rates.Limits{AddressTimes: 1}
	limits.Rates[rates.Posts] = rates.Rate{PerSecond: 0.1, Burst: 2}
	w := newWorld(t, false, &limits)
	ann := w.join(t, "room", session.RolePublisher)
	for range 2 {
		if status, answer := w.add(t, ann, ann.id, "x"); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	form := url.Values{"connectionId": {ann.id}, "body": {"x"}}.Encode()
	status, answer, header := w.ask(t, http.MethodPost, "/chat_entries/add", ann.authorization, urlencoded, strings.NewReader(form))
	if status != 429 || header.Get("Retry-After") == "" || !strings.Contains(answer, "RATE_LIMITED") {
		t.Errorf("%d %s %v", status, answer, header)
	}
}
