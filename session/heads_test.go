package session

import (
	"context"
	"sync"
	"testing"
)

// headStore is a Store whose Heads are the test's.
type headStore struct {
	Store
	heads func(ids []string) (map[string]Head, error)
}

func (s headStore) Heads(_ context.Context, ids []string) (map[string]Head, error) {
	return s.heads(ids)
}

// TestHeadReader: who asks during a read gets the next one, which all who ask meanwhile share.
func TestHeadReader(t *testing.T) {
	begun, goOn := make(chan int), make(chan struct{})
	reads := int64(0)
	h := newHeadReader(headStore{heads: func(ids []string) (map[string]Head, error) {
		reads++
		begun <- len(ids)
		<-goOn
		return map[string]Head{"a": {Seq: reads}}, nil
	}})
	var work sync.WaitGroup
	work.Go(func() { h.run(t.Context()) })
	join := func(id string) *headRead {
		t.Helper()
		r, err := h.join(id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := join("a")
	if n := <-begun; n != 1 {
		t.Fatalf("%d sessions in the first read", n)
	}
	second, unknown := join("a"), join("b")
	if second == first || join("a") != second || join("b") != unknown {
		t.Error("who asks during a read is to share the next one")
	}
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := h.read(given, "a"); err != context.Canceled {
		t.Errorf("who gave up got %v", err)
	}
	h.close()
	goOn <- struct{}{}
	if n := <-begun; n != 2 {
		t.Errorf("%d sessions in the second read, want 2", n)
	}
	goOn <- struct{}{}
	work.Wait()
	for i, r := range []*headRead{first, second} {
		<-r.done
		if r.err != nil || !r.found || r.head.Seq != int64(i+1) {
			t.Errorf("read %d: %+v", i+1, r)
		}
	}
	if <-unknown.done; unknown.err != nil || unknown.found {
		t.Errorf("of an unknown session: %+v", unknown)
	}
	if _, _, err := h.read(t.Context(), "a"); CodeOf(err) != CodeUnavailable {
		t.Errorf("after the end: %v", err)
	}
}
