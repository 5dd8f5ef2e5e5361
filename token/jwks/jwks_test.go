package jwks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chattok/token"
)

// fake is a source that answers as a test wants, with the pace of a server.
type fake struct {
	server
	mu    sync.Mutex
	text  string
	err   error
	hangs bool // until the context ends
	times []time.Time
}

func (f *fake) name() string { return "https://id.example/keys" }

func (f *fake) read(ctx context.Context) ([]byte, error) {
	f.mu.Lock()
	f.times = append(f.times, time.Now())
	text, err, hangs := f.text, f.err, f.hangs
	f.mu.Unlock()
	if hangs {
		ctx, cancel := context.WithTimeout(ctx, serverTimeout)
		defer cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return []byte(text), err
}

// set changes what the source answers.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// readings returns how often the source was read.
func (f *fake) readings() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.times)
}

// withSource runs a test on a set of a source, in a bubble with a clock of its own that stands still while anything runs.
func withSource(t *testing.T, f *fake, test func(t *testing.T, s *Set, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newSet(f, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Run(ctx)
		}()
		test(t, s, &log)
		cancel()
		<-ended
	})
}

func algorithms(keys []token.PublicKey) string {
	var all []string
	for _, k := range keys {
		all = append(all, k.Algorithm)
	}
	return strings.Join(all, " ")
}

// want checks what Find returns: the algorithms of the keys, or a part of the error's text.
func want(t *testing.T, s *Set, kid, keys, fault string) {
	t.Helper()
	found, err := s.Find(t.Context(), kid)
	if algorithms(found) != keys || (err == nil) != (fault == "") || err != nil && !strings.Contains(err.Error(), fault) {
		t.Errorf("kid %q: %q, %v; want %q, %q", kid, algorithms(found), err, keys, fault)
	}
}

// TestRotation: a key that was added is found when a token names it, and one that was removed is gone after the interval.
func TestRotation(t *testing.T) {
	f := &fake{text: setOf(edJWK + `,"kid":"old"}`)}
	withSource(t, f, func(t *testing.T, s *Set, _ *bytes.Buffer) {
		want(t, s, "old", "EdDSA", "")
		want(t, s, "", "EdDSA", "")
		want(t, s, "new", "", "")
		if n := f.readings(); n != 1 {
			t.Fatalf("%d readings", n)
		}
		time.Sleep(serverPause)
		f.set(func() { f.text = setOf(edJWK+`,"kid":"old"}`, ecJWK+`,"kid":"new"}`) })
		want(t, s, "new", "ES256", "")
		want(t, s, "old", "EdDSA", "")
		want(t, s, "", "EdDSA ES256", "")
		f.set(func() { f.text = setOf(ecJWK + `,"kid":"new"}`) })
		time.Sleep(serverInterval)
		synctest.Wait()
		want(t, s, "old", "", "")
		want(t, s, "new", "ES256", "")
		if n := f.readings(); n != 3 {
			t.Errorf("%d readings", n)
		}
	})
}

// TestStorm: tokens with made-up key ids cause one reading in 30 seconds, and none of them waits for the next.
func TestStorm(t *testing.T) {
	f := &fake{text: setOf(edJWK + `,"kid":"a"}`)}
	withSource(t, f, func(t *testing.T, s *Set, _ *bytes.Buffer) {
		const seconds, each = 120, 50
		for second := range seconds {
			var all sync.WaitGroup
			for i := range each {
				all.Go(func() { want(t, s, fmt.Sprintf("made up %d %d", second, i), "", "") })
			}
			all.Go(func() { want(t, s, "a", "EdDSA", "") })
			all.Wait()
			time.Sleep(time.Second)
		}
		if n := f.readings(); n != seconds/30 {
			t.Errorf("%d readings in %d seconds", n, seconds)
		}
		for i := 1; i < len(f.times); i++ {
			if apart := f.times[i].Sub(f.times[i-1]); apart < serverPause {
				t.Errorf("readings %v apart", apart)
			}
		}
	})
}

// TestOneReadingForAll: all who wait share one reading, and those whose key is known do not wait.
func TestOneReadingForAll(t *testing.T) {
	f := &fake{text: setOf(edJWK + `,"kid":"a"}`)}
	withSource(t, f, func(t *testing.T, s *Set, _ *bytes.Buffer) {
		want(t, s, "a", "EdDSA", "")
		time.Sleep(serverPause)
		f.set(func() { f.hangs = true })
		var all sync.WaitGroup
		begun := time.Now()
		for range 100 {
			all.Go(func() { want(t, s, "b", "", "not read in time") })
		}
		all.Go(func() {
			time.Sleep(time.Second)
			want(t, s, "a", "EdDSA", "")
			if waited := time.Since(begun); waited != time.Second {
				t.Errorf("a known key is found after %v", waited)
			}
		})
		all.Wait()
		if waited := time.Since(begun); waited != maxWait {
			t.Errorf("waited for %v, want %v", waited, maxWait)
		}
		if n := f.readings(); n != 2 {
			t.Errorf("%d readings", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		if _, err := s.Find(ctx, "b"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("a caller that gives up after a second: %v after %v", err, time.Since(begun))
		}
	})
}

// TestAwayAtStart: a server that is away is asked again after growing pauses, and its keys count once it is there.
func TestAwayAtStart(t *testing.T) {
	f := &fake{err: errors.New("connection refused")}
	withSource(t, f, func(t *testing.T, s *Set, log *bytes.Buffer) {
		want(t, s, "a", "", "connection refused")
		want(t, s, "", "", "connection refused")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := f.readings(); n < 20 || n > 60 { // 1, 2, 4, 8, 16 s, then 30 s, each of them from half to all
			t.Errorf("%d readings in ten minutes", n)
		}
		if n := strings.Count(log.String(), "level=WARN"); n < 5 || n > 11 {
			t.Errorf("%d warnings in ten minutes:\n%s", n, log.String())
		}
		f.set(func() { f.err, f.text = nil, setOf(edJWK+`,"kid":"a"}`) })
		time.Sleep(serverPause)
		synctest.Wait()
		want(t, s, "a", "EdDSA", "")
		if !strings.Contains(log.String(), `level=INFO msg="the public keys of session tokens were read" source=https://id.example/keys keys=1 passed_over=0`) {
			t.Errorf("the log does not say that the keys are there:\n%s", log.String())
		}
	})
}

// TestAwayLater: the keys from before go on while the server is away, for as long as it takes; others can't be judged.
func TestAwayLater(t *testing.T) {
	f := &fake{text: setOf(edJWK + `,"kid":"a"}`)}
	withSource(t, f, func(t *testing.T, s *Set, log *bytes.Buffer) {
		want(t, s, "a", "EdDSA", "")
		for _, broken := range []struct {
			text string
			err  error
			want string
		}{{"", errors.New("no route to host"), "no route"}, {"<html>", nil, "it is not JSON"}, {`{}`, nil, "it has no keys"}} {
			f.set(func() { f.text, f.err = broken.text, broken.err })
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			want(t, s, "a", "EdDSA", "")
			want(t, s, "b", "", broken.want)
		}
		f.set(func() { f.text, f.err = setOf(edJWK+`,"kid":"b"}`), nil })
		time.Sleep(serverPause)
		synctest.Wait()
		want(t, s, "b", "EdDSA", "")
		want(t, s, "a", "", "")
		if lines := strings.Count(log.String(), "\n"); lines > 3*24*60+10 {
			t.Errorf("%d lines in three days", lines)
		}
	})
}

// TestNoKeyLeft: a set without a usable key is what its owner says: no token is accepted any more, and the log tells.
func TestNoKeyLeft(t *testing.T) {
	f := &fake{text: setOf(edJWK + `,"kid":"a"}`)}
	withSource(t, f, func(t *testing.T, s *Set, log *bytes.Buffer) {
		want(t, s, "a", "EdDSA", "")
		f.set(func() { f.text = setOf(`{"kty":"oct","kid":"a","k":"AAAA"}`) })
		time.Sleep(3 * serverInterval)
		synctest.Wait()
		want(t, s, "a", "", "")
		want(t, s, "", "", "")
		if n := strings.Count(log.String(), "no session token under a public key is accepted"); n != 1 || !strings.Contains(log.String(), "key 1 is a shared secret (oct)") {
			t.Errorf("%d warnings:\n%s", n, log.String())
		}
	})
}
