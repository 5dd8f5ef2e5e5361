//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chattok/internal/history"
)

// The times between a person's acts on the changing log, about.
const (
	alterTime  = 400 * time.Millisecond // at most, before the person changes an entry
	browseTime = 600 * time.Millisecond // at most, before it reads an entry or a page
	recent     = 30                     // entries that people change and read, the newest
)

// secret is the API secret of all nodes.
const secret = "the secret of a run of chaos, 32 bytes"

const (
	editOperation   = `mutation($i:ID!,$b:String!,$k:ID!){editChatEntry(id:$i,body:$b,idempotencyKey:$k){` + entryFields + `}}`
	deleteOperation = `mutation($i:ID!,$s:ID){deleteChatEntry(id:$i,sessionId:$s){` + entryFields + `}}`
	reactOperation  = `mutation($i:ID!,$n:String!,$o:Boolean!,$k:ID!){reactToChatEntry(id:$i,name:$n,on:$o,idempotencyKey:$k){` + entryFields + `}}`
	readOperation   = `query($i:ID!){chatEntry(id:$i){` + entryFields + `}}`
	pageOperation   = `query($n:Int,$a:String,$l:Int){chatEntries(first:$n,after:$a,last:$l){lastCursor nodes{` + entryFields + `}}}`
)

var reactionNames = []string{"+1", "heart", "a b", "\"q\"", "ü"}

// entry is an entry as the API returns it.
type entry struct {
	ID           string
	Seq          int64
	Cursor       string
	ConnectionID string
	Body         string
	Version      int64
	DeletedBy    string
	Reactions    []history.Reaction
	ReplyTo      *entry
}

// quotes passes on the entry that this one answers.
func (e entry) quotes(take func(history.Entry)) {
	if e.ReplyTo != nil {
		take(e.ReplyTo.recorded())
	}
}

func (e entry) recorded() history.Entry {
	return history.Entry{Seq: e.Seq, Sender: e.ConnectionID, Body: e.Body, Version: e.Version, Place: history.Place(e.Cursor),
		DeletedBy: e.DeletedBy, Reactions: history.ReactionText(e.Reactions)}
}

// known is an entry that people know of.
type known struct {
	entry
	author *person // nil where it is not known
	made   member  // the connection that posted it
}

// knows remembers an entry that the person, or nil, posted with a connection.
func (r *room) knows(e entry, author *person, made member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.byID[e.ID]; !ok {
		r.byID[e.ID] = true
		r.entries = append(r.entries, known{e, author, made})
	}
}

// pickEntry returns one of the newest entries that fit.
func (r *room) pickEntry(p *person, fits func(known) bool) (known, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some []known
	for i := len(r.entries) - 1; i >= 0 && len(some) < recent; i-- {
		if fits(r.entries[i]) {
			some = append(some, r.entries[i])
		}
	}
	if len(some) == 0 {
		return known{}, false
	}
	return some[p.n(len(some))], true
}

func anyEntry(known) bool { return true }

// alter changes entries, one after another, until working is done.
func (p *person) alter(living, working context.Context) {
	for n := 1; working.Err() == nil; n++ {
		p.rest(working, alterTime)
		m := p.member()
		if m.id == "" || working.Err() != nil {
			continue
		}
		key := fmt.Sprintf("%s~%d", p.name, n)
		switch choice := p.n(20); {
		case choice < 6:
			p.edit(living, m, key)
		case choice < 8:
			p.delete(living, m)
		case choice < 10 && p.user != "":
			p.read(living, m)
		default:
			p.react(living, m, key)
		}
	}
}

// edit changes an entry of the person's.
func (p *person) edit(ctx context.Context, m member, key string) {
	e, ok := p.room.pickEntry(p, func(k known) bool { return k.author == p && (p.user != "" || k.made == m) })
	if !ok {
		return
	}
	recorded := p.room.recorder.EntryChange(history.EntryChange{Kind: history.Edited, Seq: e.Seq, Body: key, Actors: []string{m.id}})
	p.try(ctx, m, recorded, member.name, editOperation, map[string]any{"i": e.ID, "b": key, "k": key})
}

// delete deletes an entry: one of the person's own, or any by the API secret.
func (p *person) delete(ctx context.Context, m member) {
	if p.n(2) == 0 {
		if e, ok := p.room.pickEntry(p, anyEntry); ok {
			recorded := p.room.recorder.EntryChange(history.EntryChange{Kind: history.Deleted, Seq: e.Seq}) // by the server's own connection
			p.try(ctx, member{token: secret}, recorded, nil, deleteOperation, map[string]any{"i": e.ID, "s": p.room.id})
		}
		return
	}
	e, ok := p.room.pickEntry(p, func(k known) bool { return k.author == p && (p.user != "" || k.made == m) })
	if ok {
		recorded := p.room.recorder.EntryChange(history.EntryChange{Kind: history.Deleted, Seq: e.Seq, Actors: []string{m.id}})
		p.try(ctx, m, recorded, member.name, deleteOperation, map[string]any{"i": e.ID})
	}
}

// react reacts to an entry, or takes a reaction back.
func (p *person) react(ctx context.Context, m member, key string) {
	e, ok := p.room.pickEntry(p, anyEntry)
	if !ok {
		return
	}
	name, on := reactionNames[p.n(len(reactionNames))], p.n(3) > 0
	reactor := func(m member) string { // whom the reaction counts for
		if p.user != "" {
			return p.name
		}
		return m.id
	}
	recorded := p.room.recorder.EntryChange(history.EntryChange{Kind: history.Reacted, Seq: e.Seq, Name: name, On: on, Actors: []string{reactor(m)}})
	p.try(ctx, m, recorded, reactor, reactOperation, map[string]any{"i": e.ID, "n": name, "o": on, "k": key})
}

func (m member) name() string { return m.id }

// try asks for a change, on any node and with the connection that the person has by then, until it is answered, it is refused or
// the person gives up. actor names who tries; it is nil for the holder of the API secret.
func (p *person) try(ctx context.Context, m member, recorded history.RecordedChange, actor func(member) string, operation string, variables map[string]any) {
	for {
		var data map[string]entry
		err := ask(ctx, p.client, p.room.world.nodes[p.node()], m.token, operation, variables, &data)
		if err == nil {
			for _, e := range data {
				recorded.Answered(e.recorded())
			}
			return
		}
		if !passing(err) {
			if !p.mayRefuse(err, operation) {
				p.room.world.fault("%s: %.60s… %v: %v", p.name, operation, variables, err)
			}
			return
		}
		if actor != nil && destroyed(err) {
			p.forget(m)
		}
		if p.n(giveUpAfter) == 0 {
			return
		}
		p.pause(ctx, retryTime)
		if actor == nil {
			if ctx.Err() != nil {
				return
			}
			recorded.Retry("")
			continue
		}
		if m = p.awaitMember(ctx); ctx.Err() != nil {
			return
		}
		recorded.Retry(actor(m))
	}
}

// mayRefuse says whether a change may be refused so: its entry was deleted meanwhile, or a person without a user tries
// again as another connection, whose entry it is not.
func (p *person) mayRefuse(err error, operation string) bool {
	e, ok := errors.AsType[*problem](err)
	if !ok || e.Extensions.Code != "FORBIDDEN" {
		return false
	}
	return e.Extensions.Reason == "ENTRY_DELETED" && operation != deleteOperation ||
		e.Extensions.Reason == "" && p.user == "" && operation != reactOperation
}

// browse reads entries and pages until ctx is done.
func (p *person) browse(ctx context.Context) {
	for ctx.Err() == nil {
		p.rest(ctx, browseTime)
		m := p.member()
		if m.id == "" || ctx.Err() != nil {
			continue
		}
		var err error
		if p.n(2) == 0 {
			err = p.readOne(ctx, m)
		} else {
			_, err = p.readPage(ctx, p.node(), m)
		}
		if err != nil && destroyed(err) {
			p.forget(m)
		}
	}
}

// readOne reads an entry.
func (p *person) readOne(ctx context.Context, m member) error {
	e, ok := p.room.pickEntry(p, anyEntry)
	if !ok {
		return nil
	}
	asked := p.room.recorder.Now()
	var data struct{ ChatEntry *entry }
	if err := p.ask(ctx, p.node(), m.token, readOperation, map[string]any{"i": e.ID}, &data); err != nil {
		return err
	}
	if data.ChatEntry == nil {
		p.room.recorder.Read(e.Seq, asked, nil)
		return nil
	}
	got := data.ChatEntry.recorded()
	p.room.recorder.Read(e.Seq, asked, &got)
	data.ChatEntry.quotes(func(e history.Entry) { p.room.recorder.Read(e.Seq, asked, &e) })
	return nil
}

// readPage reads a page of the log: of its end, or after some entry.
func (p *person) readPage(ctx context.Context, node int, m member) (*pageRead, error) {
	variables := map[string]any{"l": 1 + p.n(recent)}
	e, ok := p.room.pickEntry(p, anyEntry)
	newest := !ok || p.n(2) == 0
	if !newest {
		variables = map[string]any{"n": 1 + p.n(recent), "a": e.Cursor}
	}
	asked := p.room.recorder.Now()
	var data struct {
		ChatEntries struct {
			LastCursor string
			Nodes      []entry
		}
	}
	if err := p.ask(ctx, node, m.token, pageOperation, variables, &data); err != nil {
		return nil, err
	}
	var entries []history.Entry
	for _, e := range data.ChatEntries.Nodes {
		entries = append(entries, e.recorded())
		e.quotes(func(e history.Entry) { p.room.recorder.Read(e.Seq, asked, &e) })
	}
	last := data.ChatEntries.LastCursor
	return &pageRead{p.room.recorder.Page(asked, entries, newest, history.Place(last)), last}, nil
}

// pageRead is a page with the cursor to follow the log after.
type pageRead struct {
	page *history.Page
	last string
}
