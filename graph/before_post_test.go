package graph_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chattok/beforepost"
	"chattok/internal/await"
	"chattok/internal/webhooksign"
	"chattok/session"
)

// questionPost is a post as the backend is asked about it.
type questionPost struct {
	ID, Type, ConnectionID, Role, Body             string
	UserID, ConnectionData, EntryID, ReplyTo, Data *string
}

// backend answers questions before posts: it refuses what has "refuse" in it with the rest as the message, replaces what has
// "replace" in it, and allows everything else. answer, if set, answers instead.
type backend struct {
	mu     sync.Mutex
	asked  []questionPost
	answer http.HandlerFunc
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	answer := b.answer
	b.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	var q struct{ Posts []questionPost }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.asked = append(b.asked, q.Posts...)
	b.mu.Unlock()
	verdicts := make([]map[string]string, len(q.Posts))
	for i, p := range q.Posts {
		verdicts[i] = map[string]string{"id": p.ID, "action": "allow"}
		if rest, ok := strings.CutPrefix(p.Body, "refuse "); ok {
			verdicts[i]["action"], verdicts[i]["message"] = "refuse", rest
		}
		if strings.Contains(p.Body, "replace") {
			verdicts[i]["action"], verdicts[i]["body"] = "replace", strings.ReplaceAll(p.Body, "replace", "[gone]")
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"verdicts": verdicts})
}

// questions returns what was asked about since the last call.
func (b *backend) questions() []questionPost {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.asked
	b.asked = nil
	return asked
}

func (b *backend) answers(answer http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// newReviewedWorld starts a world that asks a backend over HTTP.
func newReviewedWorld(t *testing.T, o options) (*world, *backend) {
	t.Helper()
	b := &backend{}
	served := httptest.NewServer(b)
	t.Cleanup(served.Close)
	hook, err := beforepost.New(beforepost.Config{URL: served.URL, Secrets: webhooksign.Secrets{webhooksign.NewSecret()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hook.Close)
	o.domain.Reviewer = hook
	return newWorld(t, o), b
}

// outcome is an entry's body, or the first error's code, reason and message.
func outcome(data json.RawMessage, failures []failure) string {
	if len(failures) > 0 {
		return codeOf(failures) + ": " + failures[0].Message
	}
	var answer struct{ Entry struct{ Body string } }
	if err := json.Unmarshal(data, &answer); err != nil {
		return err.Error()
	}
	return answer.Entry.Body
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	keyedAdd     = `mutation($c:ID!,$b:String!,$k:ID,$r:ID,$d:String){entry:addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k,replyTo:$r,data:$d){id body seq}}`
	slowAdd      = `mutation($c:ID!,$b:String!,$k:ID){entry:addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){id body seq connection{id}}}`
	nameMe       = `mutation($d:String){setData(data:$d){data}}`
	connectNamed = `mutation($t:String,$s:ID,$d:String){connect(token:$t,sessionId:$s,data:$d){accessToken connection{id data}}}`
)

// The backend is asked about entries, edits, reactions and names, with their posters, and its verdicts are what happens.
func TestBeforePost(t *testing.T) {
	w, b := newReviewedWorld(t, options{})
	ann, moderator := w.asUser(t, "room", "ann", session.RolePublisher), w.join(t, "room", session.RoleModerator)
	if asked := b.questions(); len(asked) != 0 {
		t.Errorf("people without a name are asked about: %+v", asked)
	}
	w.mustDo(t, ann.token, nameMe, map[string]any{"d": "Ann"})
	add := func(p person, variables map[string]any) string {
		variables["c"] = p.id
		return outcome(w.do(t, p.token, keyedAdd, variables))
	}
	if got := add(ann, map[string]any{"b": "hi", "d": "{}"}); got != "hi" {
		t.Errorf("allowed: %s", got)
	}
	first := w.entryOf(t, ann, `{entry:latestChatEntry(connectionId:"`+ann.id+`")`+changedFields+`}`, nil)
	if got := add(moderator, map[string]any{"b": "refuse not\nhere", "r": first.ID}); got != "FORBIDDEN REFUSED: not here" {
		t.Errorf("refused: %s", got)
	}
	if got := add(ann, map[string]any{"b": "so replace this"}); got != "so [gone] this" {
		t.Errorf("replaced: %s", got)
	}
	for verdict, want := range map[string]string{"x": "x", "replace": "[gone]", "refuse no": "FORBIDDEN REFUSED: no"} {
		if got := outcome(w.do(t, ann.token, editEntry, map[string]any{"i": first.ID, "b": verdict})); got != want {
			t.Errorf("edit: %s, want %s", got, want)
		}
	}
	b.questions()
	for name, want := range map[string]string{"+1": "ok", "refuse ha": "FORBIDDEN REFUSED", "replace": "UNAVAILABLE NOT_REVIEWED"} {
		if got := w.code(t, ann.token, react, map[string]any{"i": first.ID, "n": name}); got != want {
			t.Errorf("reaction %s: %s, want %s", name, got, want)
		}
	}
	asked := b.questions()
	slices.SortFunc(asked, func(a, b questionPost) int { return strings.Compare(a.Body, b.Body) })
	for i, p := range asked {
		if p.Type != "reaction" || p.EntryID == nil || *p.EntryID != first.ID || p.ConnectionID != ann.id || p.Body != []string{"+1", "refuse ha", "replace"}[i] {
			t.Errorf("asked about a reaction: %+v", p)
		}
	}
	if got := w.code(t, ann.token, react, map[string]any{"i": first.ID, "n": "+1", "on": false}); got != "ok" || len(b.questions()) != 0 {
		t.Errorf("a reaction that is taken back: %s", got)
	}
	if got := w.code(t, ann.token, `mutation($i:ID!){deleteChatEntry(id:$i){id}}`, map[string]any{"i": first.ID}); got != "ok" || len(b.questions()) != 0 {
		t.Errorf("a deletion: %s", got)
	}
}

// A question says who posts what.
func TestBeforePostQuestion(t *testing.T) {
	w, b := newReviewedWorld(t, options{})
	ann := w.asUser(t, "room", "ann", session.RoleModerator)
	w.mustDo(t, ann.token, nameMe, map[string]any{"d": "Ann"})
	first := w.entryOf(t, ann, reply, map[string]any{"c": ann.id, "b": "one"})
	second := w.entryOf(t, ann, reply, map[string]any{"c": ann.id, "b": "two", "r": first.ID, "d": "card"})
	w.mustDo(t, ann.token, `mutation($i:ID!){editChatEntry(id:$i,body:"three",data:"new"){id}}`, map[string]any{"i": second.ID})
	w.mustDo(t, "", `mutation{addChatEntry(connectionId:"guest",body:"hi"){id}}`, nil)
	ben := w.connect(t, map[string]any{"s": "open", "d": "Ben"})
	text := func(s string) *string { return &s }
	member := questionPost{ID: "1", ConnectionID: ann.id, UserID: text("ann"), Role: "MODERATOR", ConnectionData: text("Ann")}
	of := func(p questionPost, change func(*questionPost)) questionPost { change(&p); return p }
	want := []questionPost{
		of(member, func(p *questionPost) { p.Type, p.Body, p.ConnectionData = "name", "Ann", nil }),
		of(member, func(p *questionPost) { p.Type, p.Body = "entry", "one" }),
		of(member, func(p *questionPost) { p.Type, p.Body, p.Data, p.ReplyTo = "entry", "two", text("card"), &first.ID }),
		of(member, func(p *questionPost) { p.Type, p.Body, p.Data, p.EntryID = "edit", "three", text("new"), &second.ID }),
		{ID: "1", Type: "entry", ConnectionID: "guest", Role: "PUBLISHER", Body: "hi"},
		{ID: "1", Type: "name", ConnectionID: ben.id, Role: "PUBLISHER", Body: "Ben"},
	}
	if got, want := asJSON(t, b.questions()), asJSON(t, want); got != want {
		t.Errorf("asked\n%s, want\n%s", got, want)
	}
}

// Names are reviewed where people choose them, and not where a session token says them.
func TestBeforePostNames(t *testing.T) {
	w, b := newReviewedWorld(t, options{})
	type connected struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID, Data string }
		}
	}
	ben := read[connected](t, w.mustDo(t, "", connectNamed, map[string]any{"s": "open", "d": "replace Ben"})).Connect
	if ben.Connection.Data != "[gone] Ben" {
		t.Errorf("replaced: %s", ben.Connection.Data)
	}
	if got := w.code(t, "", connectNamed, map[string]any{"s": "open", "d": "refuse this"}); got != "FORBIDDEN REFUSED" {
		t.Errorf("refused: %s", got)
	}
	b.questions()
	for data, want := range map[string]string{"Ben": `{"setData":{"data":"Ben"}}`, "replace": `{"setData":{"data":"[gone]"}}`} {
		if got := string(w.mustDo(t, ben.AccessToken, nameMe, map[string]any{"d": data})); got != want {
			t.Errorf("setData: %s, want %s", got, want)
		}
	}
	if got := w.code(t, ben.AccessToken, nameMe, map[string]any{"d": "refuse it"}); got != "FORBIDDEN REFUSED" {
		t.Errorf("setData refused: %s", got)
	}
	if asked := b.questions(); len(asked) != 3 {
		t.Errorf("asked %+v", asked)
	}
	w.mustDo(t, ben.AccessToken, nameMe, map[string]any{"d": "same"})
	b.questions()
	for _, data := range []any{"same", nil} {
		w.mustDo(t, ben.AccessToken, nameMe, map[string]any{"d": data})
	}
	name := "refuse this, if you can"
	w.mustDo(t, testSecret, `mutation{createSession(id:"room"){id}}`, nil)
	raw, err := w.tokens.MintSession(session.SessionGrant{SessionID: "room", Role: session.RolePublisher, Data: &name, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	w.mustDo(t, "", connectNamed, map[string]any{"t": raw, "d": name})
	if asked := b.questions(); len(asked) != 0 {
		t.Errorf("asked about the same name, none, and a token's: %+v", asked)
	}
}

// A retry is answered as stored, without a question, though another body was stored; also by the generated schema's way, from a
// user's other device, and with a key of a change.
func TestBeforePostRetry(t *testing.T) {
	w, b := newReviewedWorld(t, options{})
	phone, desk := w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ann", session.RolePublisher)
	add := func(p person, query, body, key string) string {
		return outcome(w.do(t, p.token, query, map[string]any{"c": p.id, "b": body, "k": key}))
	}
	for _, key := range []string{"replaced", "allowed"} {
		body, stored := "replace me", "[gone] me"
		if key == "allowed" {
			body, stored = "as it is", "as it is"
		}
		if got := add(phone, keyedAdd, body, key); got != stored || len(b.questions()) != 1 {
			t.Errorf("%s: %s", key, got)
		}
		for _, again := range []string{add(phone, keyedAdd, body, key), add(desk, slowAdd, body, key)} {
			if again != stored {
				t.Errorf("a retry of %s: %s", key, again)
			}
		}
		if got := add(phone, keyedAdd, "another", key); got != "BAD_USER_INPUT IDEMPOTENCY_CONFLICT: idempotencyKey was used with another body" {
			t.Errorf("another body: %s", got)
		}
		if asked := b.questions(); len(asked) != 0 {
			t.Errorf("asked about retries: %+v", asked)
		}
	}
	// One that was refused is not stored, so it is asked about again.
	for range 2 {
		if got := add(phone, keyedAdd, "refuse this", "refused"); got != "FORBIDDEN REFUSED: this" || len(b.questions()) != 1 {
			t.Errorf("a retry of a refused one: %s", got)
		}
	}
	if got := add(phone, keyedAdd, "better", "refused"); got != "better" {
		t.Errorf("the key of a refused one: %s", got)
	}
	entry := w.entryOf(t, phone, `{entry:latestChatEntry(connectionId:"`+phone.id+`")`+changedFields+`}`, nil)
	b.questions()
	for range 2 {
		if got := outcome(w.do(t, phone.token, editEntry, map[string]any{"i": entry.ID, "b": "replace it", "k": "e"})); got != "[gone] it" {
			t.Errorf("edit: %s", got)
		}
		if got := w.code(t, phone.token, react, map[string]any{"i": entry.ID, "n": "+1", "k": "r"}); got != "ok" {
			t.Errorf("reaction: %s", got)
		}
	}
	if asked := b.questions(); len(asked) != 2 {
		t.Errorf("asked %+v", asked)
	}
}

// Nobody is asked about what the holder of the API secret does.
func TestBeforePostOfTheSecret(t *testing.T) {
	w, b := newReviewedWorld(t, options{})
	ann := w.join(t, "room", session.RolePublisher)
	entry := w.entryOf(t, ann, reply, map[string]any{"c": ann.id, "b": "hi"})
	b.questions()
	w.mustDo(t, testSecret, `mutation($i:ID!){deleteChatEntry(id:$i,sessionId:"room"){id}}`, map[string]any{"i": entry.ID})
	w.mustDo(t, testSecret, `mutation{updateSession(slowMode:1,sessionId:"room"){id}}`, nil)
	for _, as := range []string{"", `,as:{name:"refuse this bot",data:"refuse this too"}`, `,as:{userId:"ann",data:"refuse Ann"}`} {
		for _, body := range []string{"refuse me", "replace me"} { // what anybody else would not be let say
			data := w.mustDo(t, testSecret, `mutation($b:String!){addChatEntry(sessionId:"room",body:$b`+as+`){id body}}`, map[string]any{"b": body})
			posted := read[struct{ AddChatEntry struct{ ID, Body string } }](t, data).AddChatEntry
			if posted.Body != body {
				t.Errorf("as%s %q is stored as %q", as, body, posted.Body)
			}
			edit := `mutation($i:ID!){editChatEntry(sessionId:"room",id:$i,body:"refuse the edit"` + as + `){body}}`
			if got := string(w.mustDo(t, testSecret, edit, map[string]any{"i": posted.ID})); !strings.Contains(got, `"refuse the edit"`) {
				t.Errorf("as%s the edit is %s", as, got)
			}
			w.mustDo(t, testSecret, `mutation($i:ID!){reactToChatEntry(sessionId:"room",id:$i,name:"refuse +1",on:true`+as+`){id}}`, map[string]any{"i": posted.ID})
		}
	}
	if asked := b.questions(); len(asked) != 0 {
		t.Errorf("asked %+v", asked)
	}
}

// Where the backend gives no verdict, a post is refused or allowed as the setting says.
func TestBeforePostFailures(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // before that, net/http does not notice that the client has gone
		<-r.Context().Done()
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
	}{
		"500":      {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "", 500) }},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }},
		"nonsense": {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "nonsense") }},
		"too few":  {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"verdicts":[]}`) }},
		"too long": {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 1<<20)) }},
		"bad body": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `{"verdicts":[{"id":"1","action":"replace","body":" "}]}`)
		}},
		"hanging":    {hang},
		"hanging up": {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		for _, allow := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", allow), func(t *testing.T) {
				t.Parallel()
				w, b := newReviewedWorld(t, options{domain: session.Config{AllowNotReviewed: allow, ReviewTimeout: 200 * time.Millisecond}})
				ann := w.join(t, "room", session.RolePublisher)
				b.answers(c.answer)
				data, failures := w.do(t, ann.token, keyedAdd, map[string]any{"c": ann.id, "b": "hi", "k": "k"})
				want := "UNAVAILABLE NOT_REVIEWED: this could not be checked before it is stored; try again"
				if allow {
					want = "hi"
				}
				if got := outcome(data, failures); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				b.answers(nil)
				if got := outcome(w.do(t, ann.token, keyedAdd, map[string]any{"c": ann.id, "b": "hi", "k": "k"})); got != "hi" {
					t.Errorf("a retry: %s", got)
				}
			})
		}
	}
}

// A session about which the backend hangs does not delay another, and the end of the server ends its question.
func TestBeforePostHangs(t *testing.T) {
	w, b := newReviewedWorld(t, options{domain: session.Config{ReviewTimeout: time.Hour}})
	ann, ben := w.join(t, "hangs", session.RolePublisher), w.join(t, "goes", session.RolePublisher)
	hanging := make(chan struct{}, 1)
	b.answers(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		b.answers(nil)
		hanging <- struct{}{}
		<-r.Context().Done()
	})
	outcomes := make(chan string, 2)
	post := func(body string) {
		outcomes <- outcome(w.do(t, ann.token, keyedAdd, map[string]any{"c": ann.id, "b": body}))
	}
	go post("asked about")
	<-hanging
	go post("waits")
	await.True(t, "both wait", func() bool { return w.service.Stats().Reviewing == 2 })
	for i := range 3 {
		if got := outcome(w.do(t, ben.token, keyedAdd, map[string]any{"c": ben.id, "b": fmt.Sprint(i)})); got != fmt.Sprint(i) {
			t.Errorf("another session: %s", got)
		}
	}
	if n := w.service.Stats().Reviewing; n != 2 {
		t.Errorf("%d wait", n)
	}
	w.stop()
	for range 2 {
		if got := <-outcomes; got != "UNAVAILABLE: the server is stopping; try again" {
			t.Errorf("at the end: %s", got)
		}
	}
}

// Posts of one session that come in order are stored in order, though the backend is slow and they are many.
func TestBeforePostOrder(t *testing.T) {
	w, b := newReviewedWorld(t, options{})
	ann := w.join(t, "room", session.RolePublisher)
	release := make(chan struct{})
	b.answers(func(rw http.ResponseWriter, r *http.Request) {
		<-release
		b.answers(nil)
		b.ServeHTTP(rw, r)
	})
	const posts = 250
	var wait sync.WaitGroup
	for i := range posts {
		wait.Go(func() {
			if got := outcome(w.do(t, ann.token, keyedAdd, map[string]any{"c": ann.id, "b": fmt.Sprint(i)})); got != fmt.Sprint(i) {
				t.Errorf("%d: %s", i, got)
			}
		})
		await.True(t, "it waits", func() bool { return w.service.Stats().Reviewing == i+1 })
	}
	close(release)
	wait.Wait()
	page := read[struct {
		ChatEntries struct{ Nodes []struct{ Body string } }
	}](t,
		w.mustDo(t, ann.token, `{chatEntries(first:200){nodes{body}}}`, nil))
	for i, e := range page.ChatEntries.Nodes {
		if e.Body != fmt.Sprint(i) {
			t.Fatalf("entry %d is %s", i, e.Body)
		}
	}
	if n := len(b.questions()); n != posts {
		t.Errorf("asked about %d posts", n)
	}
}
