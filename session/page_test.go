package session

import (
	"context"
	"testing"
)

// growingStore is a log that gets an entry after each time that it was read.
type growingStore struct{ stubStore }

func (s *growingStore) Entries(_ context.Context, q EntryQuery) (found []*ChatEntry, err error) {
	for seq := q.After + 1; seq <= s.length && len(found) < q.Limit; seq++ {
		found = append(found, stubEntry(seq))
	}
	s.length++
	return found, nil
}

func (s *growingStore) LastSeqs(context.Context, []string) (map[string]LastSeqs, error) {
	return map[string]LastSeqs{"s": {Epoch: 7, Seq: s.length, Place: s.length}}, nil
}

// An empty page at the end of the log has no next page, even where an entry came while it was read: no cursor would lead there.
func TestPageAtTheEnd(t *testing.T) {
	end := Cursor(7, 3)
	store := &growingStore{stubStore{length: 3}}
	page, err := pageReader{store, &Session{ID: "s", Epoch: 7}}.read(t.Context(), PageArgs{After: &end})
	if err != nil || len(page.Entries) != 0 || page.HasNextPage {
		t.Errorf("%+v, %v", page, err)
	}
}
