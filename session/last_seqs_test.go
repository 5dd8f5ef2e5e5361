package session

import (
	"context"
	"sync"
	"testing"
)

// lastSeqsStore is a Store whose LastSeqs is the test's.
type lastSeqsStore struct {
	Store
	read func(ids []string) (map[string]LastSeqs, error)
}

func (s lastSeqsStore) LastSeqs(_ context.Context, ids []string) (map[string]LastSeqs, error) {
	return s.read(ids)
}

// TestLastSeqsReader: callers that ask during a read share the next one.
func TestLastSeqsReader(t *testing.T) {
	begun, goOn := make(chan int), make(chan struct{})
	reads := int64(0)
	r := newLastSeqsReader(lastSeqsStore{read: func(ids []string) (map[string]LastSeqs, error) {
		reads++
		begun <- len(ids)
		<-goOn
		return map[string]LastSeqs{"a": {Seq: reads}}, nil
	}})
	var work sync.WaitGroup
	work.Go(r.run)
	join := func(id string) *lastSeqsRead {
		t.Helper()
		shared, err := r.join(id)
		if err != nil {
			t.Fatal(err)
		}
		return shared
	}
	first := join("a")
	if n := <-begun; n != 1 {
		t.Fatalf("%d sessions in the first read", n)
	}
	second, unknown := join("a"), join("b")
	if second == first || join("a") != second || join("b") != unknown {
		t.Error("callers that ask during a read are to share the next one")
	}
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.read(given, "a"); err != context.Canceled {
		t.Errorf("a caller that gave up got %v", err)
	}
	r.close()
	goOn <- struct{}{}
	if n := <-begun; n != 2 {
		t.Errorf("%d sessions in the second read, want 2", n)
	}
	goOn <- struct{}{}
	work.Wait()
	for i, shared := range []*lastSeqsRead{first, second} {
		<-shared.done
		if shared.err != nil || !shared.found || shared.last.Seq != int64(i+1) {
			t.Errorf("read %d: %+v", i+1, shared)
		}
	}
	if <-unknown.done; unknown.err != nil || unknown.found {
		t.Errorf("of an unknown session: %+v", unknown)
	}
	if _, _, err := r.read(t.Context(), "a"); CodeOf(err) != CodeUnavailable {
		t.Errorf("after the end: %v", err)
	}
}
