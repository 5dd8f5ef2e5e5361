package beforepost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chattok/internal/webhooksign"
	"chattok/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// open returns a Hook that asks this handler.
func open(t *testing.T, answer http.HandlerFunc) *Hook {
	t.Helper()
	backend := httptest.NewServer(answer)
	t.Cleanup(backend.Close)
	secrets, err := webhooksign.ParseSecrets(secret)
	if err != nil {
		t.Fatal(err)
	}
	hook, err := New(Config{URL: backend.URL + "/before?a=b", Secrets: secrets, Version: "1.2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hook.Close)
	return hook
}

func text(s string) *string { return &s }

var drafts = []session.Draft{
	{Kind: session.DraftEntry, ConnectionID: "c1", UserID: text("ann"), Role: session.RolePublisher, ConnectionData: text("Ann"),
		ReplyTo: "e0", Body: "hi <b> \u2028 \U0001F600", Data: text("{}")},
	{Kind: session.DraftEdit, ConnectionID: "c1", Role: session.RoleModerator, EntryID: "e1", Body: "ho"},
	{Kind: session.DraftReaction, ConnectionID: "c1", Role: session.RolePublisher, EntryID: "e1", Body: "+1"},
	{Kind: session.DraftName, ConnectionID: "c2", Role: session.RolePublisher, Body: "Ben"},
}

// TestQuestion: the request has the documented form, and a signature that its body and its headers make.
func TestQuestion(t *testing.T) {
	requests := make(chan *http.Request, 1)
	bodies := make(chan string, 1)
	hook := open(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- r
		bodies <- string(body)
		fmt.Fprint(w, `{"verdicts":[]}`)
	})
	if _, err := hook.Review(t.Context(), "room", drafts); err != nil {
		t.Fatal(err)
	}
	r, body := <-requests, <-bodies
	if r.Method != http.MethodPost || r.URL.String() != "/before?a=b" || r.Header.Get("Content-Type") != "application/json" ||
		r.Header.Get("User-Agent") != "ChatTok/1.2" || r.Header.Get("Idempotency-Key") != "" || r.Header.Get("Accept-Encoding") != "" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	var q struct{ At time.Time }
	if err := json.Unmarshal([]byte(body), &q); err != nil || time.Since(q.At) > time.Minute || time.Since(q.At) < -time.Minute {
		t.Errorf("at %v: %v", q.At, err)
	}
	want := `{"type":"BeforePost","at":"` + q.At.Format(timeLayout) + `","sessionId":"room","posts":[` +
		`{"id":"1","type":"entry","connectionId":"c1","userId":"ann","role":"PUBLISHER","connectionData":"Ann","entryId":null,"replyTo":"e0","body":"hi <b> \u2028 ` + "\U0001F600" + `","data":"{}"},` +
		`{"id":"2","type":"edit","connectionId":"c1","userId":null,"role":"MODERATOR","connectionData":null,"entryId":"e1","replyTo":null,"body":"ho","data":null},` +
		`{"id":"3","type":"reaction","connectionId":"c1","userId":null,"role":"PUBLISHER","connectionData":null,"entryId":"e1","replyTo":null,"body":"+1","data":null},` +
		`{"id":"4","type":"name","connectionId":"c2","userId":null,"role":"PUBLISHER","connectionData":null,"entryId":null,"replyTo":null,"body":"Ben","data":null}]}`
	if body != want {
		t.Errorf("body\n%s, want\n%s", body, want)
	}
	secrets, err := webhooksign.ParseSecrets(secret)
	if err != nil {
		t.Fatal(err)
	}
	var seconds int64
	if _, err := fmt.Sscan(r.Header.Get(webhooksign.HeaderTimestamp), &seconds); err != nil {
		t.Fatal(err)
	}
	signed := http.Header{}
	secrets.Sign(signed, r.Header.Get(webhooksign.HeaderID), time.Unix(seconds, 0), []byte(body))
	if got, want := r.Header.Get(webhooksign.HeaderSignature), signed.Get(webhooksign.HeaderSignature); got != want {
		t.Errorf("signature %q, want %q", got, want)
	}
}

// TestAnswers: each verdict is about its own post, and a bad one fails alone.
func TestAnswers(t *testing.T) {
	none := func(problem string) session.Verdict { return session.Verdict{Problem: problem} }
	allow := session.Verdict{Action: session.VerdictAllow}
	for _, c := range []struct {
		answer string
		want   []session.Verdict
	}{
		{`{"verdicts":[]}`, make([]session.Verdict, 4)},
		{`{"verdicts":[{"id":"4","action":"allow"},{"id":"2","action":"refuse","message":"no"},{"id":"1","action":"replace","body":"x"}]}`,
			[]session.Verdict{{Action: session.VerdictReplace, Body: "x"}, {Action: session.VerdictRefuse, Message: "no"}, {}, allow}},
		{`{"verdicts":[{"id":"1","action":"allow","body":"not taken"},{"id":"2","action":"refuse"},{"id":"3","action":"replace","body":""}],"more":1}`,
			[]session.Verdict{allow, {Action: session.VerdictRefuse}, {Action: session.VerdictReplace}, {}}},
		{`{"verdicts":[{"id":"1","action":"ALLOW"},{"id":"2","action":"replace"},{"id":"3","action":"allow"},{"id":"3","action":"allow"},{"id":"4","action":7}]}`,
			[]session.Verdict{none(`the action "ALLOW" is none of allow, refuse and replace`), none("a verdict replaces a body and has none"), none("there are two"),
				none("json: cannot unmarshal number into Go struct field verdict.action of type string")}},
		{`{"verdicts":[null,7,"x",[],{},{"id":1,"action":"allow"},{"id":"0","action":"allow"},{"id":"5","action":"allow"},{"id":"3","action":"allow"}]}`,
			[]session.Verdict{{}, {}, allow, {}}},
	} {
		hook := open(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, c.answer) })
		got, err := hook.Review(t.Context(), "room", drafts)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v %v\nwant %+v", c.answer, got, err, c.want)
		}
	}
}

// TestFailures: a backend that does not answer as it should fails all posts of the question. None is followed elsewhere, and none is
// read without an end.
func TestFailures(t *testing.T) {
	var elsewhere atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Store(true)
		fmt.Fprint(w, `{"verdicts":[{"id":"1","action":"allow"}]}`)
	}))
	defer other.Close()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"500": {func(w http.ResponseWriter, r *http.Request) { http.Error(w, `{"verdicts":[]}`, 500) }, "the answer has status 500"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "the answer has status 307"},
		"204":      {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, "the answer is not of the form {\"verdicts\": […]}: unexpected end of JSON input"},
		"nonsense": {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>") }, "the answer is not of the form {\"verdicts\": […]}: invalid character '<' looking for beginning of value"},
		"a list":   {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "[]") }, "the answer is not of the form {\"verdicts\": […]}: json: cannot unmarshal array into Go value of type beforepost.answer"},
		"without":  {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "{}") }, "the answer has no verdicts"},
		"a gigabyte": {func(w http.ResponseWriter, r *http.Request) {
			piece := []byte(strings.Repeat(" ", 1<<20))
			for range 1024 {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
			t.Error("somebody read a gigabyte")
		}, "the answer has more than 262144 bytes"},
		"a large header": {func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) },
			"net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded 16384 bytes; aborted"},
		"cut off": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"verdicts":`)
		}, "read the answer: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			verdicts, err := open(t, c.answer).Review(t.Context(), "room", drafts)
			if err == nil || err.Error() != c.want || verdicts != nil {
				t.Errorf("%v %v, want %s", verdicts, err, c.want)
			}
		})
	}
	if elsewhere.Load() {
		t.Error("the redirect was followed")
	}
}

// TestGivenUp: a question ends with its context, whether the backend hangs before or amid its answer; and nothing is told of the URL.
func TestGivenUp(t *testing.T) {
	for name, beginning := range map[string]string{"before": "", "amid": `{"verdicts":[`} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			hook := open(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // before that, net/http does not notice that the client has gone
				if beginning != "" {
					fmt.Fprint(w, beginning)
					w.(http.Flusher).Flush()
				}
				cancel()
				<-r.Context().Done()
			})
			if _, err := hook.Review(ctx, "room", drafts); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("%v", err)
			}
		})
	}
	backend := httptest.NewServer(http.NotFoundHandler())
	backend.Close()
	hook, err := New(Config{URL: strings.Replace(backend.URL, "http://", "http://ann:hunter2@", 1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hook.Review(t.Context(), "room", drafts); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a backend that is away: %v", err)
	}
}

// TestReplacements: a replacement is read whatever way its characters are written.
func TestReplacements(t *testing.T) {
	long := strings.Repeat(`\u0436`, session.MaxBodyBytes/2) // as an encoder writes it that leaves no character beyond ASCII
	answer := make([]string, session.MaxReviewDrafts)
	many := make([]session.Draft, len(answer))
	for i := range answer {
		answer[i] = fmt.Sprintf(`{"id":"%d","action":"replace","body":"%s"}`, i+1, long)
		many[i] = session.Draft{Kind: session.DraftEntry, Body: "x"}
	}
	hook := open(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"verdicts":[%s]}`, strings.Join(answer, ","))
	})
	got, err := hook.Review(t.Context(), "room", many)
	if err != nil || len(got) != len(many) {
		t.Fatalf("%d verdicts, %v", len(got), err)
	}
	for _, v := range got {
		if v.Action != session.VerdictReplace || v.Body != strings.Repeat("ж", session.MaxBodyBytes/2) {
			t.Fatalf("%+.100v", v)
		}
	}
}

// TestValidURL: what is posted goes over the network by HTTPS alone.
func TestValidURL(t *testing.T) {
	for _, valid := range []string{"https://example.com", "https://10.0.0.1:8443/x?y=z", "http://localhost:1/x", "http://127.0.0.1", "http://127.9.9.9:80",
		"http://[::1]:80/", "http://[::ffff:127.0.0.1]/", "https://ann:pw@example.com/"} {
		if err := ValidURL(valid); err != nil {
			t.Errorf("%s: %v", valid, err)
		}
	}
	for text, want := range map[string]string{
		"": "a URL such as", "example.com": "a URL such as", "/x": "a URL such as", "ftp://example.com": "a URL such as", "https:example.com": "a URL such as",
		"https://": "a URL such as", "https://:80": "a URL such as", "https://%": "a URL such as", "https://example.com/#x": "no fragment",
		"http://example.com": "must begin with https://", "http://10.0.0.1": "must begin with https://", "http://localhost.example.com": "must begin with https://",
		"http://[::]": "must begin with https://", "http://0.0.0.0": "must begin with https://",
	} {
		if err := ValidURL(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
