package storetest

import (
	"fmt"
	"reflect"
	"slices"

	"chattok/session"
)

// testEntries reads every range of five entries, forward and backward, of all senders and of one.
func (s *suite) testEntries() {
	s.connect("a", "a1", "a2")
	s.connect("b", "b1")
	var log []*session.ChatEntry
	for _, sender := range []string{"a1", "a2", "a1", "a1", "a2"} {
		s.add(session.NewEntry{SessionID: "b", ConnectionID: "b1", Body: "noise"})
		log = append(log, s.add(session.NewEntry{SessionID: "a", ConnectionID: sender, Body: "by " + sender}))
	}
	for _, sender := range []string{"", "a1", "b1"} {
		for after := int64(0); after <= 6; after++ {
			for before := int64(0); before <= 7; before++ {
				for limit := range 7 {
					for _, backward := range []bool{false, true} {
						q := session.EntryQuery{
							SessionID: "a", Epoch: 7, ConnectionID: sender,
							After: after, Before: before, Limit: limit, Backward: backward,
						}
						got, err := s.store.Entries(s.ctx(), q)
						s.ok(err)
						if want := window(log, q); !slices.EqualFunc(got, want, sameEntry) {
							s.Fatalf("%+v:\n got %s\nwant %s", q, show(got), show(want))
						}
					}
				}
			}
		}
	}
}

func sameEntry(a, b *session.ChatEntry) bool { return reflect.DeepEqual(a, b) }

// window selects the entries of q from a log, in plain Go.
func window(log []*session.ChatEntry, q session.EntryQuery) []*session.ChatEntry {
	var run []*session.ChatEntry
	for _, e := range log {
		if e.Seq > q.After && (q.Before == 0 || e.Seq < q.Before) && (q.ConnectionID == "" || e.ConnectionID == q.ConnectionID) {
			run = append(run, e)
		}
	}
	if len(run) <= q.Limit {
		return run
	}
	if q.Backward {
		return run[len(run)-q.Limit:]
	}
	return run[:q.Limit]
}

// Entries of one commit have the same time. Pages of one entry return each of them once.
func (s *suite) testEntriesTied() {
	s.connect("a", "a1")
	entries := make([]session.NewEntry, 64)
	for i := range entries {
		entries[i] = session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: fmt.Sprint(i + 1)}
	}
	for _, r := range s.store.AppendEntries(s.ctx(), entries) {
		s.ok(r.Err)
	}
	after := int64(0)
	for want := int64(1); want <= 64; want++ {
		page, err := s.store.Entries(s.ctx(), session.EntryQuery{SessionID: "a", Epoch: 7, After: after, Limit: 1})
		s.ok(err)
		equal(s, "page", len(page), 1)
		equal(s, "entry", []string{fmt.Sprint(page[0].Seq), page[0].Body}, []string{fmt.Sprint(want), fmt.Sprint(want)})
		after = page[0].Seq
	}
	page, err := s.store.Entries(s.ctx(), session.EntryQuery{SessionID: "a", Epoch: 7, After: after, Limit: 1})
	s.ok(err)
	equal(s, "page at the end", len(page), 0)
}

func (s *suite) testEntriesUnknown() {
	s.connect("a", "a1")
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x"})
	for _, q := range []session.EntryQuery{
		{SessionID: "nope", Limit: 5},
		{SessionID: "nul\x00", Limit: 5},
		{SessionID: "a", ConnectionID: "nul\x00", Limit: 5},
		{SessionID: "a", ConnectionID: "\xff", Limit: 5},
		{SessionID: "a", ConnectionID: "a1' OR '1'='1", Limit: 5},
		{SessionID: "a", Limit: -1},
		{SessionID: "a", After: 1 << 62, Limit: 5},
	} {
		got, err := s.store.Entries(s.ctx(), q)
		s.ok(err)
		equal(s, fmt.Sprintf("%+v", q), len(got), 0)
	}
}
