package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestEvents: a stream is read as the specification says, whatever the server adds to keep it alive.
func TestEvents(t *testing.T) {
	const stream = ":\n\nid: 1\nevent: next\ndata: {\"a\":1}\n\n:\n\nevent:next\ndata:x\ndata: y\nretry: 5\n\nevent: complete\ndata:\n\nevent: next\ndata: cut"
	e := newEvents(strings.NewReader(stream))
	heard := 0
	for _, want := range []event{{"next", []byte(`{"a":1}`)}, {"next", []byte("x\ny")}, {"complete", []byte("")}} {
		got, err := e.next(func() { heard++ })
		if err != nil || got.name != want.name || string(got.data) != string(want.data) {
			t.Errorf("got %s %q, %v; want %s %q", got.name, got.data, err, want.name, want.data)
		}
	}
	if _, err := e.next(func() { heard++ }); !errors.Is(err, io.EOF) {
		t.Errorf("within an event: %v", err)
	}
	if heard != strings.Count(stream, "\n")+1 {
		t.Errorf("%d lines were heard", heard)
	}
}

// serverOf is a server that answers with handle, and a client of it.
func serverOf(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	c, err := New(Config{URL: s.URL + "/", Secret: "secret", Patience: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDo: an operation that may be repeated is repeated while the server has no time; a refusal and a redirect are not.
func TestDo(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the secret went to %s", r.Host) }))
	defer elsewhere.Close()
	tries := 0
	answers := []string{`{"errors":[{"message":"busy","extensions":{"code":"UNAVAILABLE","retryAfterMs":1}}]}`, "502", `{"data":{"a":1}}`}
	c := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/graphql" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("%s %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		answer := answers[min(tries, len(answers)-1)]
		tries++
		switch answer {
		case "502":
			w.WriteHeader(http.StatusBadGateway)
		case "redirect":
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		default:
			_, _ = io.WriteString(w, answer)
		}
	})
	var data struct{ A int }
	if err := c.Do(t.Context(), true, "{a}", nil, &data); err != nil || data.A != 1 || tries != 3 {
		t.Errorf("%+v after %d tries: %v", data, tries, err)
	}
	tries = 0
	if err := c.Do(t.Context(), false, "{a}", nil, &data); CodeOf(err) != "UNAVAILABLE" || tries != 1 {
		t.Errorf("not to be repeated: %v after %d tries", err, tries)
	}
	for answer, want := range map[string]string{
		"redirect": "the server answers with a redirect (307 Temporary Redirect): name the URL that it leads to",
		`{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN","reason":"BANNED"}}]}`: "no (FORBIDDEN BANNED)",
		"<html>": "the answer is not one of ChatTok's API (200 OK): is the URL right?",
	} {
		tries, answers = 0, []string{answer}
		if err := c.Do(t.Context(), true, "{a}", nil, &data); err == nil || err.Error() != want || tries != 1 {
			t.Errorf("%s: %v after %d tries", answer, err, tries)
		}
	}
}

// TestFollow: a subscription goes on after its last cursor when its connection is cut, in whatever way, and ends with a refusal.
func TestFollow(t *testing.T) {
	tries := 0
	c := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Variables struct{ After, S string } }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Variables.S != "room" {
			t.Errorf("%+v %v", asked, err)
		}
		tries++
		next := func(n int) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			fmt.Fprintf(w, "event: next\ndata: {\"data\":{\"n\":%d}}\n\n", n)
		}
		switch after := asked.Variables.After; tries {
		case 1: // cut within the third event
			if after != "c0" {
				t.Errorf("it begins after %s", after)
			}
			next(1)
			next(2)
			_, _ = io.WriteString(w, "event: next\ndata: {\"data\":{\"n\":3}")
		case 2:
			if after != "c2" {
				t.Errorf("it goes on after %s", after)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3: // ends well
			next(3)
			_, _ = io.WriteString(w, "event: complete\ndata:\n\n")
		case 4:
			w.Header().Set("Content-Type", "application/graphql-response+json")
			_, _ = io.WriteString(w, `{"errors":[{"message":"gone","extensions":{"code":"BAD_USER_INPUT","reason":"CURSOR_MISMATCH"}}]}`)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	var got []int
	lost := 0
	err := c.Follow(t.Context(), Subscription{Query: "subscription", Variables: map[string]any{"s": "room"}, After: "c0", Lost: func(error) { lost++ },
		Event: func(data json.RawMessage) (string, error) {
			var event struct{ N int }
			if err := json.Unmarshal(data, &event); err != nil {
				return "", err
			}
			got = append(got, event.N)
			return fmt.Sprint("c", event.N), nil
		}})
	if CodeOf(err) != "BAD_USER_INPUT" || fmt.Sprint(got) != "[1 2 3]" || lost != 3 || tries != 4 {
		t.Errorf("got %v, lost %d, %d tries: %v", got, lost, tries, err)
	}
	tries = 0
	failure := errors.New("the pipe is closed")
	if err := c.Follow(t.Context(), Subscription{After: "c0", Variables: map[string]any{"s": "room"},
		Event: func(json.RawMessage) (string, error) { return "", failure }}); !errors.Is(err, failure) || tries != 1 {
		t.Errorf("an error of Event: %v after %d tries", err, tries)
	}
	tries = 10 // a proxy answers in the server's place
	ctx, cancel := context.WithCancel(t.Context())
	err = c.Follow(ctx, Subscription{After: "c0", Variables: map[string]any{"s": "room"}, Lost: func(error) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
