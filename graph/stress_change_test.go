package graph_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/client"

	"chattok/internal/history"
	"chattok/internal/need"
)

// Sizes of the stress test with changes.
const (
	changers        = 8
	actsPerChanger  = 80
	changeReaders   = 6
	stressPlain     = `id seq cursor connectionId body version deletedBy reactions{name count}`
	stressFields    = stressPlain + ` replyTo{` + stressPlain + `}`
	stressLogEvents = `subscription($a:String){logEvents(after:$a){...on EntryAdded{entry{` + stressFields + `} cursor} ...on EntryChanged{entry{` + stressFields + `} change cursor}}}`
	stressEntries   = `subscription($a:String){entryAdded(after:$a){` + stressFields + `}}`
)

// stressEntry is an entry with its changes.
type stressEntry struct {
	ID, Cursor, ConnectionID, Body, DeletedBy string
	Seq, Version                              int64
	Reactions                                 []history.Reaction
	ReplyTo                                   *stressEntry
}

func (e stressEntry) recorded() history.Entry {
	return history.Entry{Seq: e.Seq, Sender: e.ConnectionID, Body: e.Body, Version: e.Version, Place: history.Place(e.Cursor), DeletedBy: e.DeletedBy,
		Reactions: history.ReactionText(e.Reactions)}
}

// stress is a session in which many people change entries.
type stress struct {
	*world
	t        *testing.T
	recorder *history.Recorder

	mu      sync.Mutex
	entries []stressEntry // that were answered
}

// TestEveryReaderHasEveryChange: readers come and go and resume by cursor while people add, edit, delete and react, with retries. The
// history checker decides.
func TestEveryReaderHasEveryChange(t *testing.T) {
	need.Time(t, "many readers of many changes")
	s := &stress{world: newWorld(t, options{}), t: t, recorder: history.NewRecorder()}
	moderator := s.join(t, "room", "MODERATOR")
	people := make([]person, changers)
	for i := range people {
		people[i] = s.join(t, "room", "PUBLISHER")
	}
	var changing, reading sync.WaitGroup
	for i, p := range people {
		changing.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 3))
			for n := range actsPerChanger {
				s.act(p, moderator, random, fmt.Sprintf("%d/%d", i, n))
			}
		})
	}
	for i := range changeReaders {
		r := &stressReader{stress: s, token: people[i].token, random: rand.New(rand.NewPCG(uint64(i), 4))}
		if i%2 == 0 {
			log := s.recorder.LogReader(fmt.Sprint("reader ", i), 0)
			r.operation, r.saw, r.quoted, r.resumes, r.complete = stressLogEvents, log.Saw, log.Quoted, log.Resumes, log.Complete
		} else {
			entries := s.recorder.Subscriber(fmt.Sprint("reader ", i), 0)
			r.operation, r.quoted, r.resumes, r.complete = stressEntries, entries.Quoted, entries.Resumes, entries.Complete
			r.saw = func(e history.Event) { entries.Saw(e.Entry) }
		}
		reading.Go(r.run)
	}
	changing.Wait()
	s.add(people[0], lastBody, nil)
	reading.Wait()
	log := s.readLog(people[0].token)
	last := &stressReader{stress: s, token: people[0].token, operation: stressLogEvents, quoted: func(history.Entry) {}}
	var events []history.Event
	last.saw = func(e history.Event) { events = append(events, e) }
	if err := last.read("0", 1<<30); err != nil {
		t.Fatal(err)
	}
	v := history.Check(s.recorder.History(log, events))
	t.Log(v)
	if !v.Holds() {
		t.Error("the history is not as it should be")
	}
	if v.Unanswered != 0 || v.Changed == 0 {
		t.Error("too little was answered to judge by")
	}
}

// lastBody is the text of the last entry.
const lastBody = "the last one"

// readLog reads the whole log by pages.
func (s *stress) readLog(token string) (log []history.Entry) {
	s.t.Helper()
	for after := "0"; ; {
		resp, err := s.RawPost(`query($a:String){chatEntries(first:200,after:$a){nodes{`+stressFields+`}}}`, as(token), client.Var("a", after))
		if err != nil || resp.Errors != nil {
			s.t.Fatal(err, string(resp.Errors))
		}
		data, err := json.Marshal(resp.Data)
		if err != nil {
			s.t.Fatal(err)
		}
		var page struct{ ChatEntries struct{ Nodes []stressEntry } }
		if err := json.Unmarshal(data, &page); err != nil {
			s.t.Fatal(err)
		}
		for _, e := range page.ChatEntries.Nodes {
			log, after = append(log, e.recorded()), e.Cursor
		}
		if len(page.ChatEntries.Nodes) == 0 {
			return log
		}
	}
}

// ask runs an operation that answers with an entry. It may be called on any goroutine.
func (s *stress) ask(token, operation string, variables map[string]any) (stressEntry, error) {
	resp, err := s.RawPost(operation, as(token), func(r *client.Request) { r.Variables = variables })
	if err != nil {
		return stressEntry{}, err
	}
	if resp.Errors != nil {
		return stressEntry{}, fmt.Errorf("refused: %s", resp.Errors)
	}
	data, err := json.Marshal(resp.Data)
	if err != nil {
		return stressEntry{}, err
	}
	var answer map[string]stressEntry
	err = json.Unmarshal(data, &answer)
	for _, e := range answer {
		return e, err
	}
	return stressEntry{}, errors.Join(err, errors.New("no answer"))
}

// pick returns one of the newest entries that fit.
func (s *stress) pick(random *rand.Rand, fits func(stressEntry) bool) (stressEntry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 20 {
		if n := len(s.entries); n > 0 {
			if e := s.entries[max(0, n-1-random.IntN(20))]; fits(e) {
				return e, true
			}
		}
	}
	return stressEntry{}, false
}

func (s *stress) add(p person, body string, replyTo *string) {
	r := s.recorder.Add(p.id, body)
	e, err := s.ask(p.token, `mutation($c:ID!,$b:String!,$k:ID,$r:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k,replyTo:$r){`+stressFields+`}}`,
		map[string]any{"c": p.id, "b": body, "k": body, "r": replyTo})
	if err != nil {
		s.t.Errorf("add: %v", err)
		return
	}
	r.Answered(e.recorded())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, e)
}

// act adds an entry or changes one.
func (s *stress) act(p, moderator person, random *rand.Rand, key string) {
	own := func(e stressEntry) bool { return e.ConnectionID == p.id }
	all := func(stressEntry) bool { return true }
	switch choice := random.IntN(10); {
	case choice < 4:
		if e, ok := s.pick(random, all); ok && random.IntN(2) == 0 {
			s.add(p, key, &e.ID)
		} else {
			s.add(p, key, nil)
		}
	case choice < 7:
		if e, ok := s.pick(random, own); ok {
			s.change(p, random, history.EntryChange{Kind: history.Edited, Seq: e.Seq, Body: key, Actors: []string{p.id}},
				`mutation($i:ID!,$b:String!,$k:ID){editChatEntry(id:$i,body:$b,idempotencyKey:$k){`+stressFields+`}}`, map[string]any{"i": e.ID, "b": key, "k": key})
		}
	case choice < 8:
		by, fits := p, own
		if random.IntN(2) == 0 {
			by, fits = moderator, all
		}
		if e, ok := s.pick(random, fits); ok {
			s.change(by, random, history.EntryChange{Kind: history.Deleted, Seq: e.Seq, Actors: []string{by.id}},
				`mutation($i:ID!){deleteChatEntry(id:$i){`+stressFields+`}}`, map[string]any{"i": e.ID})
		}
	default:
		if e, ok := s.pick(random, all); ok {
			on := random.IntN(3) > 0
			s.change(p, random, history.EntryChange{Kind: history.Reacted, Seq: e.Seq, Name: "+1", On: on, Actors: []string{p.id}},
				`mutation($i:ID!,$o:Boolean!,$k:ID){reactToChatEntry(id:$i,name:"+1",on:$o,idempotencyKey:$k){`+stressFields+`}}`, map[string]any{"i": e.ID, "o": on, "k": key})
		}
	}
}

// change asks for a change, and sometimes once more under its key.
func (s *stress) change(by person, random *rand.Rand, change history.EntryChange, operation string, variables map[string]any) {
	r := s.recorder.EntryChange(change)
	for range 1 + random.IntN(2) {
		r.Retry("")
		e, err := s.ask(by.token, operation, variables)
		if err != nil {
			if !strings.Contains(err.Error(), "ENTRY_DELETED") {
				s.t.Errorf("%v: %v", change.Kind, err)
			}
			return
		}
		r.Answered(e.recorded())
	}
}

// stressReader reads entries or the log, by subscriptions that are dropped at random and resumed.
type stressReader struct {
	*stress
	token, operation  string
	random            *rand.Rand
	saw               func(history.Event)
	quoted            func(history.Entry)
	resumes, complete func()

	cursor string
	ended  bool // the last entry has come
}

// run reads until the last entry has come.
func (r *stressReader) run() {
	for r.cursor = "0"; !r.ended; r.resumes() {
		if err := r.read(r.cursor, 1+r.random.IntN(60)); err != nil {
			r.t.Errorf("a reader after %s: %v", r.cursor, err)
			return
		}
	}
	r.complete()
}

// read reads some events after a cursor, up to the last entry.
func (r *stressReader) read(after string, events int) error {
	s := r.WebsocketWithPayload(r.operation, map[string]any{"Authorization": "Bearer " + r.token}, client.Var("a", after))
	late := time.AfterFunc(patience, func() { _ = s.Close() })
	defer func() {
		late.Stop()
		_ = s.Close()
	}()
	for n := 0; n < events && !r.ended; n++ {
		var event struct {
			EntryAdded *stressEntry
			LogEvents  struct {
				Entry          stressEntry
				Change, Cursor string
			}
		}
		if err := s.Next(&event); err != nil {
			return err
		}
		e := event.LogEvents
		if added := event.EntryAdded; added != nil {
			e.Entry, e.Cursor = *added, added.Cursor
		}
		kinds := map[string]history.EntryChangeKind{"EDITED": history.Edited, "DELETED": history.Deleted, "REACTED": history.Reacted}
		r.saw(history.Event{Place: history.Place(e.Cursor), Change: kinds[e.Change], Entry: e.Entry.recorded()})
		if to := e.Entry.ReplyTo; to != nil {
			r.quoted(to.recorded())
		}
		r.cursor, r.ended = e.Cursor, e.Entry.Body == lastBody
	}
	return nil
}
